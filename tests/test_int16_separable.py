"""Separable kernels of whole numbers in 16-bit passes: exact, and taken."""

from __future__ import annotations

import numpy as np
import pytest
from cases import MODES

from convcli.kernel.engine import dispatch
from convcli.kernel.engine.dispatch import choose
from convcli.kernel.engine.int16_separable import Int16Separable, passes_of
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.engine.steps import Profile
from convcli.kernel.window import Window

BINOMIAL = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256
KERNELS = {
    "binomial": (BINOMIAL, 0.0),
    "binomial with bias": (BINOMIAL, -0.5),
    "binomial 7": (np.outer([1, 6, 15, 20, 15, 6, 1], [1, 2, 1]) / 256, 0.25),
    "sobel 5": (np.outer([1, 4, 6, 4, 1], [-1, -2, 0, 2, 1]) / 4, 127.5),
    "lopsided": (np.outer([3, -1, 0, 2], [1, 0, 5]), 20.0),
    "row": (np.array([[1.0, 2, 3, 2, 1]]) / 8, 0.0),
    "column": (np.array([[1.0], [0], [-3]]), 300.0),
    "minus one": (np.array([[-1.0]]), 255.0),
    "one": (np.array([[1.0]]), 0.0),
    "falling": (np.outer([0, 1, 1], [0, 0, -1]), 255.0),
}


def problem(
    weight: np.ndarray, bias: float, mode: str = "reflect", channels: int = 3
) -> ConvolutionProblem:
    taps = weight.shape
    window = Window((-(taps[0] // 2), -1), (37, 29), taps, (1, 1), (1, 1), mode, channels)
    kernel = weight[np.newaxis, np.newaxis, np.newaxis].astype(np.float32)
    return ConvolutionProblem(kernel, np.float32([[bias]]) if bias else None, window, 28)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", KERNELS)
def test_sums_are_exact(name: str, channels: int, mode: str) -> None:
    weight, bias = KERNELS[name]
    given = problem(weight, bias, mode, channels)
    source = np.random.default_rng(0).integers(0, 256, (1, 1, 36, 28 * channels), np.uint8)
    source[..., ::3] = source[..., ::3] // 128 * 255
    exact = np.empty((1, 1, 37, 29 * channels))
    doubles = given._replace(weight=given.weight.astype(np.float64), bias=None)
    dispatch.run(dispatch.METHODS["direct"](doubles), source, exact)
    expected = np.clip(np.floor(exact + bias + 0.5), 0, 255)
    for samples in (1, 400, 1 << 17):
        found = np.empty(exact.shape, np.uint8)
        dispatch.run(Int16Separable(given, samples), source, found)
        np.testing.assert_array_equal(found, expected)


def test_pairs_are_taken_out_of_a_profile() -> None:
    assert Profile.of(np.array([1.0, 4, 6, 4, 1])) == ((1,), 4)
    assert Profile.of(np.array([-1.0, 0, 1])) == ((-1, 1), 1)
    assert Profile.of(np.array([1.0, 2, 3])) == ((1, 2, 3), 0)
    assert Profile.of(np.array([1.0, 1, 0])) == ((1, 0), 1)


def test_it_is_taken_where_it_is_fastest_and_exact() -> None:
    given = problem(BINOMIAL, 0.0)
    assert choose(given, from_bytes=True) == "int16 separable"
    assert choose(given) != "int16 separable"
    window = given.window
    others = [
        given._replace(window=window._replace(stride=(2, 1))),
        given._replace(window=window._replace(dilation=(1, 2))),
        problem(np.outer([300, 1], [1, 1]), 0.0),  # sums that 16 bits do not hold
        problem(np.full((2, 3), 1e30), 0.0),
        problem(np.eye(3), 0.0),
        problem(np.ones((3, 3)) / 9, 0.0),
    ]
    for other in others:
        assert passes_of(other) is None
    with pytest.raises(ValueError, match="not a separable kernel"):
        Int16Separable(others[-1])
