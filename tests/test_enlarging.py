"""Enlarging by products in order, against the reference loops, and seen to be taken."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from convcli import Filter, Picture, conv_transpose2d, upsample, write_image
from convcli.images import Frame
from convcli.images.raster import ArrayRaster, PillowRaster
from convcli.kernel import reference
from convcli.kernel import transpose as transpose_module
from convcli.kernel.engine.enlarging import Enlargement
from convcli.kernel.engine.enlarging_cost import is_cheap
from convcli.kernel.engine.transposed import EnlargedTranspose
from convcli.kernel.geometry import PAD_MODES, conv_transpose_geometry
from convcli.kernel.padding import source_index
from convcli.kernel.transpose import PreparedTranspose
from convcli.pipeline import enlarge as enlarge_module
from convcli.pipeline.divisor import Divisor


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
    expected = reference.conv_transpose2d(
        image.transpose(2, 0, 1),
        np.repeat(weight, 3, 0),
        geometry.image,
        stride=geometry.stride,
        pads=geometry.pads,
        pad_mode=mode,
        dilation=geometry.dilation,
        groups=3,
    ).transpose(1, 2, 0)
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


@pytest.mark.parametrize("preset", ["nearest", "bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_enlarged_samples_are_those_of_the_floats_rounded(preset, dtype, taken):
    top = np.iinfo(dtype).max
    samples = np.random.default_rng(4).integers(0, top, (37, 61, 3), dtype, endpoint=True)
    picture = Picture((Frame.of(samples, "RGB"),))
    result = upsample(picture, preset, scale=(2, 3)).frames[0].samples
    assert taken, "the fast path was not taken"
    planes = [
        np.asarray(
            Image.fromarray(samples[..., c].astype(np.float32)).resize(
                (183, 74), Image.Resampling[preset.upper()]
            )
        )
        for c in range(3)
    ]
    exact = np.clip(np.stack(planes, -1).astype(np.float64), 0, top)
    assert result.dtype == dtype
    assert np.abs(result - exact).max() <= 0.5 + (0.001 if dtype == np.uint8 else 0.05)


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
    expected = reference.conv_transpose2d(
        images, kernels, geometry.image, stride=(2, 2), pads=geometry.pads, groups=3
    )
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


def test_a_kernel_of_whole_numbers_is_exact():
    samples = np.random.default_rng(5).integers(0, 40, (20, 31, 1), np.uint8)
    kernel = np.array([[1, 0, 2], [-1, 3, 1], [1, 1, 0]])
    result = upsample(Picture((Frame.of(samples, "L"),)), Filter(kernel)).frames[0].samples
    planes = samples.transpose(2, 0, 1).astype(np.float64)
    geometry = conv_transpose_geometry((20, 31), (3, 3), 2, "same", 0, 1)
    weight = kernel[np.newaxis, np.newaxis].astype(np.float64)
    exact = PreparedTranspose(weight, geometry).whole(planes[np.newaxis])[0]
    np.testing.assert_array_equal(result[..., 0], np.clip(exact[0], 0, 255))


def test_nearest_repeats_pixels():
    samples = np.random.default_rng(6).integers(0, 256, (700, 301, 3), np.uint8)
    picture = Picture((Frame.of(samples, "RGB"),))
    result = upsample(picture, "nearest", scale=(3, 2)).frames[0].samples
    np.testing.assert_array_equal(result, samples.repeat(3, 0).repeat(2, 1))


@pytest.mark.parametrize(("format_name", "mode"), [("JPEG", "RGB"), ("JPEG", "L"), ("PNG", "RGBA")])
def test_a_result_is_encoded_from_its_array_as_from_an_image(
    format_name, mode, tmp_path, monkeypatch
):
    channels = len(mode)
    samples = np.random.default_rng(10).integers(0, 256, (500, 700, channels), np.uint8)
    picture = upsample(Picture((Frame.of(samples, mode),)), "bilinear")
    assert isinstance(picture.frames[0].raster, ArrayRaster)
    image = Image.fromarray(picture.frames[0].samples.squeeze())
    by_image = Picture((Frame(PillowRaster(image), mode),))
    paths = [tmp_path / f"{name}.{format_name.lower()}" for name in ("image", "array")]
    write_image(by_image, paths[0])
    monkeypatch.setattr(Image, "frombuffer", counted := Counted(Image.frombuffer))
    write_image(picture, paths[1])
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert all(size[1] < 1000 for size in counted.sizes), "the whole picture was copied"


class Counted:
    """A function that makes images, with their sizes."""

    def __init__(self, make):
        self.make, self.sizes = make, []

    def __call__(self, mode, size, *rest):
        self.sizes.append(size)
        return self.make(mode, size, *rest)


def from_layers(monkeypatch, make):
    """Return what ``make()`` returns by way of planes of floats, and as samples lie."""
    found = make()
    with monkeypatch.context() as patch:
        patch.setattr(enlarge_module, "can_enlarge_samples", lambda *a: False)
        patch.setattr(enlarge_module, "enlarge_samples", None)
        return make(), found


DENSE = Filter(np.random.default_rng(11).random((5, 4)) - 0.1, divisor=2.5)
SEPARABLE = Filter(np.outer(*np.random.default_rng(14).random((2, 4)) + 0.1), divisor=1.4)


@pytest.fixture
def taken(monkeypatch):
    """A list with an element for every frame that is enlarged as its samples lie."""
    calls, take = [], enlarge_module.enlarge_samples
    monkeypatch.setattr(
        enlarge_module, "enlarge_samples", lambda *a, **k: (calls.append(1), take(*a, **k))
    )
    return calls


def picture_of(mode, dtype, size=(23, 41)):
    """Return noise whose left third is opaque, if it has alpha, and a part of it transparent."""
    rng, top = np.random.default_rng(12), np.iinfo(dtype).max
    samples = rng.integers(0, top, (*size, len(mode)), dtype, endpoint=True)
    if "A" in mode:
        samples[:, : size[1] // 3, -1] = top
        samples[5:12, 20:, -1] = 0
    return Picture((Frame.of(samples, mode),))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize(
    "filter",
    ["bicubic", "nearest", DENSE, SEPARABLE],
    ids=["bicubic", "nearest", "dense", "separable"],
)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"linear": True},
        {"as_float": True},
        {"depth": "16"},
        {"linear": True, "depth": "16", "normalize": True},
        {"normalize": True},
        {"scale": (3, 1)},
        {"scale": (1, 4), "normalize": False},
    ],
    ids=str,
)
def test_samples_are_enlarged_as_they_lie_as_by_planes(mode, filter, options, monkeypatch, taken):
    picture = picture_of(mode, np.uint8)
    if filter is DENSE and "scale" in options:
        options = options | {"scale": options["scale"][::-1]}
    expected, found = from_layers(monkeypatch, lambda: upsample(picture, filter, **options))
    assert taken == [1]
    check_equal(found, expected)


@pytest.mark.parametrize("filter", [DENSE, SEPARABLE], ids=["dense", "separable"])
@pytest.mark.parametrize("pad_mode", PAD_MODES)
@pytest.mark.parametrize(
    "changes", [{}, {"preserve_alpha": True}, {"bias": 0.25}, {"pad": (1, 0, 2, 1)}], ids=str
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_settings_of_the_filter_are_those_of_planes(
    filter, pad_mode, changes, dtype, monkeypatch, taken
):
    picture = picture_of("RGBA", dtype)
    changed = filter.override(pad_mode=pad_mode, **changes)
    expected, found = from_layers(monkeypatch, lambda: upsample(picture, changed, scale=2))
    assert taken == [1]
    check_equal(found, expected)


def check_equal(found, expected):
    """Compare pictures: integers may differ by one where a value lies between two."""
    a, b = (picture.frames[0].samples for picture in (found, expected))
    assert (a.dtype, a.shape) == (b.dtype, b.shape)
    if a.dtype == np.float32:
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=2e-6)
        return
    difference = np.abs(a.astype(int) - b)
    assert difference.max() <= 1
    assert difference.mean() < (0.001 if a.dtype == np.uint8 else 0.05)


@pytest.mark.parametrize("filter", ["lanczos", DENSE], ids=["lanczos", "dense"])
def test_floats_are_enlarged_as_they_lie(filter, monkeypatch, taken):
    values = np.random.default_rng(13).standard_normal((2, 30, 37)).astype(np.float32)
    values[0, 10, 11] = np.nan
    picture = Picture.from_array(values)
    expected, found = from_layers(monkeypatch, lambda: upsample(picture, filter))
    assert taken == [1]
    np.testing.assert_allclose(found.tensor, expected.tensor, rtol=1e-4, atol=2e-6)


def test_what_enlarges_is_prepared_once_for_frames_of_a_size(monkeypatch, taken):
    enlarge_module._prepared._made.clear()
    made = []
    monkeypatch.setattr(
        enlarge_module, "Enlargement", lambda *a, **k: (made.append(1), Enlargement(*a, **k))[1]
    )
    frames = tuple(picture_of("RGBA", np.uint8).frames[0] for _ in range(3))
    upsample(Picture(frames), "bilinear")
    upsample(picture_of("RGBA", np.uint8), "bilinear")
    assert len(taken) == 4
    assert len(made) == 1
    upsample(picture_of("RGBA", np.uint8, (24, 41)), "bilinear")
    assert len(made) == 2


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("filter", [DENSE, SEPARABLE], ids=["dense", "separable"])
@pytest.mark.parametrize("scale", [2, (2, 3)])
def test_large_pictures_are_enlarged_in_several_blocks(
    filter, scale, normalize, monkeypatch, taken
):
    picture = picture_of("RGB", np.uint8, (400, 901))

    def make():
        return upsample(picture, filter, scale=scale, normalize=normalize)

    expected, found = from_layers(monkeypatch, make)
    assert taken == [1]
    check_equal(found, expected)


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
        expected = reference.conv_transpose2d(
            image.astype(np.float64),
            weight,
            geometry.image,
            stride=geometry.stride,
            pads=geometry.pads,
            pad_mode=mode,
            dilation=geometry.dilation,
            groups=3,
        )
        exactness = 1e-5 if dtype == np.float32 else 1e-13
        np.testing.assert_allclose(result, expected + bias[:, None, None], rtol=exactness)


def test_a_large_array_is_computed_in_tasks_of_several_threads():
    image = np.random.default_rng(16).random((1, 700, 900))
    weight = np.outer([1.0, 2, 3, 1], [2.0, 1, 1, 4])[np.newaxis, np.newaxis]
    found = conv_transpose2d(image, weight, stride=2, pad=1, pad_mode="reflect")
    geometry = conv_transpose_geometry((700, 900), (4, 4), 2, 1, 0, 1)
    by_components = PreparedTranspose(weight, geometry, pad_mode="reflect").whole(image[None])[0]
    np.testing.assert_allclose(found, by_components, rtol=1e-13)
