"""One picture through its filters: transparency, channels, ranges, upsampling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcli import (
    Filter,
    FilterError,
    ImageError,
    ImageWarning,
    Picture,
    ShapeError,
    apply_filters,
    conv2d,
    conv_transpose2d,
    load_filter,
    read_image,
    upsample,
)
from convcli.filters.bundled import bundled_filters
from convcli.images import Frame
from convcli.pipeline import routes
from convcli.pipeline.apply import upsampling
from convcli.pipeline.operators import Convolution, TransposedConvolution
from convcli.pipeline.process import Processing, predict, process
from convcli.pipeline.strips import StripSizes, convolve_samples

MEAN = Filter(np.full((3, 3), 1 / 9), pad_mode="replicate", name="mean")
RNG = np.random.default_rng(11)


def picture(samples: np.ndarray, mode: str) -> Picture:
    return Picture((Frame.of(samples, mode),), "PNG")


def noise(mode: str, dtype: type = np.uint8) -> Picture:
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    top = 256 if dtype == np.uint8 else 65536
    return picture(np.random.default_rng(5).integers(0, top, (8, 11, channels), dtype), mode)


def only(result: Picture) -> Frame:
    (frame,) = result.frames
    return frame


def test_no_colour_leaks_out_of_transparent_pixels() -> None:
    green, red = [0, 255, 0, 0], [255, 0, 0, 255]
    row = [green] * 4 + [red] * 4
    result = only(apply_filters(picture(np.array([row] * 5, np.uint8), "RGBA"), [MEAN])).samples
    assert result[2, 3].tolist() == [255, 0, 0, 85]
    assert result[2, 4].tolist() == [255, 0, 0, 170]
    assert not result[..., 1].any()


def test_preserve_alpha_filters_colour_alone() -> None:
    source = noise("RGBA")
    result = only(apply_filters(source, [MEAN.override(preserve_alpha=True)])).samples
    opaque = picture(np.ascontiguousarray(only(source).samples[..., :3]), "RGB")
    np.testing.assert_array_equal(result[..., 3], only(source).samples[..., 3])
    np.testing.assert_array_equal(result[..., :3], only(apply_filters(opaque, [MEAN])).samples)


@pytest.mark.parametrize("preserve", [True, False])
@pytest.mark.parametrize(("mode", "opaque_mode"), [("LA", "L"), ("RGBA", "RGB")])
def test_opaque_pictures_come_out_as_without_alpha(
    mode: str, opaque_mode: str, preserve: bool
) -> None:
    source = noise(mode)
    only(source).samples[..., -1] = 255
    plain = picture(np.ascontiguousarray(only(source).samples[..., :-1]), opaque_mode)
    sharpen = load_filter("sharpen").override(bias=0.111, preserve_alpha=preserve)
    result, expected = apply_filters(source, [sharpen]), apply_filters(plain, [sharpen])
    np.testing.assert_array_equal(only(result).samples[..., :-1], only(expected).samples)
    assert (only(result).samples[..., -1] == 255).all()


def test_the_bias_lightens_colour_and_not_transparency() -> None:
    source = picture(np.full((3, 3, 4), [100, 100, 100, 51], np.uint8), "RGBA")
    lighter = Filter([[1.0]], bias=0.2)
    assert only(apply_filters(source, [lighter])).samples[1, 1].tolist() == [151, 151, 151, 51]


@pytest.mark.parametrize("preserve", [True, False])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_identity_returns_every_picture(mode: str, dtype: type, preserve: bool) -> None:
    source = noise(mode, dtype)
    identity = load_filter("identity").override(preserve_alpha=preserve)
    result = only(apply_filters(source, [identity]))
    assert (result.mode, result.samples.dtype) == (mode, dtype)
    before, after = only(source).samples.astype(int), result.samples.astype(int)
    if mode in ("LA", "RGBA") and not preserve:
        seen = before[..., -1] > 0
        np.testing.assert_allclose(after[seen], before[seen], atol=1)
    else:
        np.testing.assert_array_equal(after, before)


def test_every_filter_gives_what_the_kernel_gives(samples: Path) -> None:
    source = noise("RGB")
    tensor = source.tensor
    for name in bundled_filters():
        loaded = load_filter(name)
        result = apply_filters(source, [loaded], as_float=True).tensor
        if loaded.weight.ndim == 2:
            weight, groups = np.repeat(loaded.kernel, 3, 0), 3
        elif loaded.reduce:
            weight, groups = np.tile(loaded.kernel, (3, 1, 1, 1)), 3
        else:
            weight, groups = loaded.kernel, 1
        expected = conv2d(tensor, weight, pad="same", pad_mode=loaded.pad_mode, groups=groups)
        if loaded.reduce:
            outputs = expected.reshape(3, 2, *expected.shape[1:])
            expected = np.sqrt((outputs**2).sum(1))
        np.testing.assert_allclose(result, expected + np.max(loaded.offsets), atol=1e-5)


def test_a_falling_edge_is_black_when_clipped_and_white_as_absolute_value() -> None:
    edge = picture(np.array([[255, 255, 0, 0]] * 3, np.uint8)[..., None], "L")
    sobel = load_filter("sobel-x")
    assert only(apply_filters(edge, [sobel.override(range="clip")])).samples[1, 1, 0] == 0
    assert only(apply_filters(edge, [sobel])).samples[1, 1, 0] == 255


def test_rescale_stretches_to_the_full_range() -> None:
    source = noise("L")
    result = only(apply_filters(source, [load_filter("edge-detect").override(range="rescale")]))
    assert (result.samples.min(), result.samples.max()) == (0, 255)
    flat = picture(np.full((3, 3, 1), 100, np.uint8), "L")
    kept = only(apply_filters(flat, [Filter([[1.0]], range="rescale")]))
    assert (kept.samples == 100).all()


@pytest.mark.parametrize("keeps", [False, True])
def test_invisible_pixels_do_not_affect_rescale(keeps: bool) -> None:
    samples = np.array([[[0, 0, 0, 0], [100, 120, 110, 255], [150, 150, 150, 128]]], np.uint8)
    one = Filter([[1.0]], range="rescale", preserve_alpha=keeps)
    result = only(apply_filters(picture(samples, "RGBA"), [one])).samples
    assert result[0, 1].tolist() == [0, 102, 51, 255]
    assert np.abs(result[0, 2].astype(int) - (255, 255, 255, 128)).max() <= 1


def test_rescale_ignores_nan_and_infinity() -> None:
    values = np.array([[1, np.nan, 3], [np.inf, 5, -np.inf]], np.float32)
    result = apply_filters(Picture.from_array(values), [Filter([[1.0]], range="rescale")])
    expected = [[[0, np.nan, 0.5], [np.inf, 1, -np.inf]]]
    np.testing.assert_array_equal(result.tensor, np.array(expected, np.float32))


def test_rescale_does_not_stretch_what_rounding_leaves_of_a_flat_picture() -> None:
    flat = picture(np.full((40, 40, 1), 77, np.uint8), "L")
    weight = np.random.default_rng(4).normal(size=(9, 9))
    kernel = Filter(weight - weight.mean(), range="rescale", pad_mode="reflect")
    assert not only(apply_filters(flat, [kernel])).samples.any()


def test_a_bank_is_reduced_as_it_says() -> None:
    bank = [[[[1.0]]], [[[-2.0]]]]
    source = picture(np.full((1, 1, 3), [10, 20, 30], np.uint8), "RGB")
    for reduce, expected in (
        ("max", [10, 20, 30]),
        ("magnitude", [22, 45, 67]),
        ("sum", [0, 0, 0]),
    ):
        result = apply_filters(source, [Filter(bank, reduce=reduce)])
        assert only(result).samples[0, 0].tolist() == expected


def test_chained_filters_are_neither_rounded_nor_clipped_in_between() -> None:
    source = noise("RGB")
    up, down = Filter([[1000.0]], bias=-0.3), Filter([[0.001]], bias=0.0003)
    np.testing.assert_array_equal(
        only(apply_filters(source, [up, down])).samples, only(source).samples
    )


def test_negative_alpha_between_filters_keeps_its_colour() -> None:
    source = picture(np.zeros((1, 2, 4), np.uint8), "RGBA")
    only(source).samples[0, :] = [[100, 50, 200, 255], [40, 90, 10, 255]]
    # Alpha becomes -1 on the left and 1 on the right; the second filter makes both positive.
    negate = Filter([[1.0, -2.0, 0.0]], pad_mode="replicate")
    back = Filter([[-1.0]])
    result = only(apply_filters(source, [negate, back])).samples
    # premultiplied: -(x[-1] - 2 x[0]), divided by its alpha
    left, right = np.array([[100, 50, 200], [40, 90, 10]])
    np.testing.assert_array_equal(result[0, 0], [*left, 255])
    np.testing.assert_array_equal(result[0, 1], [*np.clip(2 * right - left, 0, 255), 255])


def test_an_array_stays_float_and_unclipped() -> None:
    source = Picture.from_array(np.array([[[-3.0, 5.0]]]))
    result = apply_filters(source, [Filter([[2.0]], range="abs")], as_float=True)
    np.testing.assert_array_equal(result.tensor, [[[-6, 10]]])


@pytest.mark.parametrize(
    ("mode", "filter_name", "becomes"),
    [
        ("RGB", "grayscale", "L"),
        ("RGBA", "grayscale", "LA"),
        ("RGBA", "sepia", "RGBA"),
        ("RGB", "channel-swap", "RGB"),
    ],
)
def test_a_filter_for_three_channels_sets_transparency_aside(
    mode: str, filter_name: str, becomes: str
) -> None:
    source = noise(mode)
    result = only(apply_filters(source, [load_filter(filter_name)]))
    assert result.mode == becomes
    if source.frames[0].has_alpha:
        np.testing.assert_array_equal(result.samples[..., -1], only(source).samples[..., -1])
    if filter_name == "channel-swap":
        np.testing.assert_array_equal(result.samples, only(source).samples[..., ::-1])


@pytest.mark.parametrize("mode", ["RGBA", "CMYK"])
def test_a_filter_for_four_channels_takes_them_as_stored(mode: str) -> None:
    swap = Filter(np.eye(4)[::-1, :, None, None].copy())
    result = only(apply_filters(noise(mode), [swap]))
    assert result.mode == mode
    np.testing.assert_array_equal(result.samples, only(noise(mode)).samples[..., ::-1])


def test_four_output_channels_of_an_rgba_picture_are_rgba() -> None:
    source = noise("RGBA")
    red_as_alpha = Filter(np.eye(4, 3)[[1, 2, 0, 0], :, None, None])
    with pytest.warns(ImageWarning, match="transparency is dropped"):
        result = apply_filters(source, [red_as_alpha])
    assert only(result).mode == "RGBA"
    np.testing.assert_array_equal(only(result).samples, only(source).samples[..., [1, 2, 0, 0]])
    five = Filter(np.eye(5, 4)[..., None, None])
    back = apply_filters(source, [five, Filter(np.eye(4, 5)[..., None, None])], linear=True)
    assert only(back).mode == "RGBA"
    np.testing.assert_array_equal(only(back).samples, only(source).samples)


def test_transparency_that_cannot_be_kept_is_dropped_with_a_warning() -> None:
    smaller = load_filter("grayscale").override(stride=2)
    with pytest.warns(ImageWarning, match="transparency is dropped"):
        assert only(apply_filters(noise("RGBA"), [smaller])).mode == "L"
    kept = only(apply_filters(noise("RGBA"), [smaller.override(preserve_alpha=True)]))
    assert kept.mode == "LA"
    np.testing.assert_array_equal(kept.samples[..., 1], only(noise("RGBA")).samples[::2, ::2, 3])


@pytest.mark.parametrize("pad", ["same", "valid", (0, 1, 2, 3)])
def test_alpha_is_sampled_under_the_kernels_centre(pad: object) -> None:
    weight = np.zeros((3, 5))
    weight[1, 2] = 1
    centre = Filter(weight, stride=(2, 3), pad=pad, pad_mode="replicate", preserve_alpha=True)
    result = only(apply_filters(noise("RGBA"), [centre])).samples
    as_colour = picture(np.repeat(only(noise("RGBA")).samples[..., 3:], 3, 2), "RGB")
    expected = only(apply_filters(as_colour, [centre])).samples[..., 0]
    np.testing.assert_array_equal(result[..., 3], expected)


@pytest.mark.parametrize(
    ("mode", "fault"),
    [("L", "reads 3 channels and the picture has 1: mode=MODE"), ("CMYK", "has 4")],
)
def test_a_mismatch_of_channels_names_both_counts(mode: str, fault: str) -> None:
    with pytest.raises(ShapeError, match=fault):
        apply_filters(noise(mode), [load_filter("sepia")])


def test_an_absurd_result_is_refused_before_memory_is_allocated() -> None:
    with pytest.raises(ImageError, match="more than the limit"):
        upsample(noise("L"), Filter([[1.0]]), scale=1_000_000)
    with pytest.raises(FilterError, match="weights"):
        upsample(noise("L"), "lanczos", scale=1_000_000)
    with pytest.raises(ImageError, match="more than the limit"):
        apply_filters(noise("L"), [Filter([[1.0]], pad=10**8, stride=10**8)])
    with pytest.raises(ImageError, match="limit of 100"):
        upsample(noise("L"), scale=2, max_pixels=100)


PILLOW = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@pytest.mark.parametrize("preset", list(PILLOW))
@pytest.mark.parametrize("scale", [1, 2, 3, 4, 5, (2, 3)])
def test_presets_are_pillows_resize(preset: str, scale: int | tuple[int, int]) -> None:
    factors = scale if isinstance(scale, tuple) else (scale, scale)
    values = RNG.random((7, 10), np.float32)
    image = Image.fromarray(values)
    size = 10 * factors[1], 7 * factors[0]
    expected = np.asarray(image.resize(size, PILLOW[preset]))
    result = upsample(Picture.from_array(values), preset, scale=scale).tensor[0]
    np.testing.assert_allclose(result, expected, atol=2e-6)


@pytest.mark.parametrize("preset", ["bilinear", "bicubic", "lanczos"])
def test_8_bit_presets_are_pillows_resize_within_rounding(preset: str) -> None:
    # Away from black and white, where Pillow clips between its two passes.
    source = picture(only(noise("RGB")).samples // 3 + 80, "RGB")
    image = Image.fromarray(only(source).samples)
    expected = np.asarray(image.resize((33, 24), PILLOW[preset])).astype(int)
    result = only(upsample(source, preset, scale=3)).samples.astype(int)
    np.testing.assert_allclose(result, expected, atol=1)


def test_enlarging_leaks_no_colour_out_of_transparent_pixels() -> None:
    row = [[0, 255, 0, 0]] * 3 + [[255, 0, 0, 255]] * 3
    result = only(upsample(picture(np.array([row] * 3, np.uint8), "RGBA"), scale=3)).samples
    assert not result[..., 1].any()
    assert (result[..., 0][result[..., 3] > 0] == 255).all()


def test_a_custom_filter_is_placed_for_every_pixel() -> None:
    source = noise("RGB")
    weight = RNG.random((3, 4))
    result = upsample(source, Filter(weight, bias=0.25), as_float=True).tensor
    expected = conv_transpose2d(
        source.tensor[:, None], weight[None, None], [0.25], stride=2, pad="same"
    )[:, 0]
    np.testing.assert_allclose(result, expected, atol=1e-6)


def test_the_filters_stride_is_the_scale_unless_told_otherwise() -> None:
    own = Filter(np.ones((3, 3)), stride=3)
    assert only(upsample(noise("L"), own)).size == (24, 33)
    assert only(upsample(noise("L"), own, scale=4)).size == (32, 44)
    assert only(upsample(noise("L"), own.override(pad=1), output_padding=2)).size == (24, 33)


def test_a_filter_across_channels_is_transposed_too() -> None:
    weight = RNG.random((3, 2, 2, 2))
    result = upsample(Picture.from_array(noise("RGB").tensor), Filter(weight), as_float=True)
    expected = conv_transpose2d(noise("RGB").tensor, weight, stride=2, pad="same")
    np.testing.assert_allclose(result.tensor, expected, atol=1e-5)


def test_normalizing_removes_the_checkerboard() -> None:
    flat = picture(np.full((6, 6, 1), 90, np.uint8), "L")
    uneven = Filter(np.ones((3, 3)) / 4, stride=2)
    assert len(np.unique(only(upsample(flat, uneven)).samples)) > 1
    assert (only(upsample(flat, uneven, normalize=True)).samples == 90).all()


def test_what_cannot_be_transposed_is_refused() -> None:
    with pytest.raises(FilterError, match="vanishes"):
        upsample(noise("L"), Filter([[1.0]]), scale=2, normalize=True)
    with pytest.raises(FilterError, match="no transpose"):
        upsample(noise("L"), load_filter("sobel"))
    with pytest.raises(FilterError, match="one number as bias"):
        upsample(noise("L"), Filter([[1.0]], bias=[1.0]))
    with pytest.raises(FilterError, match="nearest, bilinear, bicubic, lanczos"):
        upsample(noise("L"), "cubic")
    with pytest.raises(FilterError, match="scale"):
        upsample(noise("L"), "bilinear", scale=0)


@pytest.mark.parametrize("preset", ["nearest", "lanczos"])
def test_preserved_alpha_is_enlarged_by_the_nearest_pixel(preset: str) -> None:
    filter = Filter(np.ones((3, 3)), stride=3, preserve_alpha=True)
    result = only(upsample(noise("LA"), filter)).samples[..., 1]
    expected = only(noise("LA")).samples[..., 1].repeat(3, 0).repeat(3, 1)
    np.testing.assert_array_equal(result, expected)


def test_plain_pictures_are_filtered_in_place(
    samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shortest = []

    def watching(*given: object, **options: object) -> None:
        shortest.append(given)
        convolve_samples(*given, **options)

    monkeypatch.setattr(routes, "convolve_samples", watching)
    for name, expected in (("landscape.jpg", True), ("zone_plate.png", True), ("badge.png", False)):
        shortest.clear()
        source = read_image(samples / name)
        fresh = apply_filters(source, [MEAN])
        assert only(fresh).raster is not only(source).raster
        reused = apply_filters(source, [MEAN], reuse=True)
        assert only(reused).raster is only(source).raster
        np.testing.assert_array_equal(only(reused).samples, only(fresh).samples)
        assert bool(shortest) == expected


def in_strips_of(rows: int) -> Processing:
    sizes = StripSizes(rows=rows, layered_rows=rows, least_samples=0, halo_multiple=0)
    return Processing(strips=sizes)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("chain", [["tall"], ["tall", "wide"], ["shift", "tall", "half"]])
def test_strips_are_the_whole_picture(mode: str, chain: list[str]) -> None:
    rng = np.random.default_rng(2)
    kernels = {
        "tall": Filter(rng.random((9, 2)), divisor="sum"),
        "wide": Filter(rng.random((2, 9)), divisor="sum", dilation=(3, 1)),
        "shift": Filter([[0, 0, 1]], pad=(4, 3, 1, 0)),
        "half": Filter(rng.random((4, 4)), divisor="sum", stride=2),
    }
    filters = [kernels[name].override(pad_mode=mode) for name in chain]
    for picture_mode in ("L", "RGB", "RGBA"):
        channels = {"L": 1, "RGB": 3, "RGBA": 4}[picture_mode]
        samples = rng.integers(0, 256, (61, 40, channels), np.uint8)
        results = []
        for rows in (7, 1000):
            operators = [Convolution(filter) for filter in filters]
            result = process(picture(samples, picture_mode), operators, in_strips_of(rows))
            results.append(only(result).samples)
        np.testing.assert_allclose(*(result.astype(int) for result in results), atol=1)
        # Compared with the kernel on all of the picture at once.
        if picture_mode == "RGB":
            tensor = picture(samples, "RGB").tensor[:, None]
            for one in filters:
                options = {"stride": one.stride or 1, "pad": one.pad, "dilation": one.dilation}
                tensor = conv2d(tensor, one.kernel, pad_mode=mode, **options)
            expected = np.clip(tensor[:, 0].transpose(1, 2, 0) * 255, 0, 255)
            np.testing.assert_allclose(results[0], expected, atol=0.51)


@pytest.mark.parametrize("preset", ["bilinear", "lanczos"])
@pytest.mark.parametrize("mode", ["zeros", "reflect", "circular"])
def test_enlarged_strips_are_the_whole_picture(preset: str, mode: str) -> None:
    enlarging = upsampling(preset, 3, pad_mode=mode)
    results = [
        only(process(noise("RGBA"), [enlarging], in_strips_of(rows))).samples.astype(int)
        for rows in (5, 1000)
    ]
    np.testing.assert_allclose(*results, atol=1)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_a_strip_in_a_gap_between_kernels_is_empty(mode: str) -> None:
    samples = np.random.default_rng(4).integers(1, 256, (58, 5, 1), np.uint8)
    sparse = Filter([[1.0]], stride=5, pad_mode=mode)
    result = only(process(picture(samples, "L"), [upsampling(sparse)], in_strips_of(3))).samples
    np.testing.assert_array_equal(result[::5, ::5], samples)
    assert np.count_nonzero(result) == samples.size


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("taps", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("scale", [1, 2, 3, 5])
def test_normalizing_divides_by_the_transpose_of_ones(scale: int, taps: int, mode: str) -> None:
    rng = np.random.default_rng(taps)
    kernel = (rng.random((taps, 2)) + 0.1).astype(np.float32)
    for rows, pad, dilation in [(3, 0, 1), (30, 1, 1), (31, 2, 2), (29, "same", 1)]:
        x = rng.random((1, rows, 4), np.float32)
        pads = pad if pad == "same" else (pad, 0, pad, 0)
        options = {"stride": (scale, 2), "pad": pads, "dilation": (dilation, 1), "pad_mode": mode}
        try:
            sums = conv_transpose2d(x, kernel[None, None], **options)
            ones = conv_transpose2d(np.ones_like(x), kernel[None, None], **options)
        except ShapeError:  # nothing is left of the result, or "same" would need negative pads
            continue
        if not ones.all():
            continue
        found = upsample(Picture.from_array(x), Filter(kernel, **options), normalize=True)
        np.testing.assert_allclose(found.tensor, sums / ones, rtol=2e-5)


@pytest.mark.parametrize("seed", range(40))
def test_a_divisor_that_vanishes_is_found_without_samples(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weight = rng.integers(-1, 2, rng.integers(1, 5, 2))
    scale = tuple(map(int, rng.integers(1, 4, 2)))
    mode = ("zeros", "replicate", "circular")[seed % 3]
    chosen = Filter(weight.astype(float), stride=scale, pad_mode=mode)
    grey = noise("L")
    outcomes = []
    for act in (
        lambda: upsample(grey, chosen, normalize=True),
        lambda: predict(grey, [TransposedConvolution(chosen, 0, True)]),
    ):
        try:
            act()
        except FilterError as error:
            outcomes.append(str(error))
        else:
            outcomes.append("")
    assert outcomes[0] == outcomes[1]
