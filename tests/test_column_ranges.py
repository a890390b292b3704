"""Very wide rows are computed in ranges of columns, with the results of whole rows."""

from __future__ import annotations

import numpy as np
import pytest
from cases import MODES

from convcli.kernel.engine import dispatch, fft
from convcli.kernel.engine.column_ranges import MOST_SAMPLES, ColumnRanges, range_width
from convcli.kernel.engine.decimated import TOLERANCE
from convcli.kernel.engine.dispatch import METHODS, prepare
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.factors import Factors
from convcli.kernel.window import Window

WHOLE = np.float32([[1, 0, -1], [2, 0, -2], [1, 0, -1]])


def profile(sigma: float, taps: int) -> np.ndarray:
    return np.exp(-((np.arange(taps) - taps // 2) ** 2) / (2 * sigma**2)) / (2.5066 * sigma)


def problem(
    name: str, mode: str, channels: int, stride: tuple[int, int], width: int
) -> ConvolutionProblem:
    weight = WHOLE[np.newaxis, np.newaxis, np.newaxis]
    if name in ("separable", "decimated"):
        gaussian = profile(4, 33).astype(np.float32)
        weight = Factors(gaussian, gaussian)
    elif name == "box":
        weight = np.full((1, 1, 1, 5, 11), np.float32(1 / 55))
    elif name in ("fft", "packed fft"):
        weight = np.random.default_rng(1).random((1, 1, 1, 13, 9), np.float32) / 70
    taps = weight.shape[-2:]
    window = Window(
        (-(taps[0] // 2), -(taps[1] // 2) - 3), (21, width), taps, stride, (1, 1), mode, channels
    )
    bias = None if name == "packed fft" else np.float32([[0.5]])
    return ConvolutionProblem(weight, bias, window, width * stride[1] - 2)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", METHODS)
def test_ranges_have_the_results_of_whole_rows(name: str, mode: str) -> None:
    method = METHODS[name]
    is_for_integers = method.only_bytes or method.only_words
    at_stride_1 = is_for_integers or name in ("fft", "float passes", "kn2row")
    strides = [(1, 1)] if at_stride_1 else [(1, 1), (2, 3)]
    samples = np.uint16 if method.only_words else np.uint8
    for stride in strides:
        for channels in (1, 3) if stride[1] == 1 else (1,):
            given = problem(name, mode, channels, stride, 67)
            size = (1, 1, 40, given.width * channels)
            source = np.random.default_rng(0).integers(0, 256, size, samples)
            is_float = name == "int16 to floats" or not is_for_integers
            dtype = np.float32 if is_float else samples
            whole = np.empty((1, 1, 21, 67 * channels), dtype)
            dispatch.run(method(given), source, whole)
            ranges = ColumnRanges(method, given, 20)
            assert len(ranges.ranges) == 4
            found = np.empty_like(whole)
            dispatch.run(ranges, source, found)
            # Decimated columns begin anew in every range.
            tolerance = 1 if name == "decimated" else 2e-3 if dtype == np.float32 else 0
            np.testing.assert_allclose(found.astype(float), whole, rtol=0, atol=tolerance)
            if name == "decimated":
                assert (found != whole).mean() < 2 * TOLERANCE


def test_wide_rows_alone_are_cut() -> None:
    given = problem("banded", "zeros", 3, (1, 1), MOST_SAMPLES)
    assert isinstance(prepare(given), ColumnRanges)
    assert isinstance(prepare(given, keep=True), ColumnRanges)
    photo = problem("banded", "zeros", 3, (1, 1), 6000)
    assert not isinstance(prepare(photo), ColumnRanges)
    large = np.zeros((1, 1, 1, 1000, 1000), np.float32)
    window = photo.window._replace(kernel=(1000, 1000))
    dense = ConvolutionProblem(large, None, window, 6000)
    assert range_width(METHODS["fft"], dense) <= 2000


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("is_whole", [False, True])
def test_large_tiles_read_samples_as_they_are(
    dtype: type, is_whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(2)
    weight = rng.integers(-3, 9, (1, 1, 1, 11, 7)).astype(np.float32)
    if not is_whole:
        weight /= 300
    window = Window((-5, -3), (40, 90), (11, 7), (1, 1), (1, 1), "reflect", 3)
    given = ConvolutionProblem(weight, None, window, 90)
    source = rng.integers(0, 256, (1, 1, 40, 270)).astype(dtype)
    expected = np.empty((1, 1, 40, 270), np.float32)
    dispatch.run(METHODS["direct"](given), source, expected)
    monkeypatch.setattr(fft, "LARGE_TILE", 1)
    found = np.empty_like(expected)
    dispatch.run(METHODS["fft"](given), source, found)
    np.testing.assert_allclose(found, expected, rtol=0, atol=0 if is_whole else 2e-3)


def test_ranges_are_whole_tiles() -> None:
    large = np.zeros((1, 1, 1, 1000, 1000), np.float32)
    window = Window((0, 0), (1000, 6000), (1000, 1000), (1, 1), (1, 1), "zeros", 3)
    width = range_width(METHODS["fft"], ConvolutionProblem(large, None, window, 6000))
    assert width == 1000  # of six tiles of 2048, each of which gives up to 1049
