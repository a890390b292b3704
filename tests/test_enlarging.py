"""Enlarging arrays by products in order, against the reference loops, and seen to be taken."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from convcli import conv_transpose2d
from convcli.kernel import reference
from convcli.kernel import transpose as transpose_module
from convcli.kernel.engine.enlarging import NEAR_BYTES, Enlargement, write_values
from convcli.kernel.engine.enlarging_cost import is_cheap
from convcli.kernel.engine.output_scale import BorderCorrection
from convcli.kernel.engine.transposed import EnlargedTranspose
from convcli.kernel.geometry import conv_transpose_geometry
from convcli.kernel.padding import source_index
from convcli.kernel.transpose import PreparedTranspose
from convcli.pipeline.divisor import Divisor
from convcli.system import threads


def by_loops(planes, kernels, geometry, mode="zeros"):
    """Return the transposed convolution of planes (C, H, W), each by a kernel of its own."""
    return reference.conv_transpose2d(
        planes,
        kernels,
        geometry.image,
        stride=geometry.stride,
        pads=geometry.pads,
        pad_mode=mode,
        dilation=geometry.dilation,
        groups=len(planes),
    )


def enlarged(enlargement, image, geometry, mode):
    """Return the result for one image (H, W, C), computed in three parts of unequal height."""
    height, width = geometry.image
    samples = image.reshape(len(image), -1)
    result = np.full((height, width * image.shape[2]), np.nan)
    bounds = [0, height // 3, height // 3 + 1, height]
    for start, stop in pairwise(bounds):
        index = source_index(*enlargement.rows_read(start, stop), len(image), mode)
        rows = np.where(index[:, None] < 0, 0, samples[index])
        enlargement.rows(rows, result[start:stop], start, stop)
    return result.reshape(height, width, -1)


CASES = [
    ((7, 5), (3, 3), (2, 2), "same", 1, "zeros"),
    ((9, 23), (4, 5), (2, 3), 0, 1, "reflect"),
    ((5, 40), (9, 2), (3, 1), (1, 0, 2, 1), 1, "replicate"),
    ((1, 1), (5, 4), (4, 4), "same", 1, "zeros"),
    ((12, 30), (3, 4), (2, 2), 1, 2, "circular"),
    ((6, 33), (1, 2), (3, 4), 0, 1, "zeros"),
]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("by_rows", [True, False])
def test_enlarging_equals_the_transposed_convolution(case, by_rows):
    size, kernel, stride, pad, dilation, mode = case
    rng = np.random.default_rng(3)
    image, weight = rng.random((*size, 3)), rng.random((1, 1, *kernel)) + 0.1
    geometry = conv_transpose_geometry(size, kernel, stride, pad, 0, dilation)
    planes = by_loops(image.transpose(2, 0, 1), np.repeat(weight, 3, 0), geometry, mode)
    expected = planes.transpose(1, 2, 0)
    plan = Enlargement(weight, geometry, mode, interleaved=3, by_rows=by_rows)
    np.testing.assert_allclose(enlarged(plan, image, geometry, mode), expected, atol=1e-12)
    if dilation > 1 or (np.array(kernel) < stride).any():  # outputs without a tap: no divisor
        return
    divisor = Divisor(weight, geometry, mode, "given")
    plan = Enlargement(
        weight, geometry, mode, interleaved=3, by_rows=by_rows, scales=divisor.scales()
    )
    divided = expected / divisor.rows(0, geometry.image[0])[0][:, :, np.newaxis]
    np.testing.assert_allclose(enlarged(plan, image, geometry, mode), divided, rtol=1e-6)


@pytest.mark.parametrize(
    ("taps", "rank", "channels", "cheap"),
    [(3, 3, 3, False), (9, 9, 3, False), (3, 1, 3, True), (9, 1, 3, True), (3, 1, 64, False)],
)
def test_kernels_of_high_rank_and_many_channels_are_left_to_components(taps, rank, channels, cheap):
    rng = np.random.default_rng(7)
    geometry = conv_transpose_geometry((1536, 2048), (taps, taps), 2, "same", 0, 1)
    kernel = rng.random((taps, rank)) @ rng.random((rank, taps))
    assert is_cheap(kernel[np.newaxis, np.newaxis], geometry, channels) == cheap


def test_a_kernel_for_each_channel():
    rng = np.random.default_rng(8)
    geometry = conv_transpose_geometry((11, 17), (4, 4), 2, 1, 0, 1)
    kernels = rng.random((3, 1, 4, 4))
    kernels[1, 0] = np.outer(kernels[1, 0, 0], kernels[1, 0, 1])  # of another rank
    images = rng.random((3, 11, 17))
    expected = by_loops(images, kernels, geometry)
    for by_rows in (True, False):
        plan = Enlargement(kernels, geometry, "zeros", by_rows=by_rows)
        found = np.empty((3, *geometry.image))
        for group in range(3):
            rows = plan.padded(images[group], 0, geometry.image[0])
            plan.rows(rows, found[group], 0, geometry.image[0], group=group)
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 3e38])
@pytest.mark.parametrize("by_rows", [True, False])
def test_nan_and_infinity_spread_no_further_than_the_kernel(bad, by_rows):
    rng = np.random.default_rng(9)
    image = rng.random((40, 90)).astype(np.float32)
    geometry = conv_transpose_geometry(image.shape, (4, 4), 2, 1, 0, 1)
    kernel = (rng.random((1, 1, 4, 4)) + 2).astype(np.float32)
    plan = Enlargement(kernel, geometry, "zeros", by_rows=by_rows)

    def found():
        result = np.empty(geometry.image, np.float32)
        plan.rows(plan.padded(image, 0, 80), result, 0, 80)
        return result

    clean = found()
    image[20, 30] = bad
    spoilt = found()
    is_finite = np.isfinite(spoilt)
    assert not is_finite[39:43, 59:63].any()
    assert is_finite.sum() == is_finite.size - 16
    np.testing.assert_allclose(spoilt[is_finite], clean[is_finite], rtol=1e-5)
    image[20, 30] = 0.5
    assert np.isfinite(found()).all(), "of the rows before"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES)
def test_arrays_with_separable_kernels_are_enlarged_in_order(case, dtype, monkeypatch):
    size, kernel, stride, pad, dilation, mode = case
    made = []
    monkeypatch.setattr(
        transpose_module,
        "EnlargedTranspose",
        lambda *a, **k: (made.append(1), EnlargedTranspose(*a, **k))[1],
    )
    rng = np.random.default_rng(15)
    images, bias = rng.random((2, 3, *size)).astype(dtype), rng.random(3)
    weight = rng.random((3, 1, kernel[0], 1)) * rng.random((3, 1, 1, kernel[1]))
    found = conv_transpose2d(
        images,
        weight,
        bias,
        stride=stride,
        pad=pad,
        dilation=dilation,
        pad_mode=mode,
        groups=3,
    )
    geometry = conv_transpose_geometry(size, kernel, stride, pad, 0, dilation)
    assert made == [1]
    assert found.dtype == dtype
    for image, result in zip(images, found, strict=True):
        expected = by_loops(image.astype(np.float64), weight, geometry, mode)
        exactness = 1e-5 if dtype == np.float32 else 1e-13
        np.testing.assert_allclose(result, expected + bias[:, None, None], rtol=exactness)


def test_a_large_array_is_computed_in_tasks_of_several_threads():
    image = np.random.default_rng(16).random((1, 700, 900))
    weight = np.outer([1.0, 2, 3, 1], [2.0, 1, 1, 4])[np.newaxis, np.newaxis]
    found = conv_transpose2d(image, weight, stride=2, pad=1, pad_mode="reflect")
    geometry = conv_transpose_geometry((700, 900), (4, 4), 2, 1, 0, 1)
    by_components = PreparedTranspose(weight, geometry, pad_mode="reflect").whole(image[None])[0]
    np.testing.assert_allclose(found, by_components, rtol=1e-13)


@pytest.mark.parametrize("separates", [True, False])
@pytest.mark.parametrize("stride", [(2, 2), (2, 3), (1, 2)])
def test_what_is_left_of_a_divisor_is_the_same_for_each_phase_by_itself(stride, separates):
    rng = np.random.default_rng(17)
    weight = rng.random((1, 1, 5, 4)) + 0.1
    if separates:
        weight[0, 0] = np.outer(weight[0, 0, :, 0], weight[0, 0, 0])
    geometry = conv_transpose_geometry((40, 30), (5, 4), stride, "same", 0, 1)
    (height, width), channels = geometry.image, 3
    scale = Divisor(weight, geometry, "zeros", "given").scales()[0]
    correction = BorderCorrection(scale, scale.period(*stride), channels, np.dtype(np.float64))
    values = rng.random((height, width, channels))
    pixels = values.copy()
    correction.apply(values.reshape(height, -1), 0, height)
    assert (values != pixels).any()
    for y, x in np.ndindex(stride):
        for start, stop in pairwise([0, 7, 8, height // stride[0]]):
            rows = range(start * stride[0] + y, stop * stride[0], stride[0])
            phase = np.ascontiguousarray(pixels[rows, x :: stride[1]])
            correction.apply_to_phase(phase.reshape(len(rows), -1), rows, x, stride[1])
            np.testing.assert_allclose(phase, values[rows, x :: stride[1]], rtol=1e-15)


@pytest.mark.parametrize("clips", [True, False])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_values_are_written_alike_however_many_they_are(dtype, clips):
    top = 1 if dtype == np.float32 else np.iinfo(dtype).max
    values = np.random.default_rng(18).random((900, 700)).astype(np.float32) * top
    if clips:
        values = values * 3 - top
    assert values[:1].nbytes <= NEAR_BYTES < values.nbytes
    expected = values + np.float32(0.25)
    if dtype != np.float32:
        expected = np.floor(np.clip(expected, 0, top) + np.float32(0.5))
    for rows in (900, 1):
        found = np.empty((rows, 700), dtype)
        write_values(values[:rows].copy(), found, 0.25, clips=clips or dtype != np.float32)
        np.testing.assert_array_equal(found, expected[:rows].astype(dtype))


def test_threads_that_share_tasks_enlarge_more_rows_at_once(monkeypatch):
    image = np.random.default_rng(19).random((300, 1024)).astype(np.float32)
    geometry = conv_transpose_geometry(image.shape, (4, 4), 2, 1, 0, 1)
    kernel = np.outer([1, 2, 3, 1], [2, 1, 1, 4]).astype(np.float32)[np.newaxis, np.newaxis]
    blocks, results = [], []
    for shares in (False, True):
        monkeypatch.setattr(threads, "shares_tasks", lambda shares=shares: shares)
        plan = Enlargement(kernel, geometry, "zeros")
        found = [
            (stop - start, values.copy())
            for start, stop, values in plan.blocks(plan.padded(image, 0, 600), 0, 600)
        ]
        blocks.append(max(rows for rows, _ in found))
        results.append(np.concatenate([values for _, values in found]))
    assert blocks[1] > 1.9 * blocks[0]
    np.testing.assert_array_equal(*results)
