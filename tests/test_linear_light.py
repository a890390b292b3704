"""Filtering in linear light: the sRGB curve, its inverse, and filters between them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcli import (
    Filter,
    ImageError,
    ImageWarning,
    Picture,
    apply_filters,
    load_filter,
    read_image,
    upsample,
    write_image,
)
from convcli.images import Frame
from convcli.pipeline.srgb import linear_planes, srgb_samples

MEAN = Filter(np.full((3, 3), 1 / 9), pad_mode="replicate", name="mean")


def decode(srgb: np.ndarray) -> np.ndarray:
    """The curve of IEC 61966-2-1, in float64."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def encode(light: np.ndarray) -> np.ndarray:
    """Its inverse."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def noise(mode: str, dtype: type = np.uint8, size: tuple[int, int] = (8, 11)) -> Picture:
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    samples = np.random.default_rng(6).integers(0, np.iinfo(dtype).max + 1, (*size, channels))
    return Picture((Frame.of(samples.astype(dtype), mode),), "PNG")


def samples_of(picture: Picture) -> np.ndarray:
    (frame,) = picture.frames
    return frame.samples


@pytest.mark.parametrize(("dtype", "side"), [(np.uint8, 16), (np.uint16, 256)])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_every_sample_value_survives_linear_light(
    run, tmp_path: Path, dtype: type, side: int, suffix: str
) -> None:
    values = np.arange(side * side).astype(dtype).reshape(side, side)
    path, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    Image.fromarray(values).save(path)
    assert run("apply", "-f", "identity", "--linear", path, "-o", target).exit_code == 0
    with Image.open(target) as written:
        np.testing.assert_array_equal(np.asarray(written), values)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_light_becomes_the_nearest_sample(dtype: type) -> None:
    top = np.iinfo(dtype).max
    light = np.concatenate([np.linspace(0, 1, 70_001), np.geomspace(1e-7, 1, 9_999)])
    exact = encode(light) * top
    found = srgb_samples(light.astype(np.float32), np.dtype(dtype))
    assert found.dtype == dtype
    np.testing.assert_allclose(found, exact, rtol=0, atol=0.5 + 1e-6 * top)


def test_8_bit_samples_change_where_the_curve_says_and_at_no_other_float32() -> None:
    exact = decode((np.arange(255) + 0.5) / 255)
    above = exact.astype(np.float32)
    above = np.where(above < exact, np.nextafter(above, np.float32(1)), above)
    below = np.nextafter(above, np.float32(0))
    dtype = np.dtype(np.uint8)
    assert srgb_samples(above.copy(), dtype).tolist() == list(range(1, 256))
    assert srgb_samples(below.copy(), dtype).tolist() == list(range(255))


def test_light_outside_0_to_1_is_clipped_and_nan_is_black() -> None:
    light = np.array([np.nan, -np.inf, -1, -0.001, 1.001, 300, np.inf], np.float32)
    assert srgb_samples(light, np.dtype(np.uint8)).tolist() == [0, 0, 0, 0, 255, 255, 255]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_samples_become_light_by_the_standards_curve(dtype: type) -> None:
    source = noise("LA", dtype)
    colour, alpha = linear_planes(samples_of(source), 1)
    values = samples_of(source) / np.iinfo(dtype).max
    np.testing.assert_allclose(colour, decode(values[..., 0]), rtol=1e-6)
    np.testing.assert_allclose(alpha, values[..., 1], rtol=1e-6)


def test_a_checkerboard_averages_to_half_the_light(run, tmp_path: Path) -> None:
    board = (np.indices((6, 8)).sum(0) % 2 * 255).astype(np.uint8)
    Image.fromarray(board).save(tmp_path / "board.png")
    (tmp_path / "mean.json").write_text('{"weight": [[1, 1], [1, 1]], "divisor": 4, "stride": 2}')
    for flags, grey in (["--linear"], 188), (["--no-linear"], 128), ([], 128):
        target = tmp_path / "out.png"
        command = ["apply", "-f", tmp_path / "mean.json", *flags, tmp_path / "board.png"]
        assert run(*command, "-o", target, "--overwrite").exit_code == 0
        with Image.open(target) as written:
            np.testing.assert_array_equal(np.asarray(written), np.full((3, 4), grey))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_filters_work_on_light_with_one_encoding_at_the_end(mode: str, dtype: type) -> None:
    source, top = noise(mode, dtype), np.iinfo(dtype).max
    light = decode(samples_of(source) / top)
    blurred = apply_filters(source, [MEAN.override(divisor=50), Filter([[50.0]])], linear=True)
    padded = np.pad(light, ((1, 1), (1, 1), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (0, 1))
    expected = encode(windows.mean((-2, -1))) * top
    np.testing.assert_allclose(samples_of(blurred), expected, atol=0.5 + 1e-6 * top)


def test_colour_is_weighted_by_transparency_in_linear_light_and_alpha_has_no_curve() -> None:
    source = noise("RGBA")
    result = samples_of(apply_filters(source, [MEAN], linear=True))
    values = samples_of(source) / 255
    light, alpha = decode(values[..., :3]), values[..., 3:]
    padded = np.pad(np.concatenate([light * alpha, alpha], 2), ((1, 1), (1, 1), (0, 0)), "edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (0, 1)).mean((-2, -1))
    np.testing.assert_allclose(result[..., 3:], windows[..., 3:] * 255, atol=0.501)
    expected = encode(windows[..., :3] / windows[..., 3:]) * 255
    np.testing.assert_allclose(result[..., :3], expected, atol=0.501)
    kept = samples_of(apply_filters(source, [MEAN.override(preserve_alpha=True)], linear=True))
    np.testing.assert_array_equal(kept[..., 3], samples_of(source)[..., 3])


def test_bias_and_range_hold_for_light() -> None:
    source = noise("L")
    light = decode(samples_of(source)[..., 0] / 255)
    negative = Filter([[-1.0]], bias=0.25)
    for value_range, expected in (
        ("clip", 0.25 - light),
        ("abs", np.abs(0.25 - light)),
        ("rescale", (light.max() - light) / np.ptp(light)),
    ):
        chosen = negative.override(range=value_range)
        result = samples_of(apply_filters(source, [chosen], linear=True))[..., 0]
        np.testing.assert_allclose(result, encode(expected) * 255, atol=0.501)


@pytest.mark.parametrize("preset", ["nearest", "bilinear", "bicubic", "lanczos"])
def test_presets_enlarge_light_as_pillow_resizes_it(run, tmp_path: Path, preset: str) -> None:
    source, target = noise("L"), tmp_path / "out.png"
    write_image(source, tmp_path / "in.png")
    command = ["upsample", "-f", preset, "--scale", "3", "--linear", tmp_path / "in.png"]
    assert run(*command, "-o", target).exit_code == 0
    light = Image.fromarray(decode(samples_of(source)[..., 0] / 255).astype(np.float32))
    large = np.asarray(light.resize((33, 24), Image.Resampling[preset.upper()]), np.float64)
    with Image.open(target) as written:
        np.testing.assert_allclose(np.asarray(written), encode(large) * 255, atol=0.51)


def test_raw_numbers_of_linear_light_are_left_linear(run, tmp_path: Path) -> None:
    write_image(noise("RGB"), tmp_path / "in.png")
    target = tmp_path / "out.npy"
    assert (
        run("apply", "-f", "identity", "--linear", tmp_path / "in.png", "-o", target).stderr == ""
    )
    expected = decode(samples_of(noise("RGB")) / 255).transpose(2, 0, 1)
    np.testing.assert_allclose(np.load(target), expected, rtol=1e-6)


@pytest.mark.parametrize("suffix", [".npy", ".tif"])
def test_float_samples_are_linear_already(run, tmp_path: Path, suffix: str) -> None:
    values = np.array([[-3, 0.2, 0.5, 7]], np.float32)
    path, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    if suffix == ".npy":
        np.save(path, values)
    else:
        Image.fromarray(values).save(path)
    done = run("apply", "-f", "identity", "--linear", path, "-o", target)
    assert done.exit_code == 0
    assert "--linear changes nothing" in done.stderr
    np.testing.assert_array_equal(read_image(target).tensor[0], values)


def test_arrays_of_whole_numbers_have_the_curve_of_pictures() -> None:
    source = Picture.from_array(samples_of(noise("CMYK")).transpose(2, 0, 1))
    result = apply_filters(source, [load_filter("identity")], linear=True, as_float=True)
    np.testing.assert_allclose(result.tensor, decode(source.tensor), rtol=1e-5)


def test_cmyk_has_no_linear_light(run, tmp_path: Path) -> None:
    write_image(noise("CMYK"), tmp_path / "in.tif")
    command = ["apply", "-f", "box-blur", "--linear", tmp_path / "in.tif"]
    done = run(*command, "-o", tmp_path / "out.tif")
    assert done.exit_code == 1
    assert "in.tif: linear light is defined for sRGB, not for CMYK: --mode RGB" in done.stderr
    assert run(*command, "--mode", "RGB", "-o", tmp_path / "out.tif").exit_code == 0
    with pytest.raises(ImageError, match='mode="RGB" converts'):
        upsample(noise("CMYK"), linear=True)


def test_linear_with_a_float_picture_is_warned_of_in_python() -> None:
    with pytest.warns(ImageWarning, match="linear light already"):
        upsample(Picture.from_array(np.ones((3, 3))), linear=True)
