"""Pictures enlarged as their samples lie, against planes of floats, and seen to be taken."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from convcli import Filter, Picture, upsample, write_image
from convcli.images import Frame
from convcli.images.raster import ArrayRaster, PillowRaster
from convcli.kernel.engine.banded import Banded
from convcli.kernel.engine.enlarging import Enlargement
from convcli.kernel.engine.interleaved_transpose import InterleavedTranspose
from convcli.kernel.geometry import PAD_MODES, conv_transpose_geometry
from convcli.kernel.transpose import PreparedTranspose
from convcli.pipeline import enlarge as enlarge_module


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


@pytest.mark.parametrize("mode", ["LA", "RGB", "RGBA"])
@pytest.mark.parametrize("options", [{}, {"normalize": True}, {"linear": True}], ids=str)
def test_dense_kernels_finish_samples_before_they_are_put_in_order(
    mode, options, monkeypatch, taken
):
    written, write = [], InterleavedTranspose.write
    monkeypatch.setattr(
        InterleavedTranspose, "write", lambda *a: (written.append(a[3:5]), write(*a))[1]
    )
    monkeypatch.setattr(InterleavedTranspose, "blocks", None)
    picture = picture_of(mode, np.uint8, (300, 700))
    expected, found = from_layers(
        monkeypatch, lambda: upsample(picture, DENSE, scale=(2, 3), **options)
    )
    assert len(written) > 1
    assert taken == [1]
    check_equal(found, expected)


@pytest.mark.parametrize("scale", [2, 3, (2, 3)])
def test_sums_of_dense_kernels_are_written_where_they_stay(scale, monkeypatch, taken):
    picture = picture_of("RGB", np.uint8, (64, 256))  # of whole chunks
    kernel = Filter(np.random.default_rng(20).random((5, 5)), divisor=4)
    expected, found = from_layers(monkeypatch, lambda: upsample(picture, kernel, scale=scale))
    assert taken == [1]
    check_equal(found, expected)
    enlarge_module._prepared._made.clear()
    monkeypatch.setattr(Banded, "finish", None)
    upsample(picture, kernel, scale=scale)
