"""Large kernels of whole numbers: transforms are rounded to the exact outputs."""

from __future__ import annotations

import numpy as np
import pytest
from cases import MODES

from convcli.kernel.engine.dispatch import METHODS, correlate
from convcli.kernel.engine.exactness import parts_of
from convcli.kernel.engine.fft import FFT
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.window import Window

FOR_FLOATS = [
    name for name, method in METHODS.items() if not (method.only_bytes or method.only_words)
]


def correlated(image: np.ndarray, kernel: np.ndarray, stride: tuple[int, int]) -> np.ndarray:
    """Return the correlation in 64-bit integers, tap by tap, without padding."""
    rows, columns = ((image.shape[k] - kernel.shape[k]) // stride[k] + 1 for k in (0, 1))
    sums = np.zeros((rows, columns), np.int64)
    for u, v in np.ndindex(kernel.shape):
        tapped = image[u :: stride[0], v :: stride[1]][:rows, :columns]
        sums += int(kernel[u, v]) * tapped.astype(np.int64)
    return sums


LARGE = {
    "dense": np.random.default_rng(1).integers(-9, 10, (31, 31)),
    "ones": np.ones((41, 33), np.int64),
    "rank 1": np.outer(np.arange(-15, 16), np.arange(31) % 5 + 1),
    "cross": np.eye(31, dtype=np.int64) - np.eye(31, dtype=np.int64)[::-1],
    "disk": (np.hypot(*np.mgrid[-15:16, -15:16]) <= 15.2).astype(np.int64),
}


@pytest.mark.parametrize("stride", [(1, 1), (2, 1), (2, 3)])
@pytest.mark.parametrize("name", LARGE)
def test_large_kernels_are_exact_by_every_method(name: str, stride: tuple[int, int]) -> None:
    kernel = LARGE[name]
    samples = np.random.default_rng(2).integers(0, 256, (140, 330))
    expected = correlated(samples, kernel, stride)
    assert np.abs(kernel).sum() * 255 < 2**24
    window = Window((0, 0), expected.shape, kernel.shape, stride, (1, 1))
    for dtype in (np.uint8, np.float32):
        for method in (*FOR_FLOATS, None):
            too_slow = method in ("direct", "float passes")  # which is for small kernels
            cannot = {"fft": stride != (1, 1), "kn2row": stride[1] > 1}.get(method or "", False)
            if too_slow or cannot:
                continue
            image, weight = samples[None, None].astype(dtype), np.float32(kernel)[None, None]
            found = correlate(image, weight, window, method=method)
            np.testing.assert_array_equal(found[0, 0], expected, err_msg=f"{method}")


@pytest.mark.parametrize("mode", MODES)
def test_samples_too_large_to_round_do_not_affect_others(mode: str) -> None:
    rng = np.random.default_rng(3)
    kernel = rng.integers(-9, 10, (31, 31))
    samples = rng.integers(0, 256, (90, 95))
    expected = correlated(samples, kernel, (1, 1))
    image = samples.astype(np.float32)
    image[0, 0] = 2.0**80
    window = Window((0, 0), expected.shape, kernel.shape, (1, 1), (1, 1), mode)
    weight = np.float32(kernel)[None, None]
    found = correlate(image[None, None], weight, window, method="fft")[0, 0]
    assert found[0, 0] == np.float32(2.0**80 * int(kernel[0, 0]))
    found[0, 0] = expected[0, 0]
    np.testing.assert_array_equal(found, expected)


def test_a_bank_of_whole_and_other_filters_is_exact_where_it_can_be() -> None:
    rng = np.random.default_rng(4)
    whole, other = rng.integers(-9, 10, (2, 21, 21)), rng.random((2, 21, 21))
    samples = rng.integers(0, 256, (2, 70, 80))
    weight = np.stack([whole, other, whole / 8]).astype(np.float32)
    expected = sum(correlated(samples[k], whole[k], (1, 1)) for k in (0, 1))
    window = Window((0, 0), expected.shape, (21, 21), (1, 1), (1, 1))
    image, bias = np.float32(samples)[None], np.float32([1, 2, 3])
    found = correlate(image, weight, window, bias=bias, method="fft")[0]
    np.testing.assert_array_equal(found[0], expected + 1)
    np.testing.assert_array_equal(found[2], expected / 8 + 3)
    near = correlate(image, weight, window, bias=bias, method="banded")[0]
    np.testing.assert_allclose(found[1], near[1], rtol=1e-5)


def test_fractional_samples_are_transformed_in_single_precision() -> None:
    window = Window((0, 0), (70, 80), (31, 31), (1, 1), (1, 1))
    weight = np.float32(LARGE["dense"])[None, None, None]
    image = np.random.default_rng(5).random((1, 100, 110), np.float32)
    method = FFT(ConvolutionProblem(weight, None, window, 110))
    out = np.empty((1, 70, 80), np.float32)
    method.rows(image, out, 0, 0, 70)
    assert not method._in_double
    method.rows(np.rint(image * 255), out, 0, 0, 70)
    assert list(method._in_double) == [1]


@pytest.mark.parametrize(
    ("weight_bits", "sample_bits", "parts"), [(8, 8, 1), (30, 8, 2), (20, 23, 3), (12, 33, None)]
)
def test_numbers_of_many_bits_are_transformed_in_parts(
    weight_bits: int, sample_bits: int, parts: int | None
) -> None:
    rng = np.random.default_rng(9)
    kernel = rng.integers(-(2**weight_bits), 2**weight_bits, (31, 31))
    samples = rng.integers(0, 2**sample_bits, (90, 300))
    expected = correlated(samples, kernel, (1, 1))
    window = Window((0, 0), expected.shape, kernel.shape, (1, 1), (1, 1))
    method = FFT(ConvolutionProblem(kernel[None, None, None] / 2.0**20, None, window, 300))
    found = np.empty((1, *expected.shape))
    method.rows(samples[None].astype(np.float64), found, 0, 0, len(expected))
    np.testing.assert_array_equal(found[0], expected / 2.0**20)
    assert list(method._in_double) == ([] if parts is None else [parts])


def test_parts_add_up_to_the_filters() -> None:
    rng = np.random.default_rng(10)
    weight = rng.integers(-(2**16), 2**16, (2, 3, 2, 4, 5)) / np.float32(8)
    weight = weight.astype(np.float32)
    weight[1, 0, 0, 0, 0] = 2.0**-30  # not whole as float32: its sum has too many bits
    weight[1, 1] = 0
    for count in (1, 2, 3):
        parts = parts_of(weight, count)
        by_part = parts.weight.reshape(2, count, 3, 2, 4, 5)
        np.testing.assert_array_equal(by_part.sum(1), weight)
        units = parts.units.reshape(2, count, 3)
        assert (units[1, :, 0] == 0).all()
        scaled = by_part[0] / units[0, ..., None, None, None]
        np.testing.assert_array_equal(scaled, np.rint(scaled))
        assert np.abs(scaled).max() <= 2 ** (16 // count + 1)
