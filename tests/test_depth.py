"""--depth: 8 or 16 bits or floats, for any input; said in the dry run and in the report."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from deep_files import png16, samples_of_png
from PIL import Image

from convcli import (
    Filter,
    ImageError,
    ImageWarning,
    Picture,
    apply_filters,
    read_image,
    upsample,
    write_image,
)
from convcli.images.picture import Frame

WIDE = np.random.default_rng(4).integers(0, 65536, (7, 9, 3)).astype(np.uint16)


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    path = tmp_path / "wide.png"
    path.write_bytes(png16(WIDE))
    return path


def test_16_bits_become_8_to_the_nearest(run, wide: Path, tmp_path: Path) -> None:
    done = run("apply", "-f", "identity", "--depth", "8", wide, "-o", tmp_path / "out.png")
    assert (done.exit_code, done.stderr) == (0, "")
    with Image.open(tmp_path / "out.png") as image:
        assert image.tile[0][3] == "RGB"
        np.testing.assert_array_equal(np.asarray(image), np.rint(WIDE / 257))


def test_8_bits_become_16_of_the_same_values(run, photo: Path, pixels, tmp_path: Path) -> None:
    done = run("apply", "-f", "identity", "--depth", "16", photo, "-o", tmp_path / "out.png")
    assert (done.exit_code, done.stderr) == (0, "")
    found = samples_of_png((tmp_path / "out.png").read_bytes())
    np.testing.assert_array_equal(found, pixels * np.uint16(257))


def test_results_between_8_bit_steps_are_kept_in_16(photo: Path, pixels) -> None:
    half = Filter([[1, 1]], divisor=2, pad="valid")
    (frame,) = apply_filters(read_image(photo), [half], depth="16").frames
    exact = (pixels[:, 1:] * 257.0 + pixels[:, :-1] * 257.0) / 2
    assert np.abs(frame.samples - exact).max() <= 0.51


def test_floats_are_not_clipped(run, photo: Path, pixels, tmp_path: Path) -> None:
    target, mine = tmp_path / "out.pfm", tmp_path / "mine.json"
    mine.write_text('{"weight": [[-3]]}')
    done = run("apply", "-f", mine, "--depth", "float", photo, "-o", target)
    assert (done.exit_code, done.stderr) == (0, "")
    found = read_image(target).frames[0].samples
    np.testing.assert_allclose(found, pixels * (-3 / 255), rtol=1e-6)


@pytest.mark.parametrize(
    ("suffix", "channels"), [(".png", 1), (".png", 3), (".ppm", 3), (".pgm", 1)]
)
def test_floats_become_16_bits_where_a_format_has_no_more(
    tmp_path: Path, suffix: str, channels: int
) -> None:
    values = np.linspace(0, 1, 30 * channels, dtype=np.float32).reshape(5, 6, channels)
    values[0, 0] = np.nan
    mode, path = {1: "L", 3: "RGB"}[channels], tmp_path / f"out{suffix}"
    with pytest.warns(ImageWarning, match="floats become 16 bits"):
        write_image(Picture((Frame.of(values, mode),)), path)
    (frame,) = read_image(path).frames
    assert (frame.mode, frame.raster.dtype) == (mode, np.uint16)
    exact = np.nan_to_num(values) * 65535
    assert np.abs(frame.samples - exact).max() <= 0.51
    # Of an array 8 bits are enough: it is no picture of a file with more.
    write_image(values.transpose(2, 0, 1), path, overwrite=True)
    assert read_image(path).depth == "8"


@pytest.mark.parametrize(("depth", "dtype"), [("8", "u1"), ("16", "u2"), ("float", "f4")])
def test_an_array_file_has_the_depth_asked_for(
    run, photo: Path, pixels, tmp_path: Path, depth: str, dtype: str
) -> None:
    run("apply", "-f", "identity", "--depth", depth, photo, "-o", tmp_path / "out.npy")
    array = np.load(tmp_path / "out.npy")
    assert array.dtype == dtype
    scale = {"8": 1, "16": 257, "float": 1 / 255}[depth]
    np.testing.assert_allclose(array, pixels.transpose(2, 0, 1).astype(float) * scale, rtol=1e-6)


@pytest.mark.parametrize("depth", ["8", "16"])
def test_linear_light_and_alpha_at_another_depth(depth: str) -> None:
    samples = np.array([[[40_000, 300, 9, 65535], [20_000, 600, 99, 32768]]], np.uint16)
    picture = read_image(png16(samples))
    (frame,) = apply_filters(picture, [Filter([[1]])], linear=True, depth=depth).frames
    expected = np.rint(samples / 257) if depth == "8" else samples
    assert np.abs(frame.samples - expected).max() <= 1


def test_upsample_takes_a_depth(photo: Path) -> None:
    picture = read_image(photo)
    exact = upsample(picture, "bilinear", as_float=True).tensor
    (frame,) = upsample(picture, "bilinear", depth="16").frames
    assert frame.raster.dtype == np.uint16
    assert np.abs(frame.samples.transpose(2, 0, 1) - exact * 65535).max() <= 0.51


def test_channels_are_written_with_16_bits(run, wide: Path, tmp_path: Path) -> None:
    run("apply", "-f", "identity", wide, "-o", tmp_path / "c{channel}.png")
    for number in range(3):
        with Image.open(tmp_path / f"c{number}.png") as image:
            np.testing.assert_array_equal(np.asarray(image), WIDE[..., number])


def test_a_depth_that_the_format_does_not_hold_is_warned_of(run, photo: Path) -> None:
    for flags in ([], ["--dry-run"]):
        target = photo.with_name("out.jpg")
        done = run("apply", "-f", "identity", "--depth", "16", photo, "-o", target, *flags)
        assert "16 bits become 8: JPEG holds no more" in done.stderr
        target.unlink(missing_ok=True)


def test_the_dry_run_says_depths(run, wide: Path, photo: Path, tmp_path: Path) -> None:
    def line(source: Path, *flags: str) -> str:
        target = tmp_path / "none.png"
        done = run("apply", "-f", "identity", *flags, source, "-o", target, "--dry-run")
        return done.stdout.split("  ")[1].strip()

    assert line(photo) == "12x9 RGB -> 12x9"
    assert line(wide) == "9x7 RGB, 16 bits -> 9x7, 16 bits"
    assert line(wide, "--depth", "8") == "9x7 RGB, 16 bits -> 9x7, 8 bits"
    assert line(photo, "--depth", "float") == "12x9 RGB, 8 bits -> 12x9, float"


def test_the_report_says_depths(run, wide: Path, tmp_path: Path) -> None:
    run(
        "apply", "-f", "identity", "--depth", "8", wide, "-o", tmp_path / "out.png", "--report", "-"
    )
    done = run(
        *("apply", "-f", "identity", "--depth", "8", wide),
        *("-o", tmp_path / "two.png", "--report", "-"),
    )
    record = json.loads(done.stdout)
    assert (record["input_depth"], record["output_depth"]) == ("16", "8")


def test_a_picture_carries_its_depth() -> None:
    picture = read_image(png16(WIDE))
    assert picture.depth == "16"
    assert picture.at_depth("16").frames == picture.frames
    shallow = picture.at_depth("8")
    assert shallow.depth == "8"
    np.testing.assert_array_equal(shallow.frames[0].samples, np.rint(WIDE / 257))
    floats = Picture.from_array(np.array([[-1.0, 0.5, np.nan, 2.0]], np.float32))
    assert floats.depth == "float"
    assert floats.at_depth("16").frames[0].samples.ravel().tolist() == [0, 32768, 0, 65535]
    file = io.BytesIO()
    write_image(picture, file, format="ppm", depth="8")
    assert file.getvalue().startswith(b"P6\n9 7\n255\n")
    with pytest.raises(ImageError, match="there is no depth '12'"):
        picture.at_depth("12")
