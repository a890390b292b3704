"""Boxes by running sums: exact, at every size and border."""

from __future__ import annotations

import numpy as np
import pytest
from cases import MODES

from convcli.kernel.engine import dispatch
from convcli.kernel.engine.box import Box, box_weight
from convcli.kernel.engine.dispatch import choose
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.factors import Factors
from convcli.kernel.window import Window


def problem(
    taps: tuple[int, int],
    mode: str = "zeros",
    channels: int = 1,
    weight: float = 1.0,
    bias: float = 0.0,
) -> ConvolutionProblem:
    window = Window(
        (-(taps[0] // 2), -(taps[1] // 2)), (37, 29), taps, (1, 1), (1, 1), mode, channels
    )
    factors = Factors(np.full(taps[0], weight, np.float32), np.ones(taps[1], np.float32))
    return ConvolutionProblem(factors, np.float32([[bias]]) if bias else None, window, 29)


TAPS = [(1, 1), (1, 7), (7, 1), (2, 3), (5, 16), (31, 31), (64, 63), (101, 255), (130, 8)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("taps", TAPS)
def test_a_box_is_the_exact_mean(taps: tuple[int, int], channels: int, mode: str) -> None:
    count = taps[0] * taps[1]
    given = problem(taps, mode, channels, 1 / count, bias=0.25)
    source = np.random.default_rng(0).integers(0, 256, (1, 1, 37, 29 * channels), np.uint8)
    found, sums = np.empty_like(source), np.empty(source.shape)
    dispatch.run(Box(given), source, found)
    whole = problem(taps, mode, channels).weight
    assert isinstance(whole, Factors)
    doubles = given._replace(weight=whole.astype(np.float64), bias=None)
    dispatch.run(dispatch.METHODS["direct"](doubles), source, sums)
    exact = np.clip(sums / count + 0.25, 0, 255)
    assert np.abs(found - exact).max() <= 0.5 + 1e-4


def test_sums_do_not_depend_on_threads_and_strips() -> None:
    given = problem((9, 6), "reflect", 3, 1 / 54)
    source = np.random.default_rng(0).integers(0, 256, (1, 1, 37, 87), np.uint8)
    whole, found = np.empty_like(source), np.empty_like(source)
    dispatch.run(Box(given), source, whole, threads=1)
    method = Box(given)
    for start in range(0, 37, 5):
        method.rows(source[0], found[0], 0, start, min(start + 5, 37))
    np.testing.assert_array_equal(found, whole)


def test_large_boxes_of_bytes_alone_are_running_sums() -> None:
    assert choose(problem((1001, 1001), weight=1e-6), from_bytes=True) == "box"
    assert choose(problem((101, 101), weight=1e-4), from_bytes=True) == "box"
    assert choose(problem((1001, 1001), weight=1e-6)) == "separable"
    dense = problem((61, 61), weight=2e-4)
    dense = dense._replace(weight=dense.dense)
    assert choose(dense, from_bytes=True) == "box"
    other = dense.weight.copy()
    other[..., 0, 0] = 0
    assert box_weight(dense._replace(weight=other)) is None
    assert box_weight(dense._replace(window=dense.window._replace(stride=(2, 1)))) is None
    assert box_weight(problem((3000, 3000))) is None  # sums that 32 bits do not hold
    with pytest.raises(ValueError, match="not a box"):
        Box(dense._replace(weight=other))
