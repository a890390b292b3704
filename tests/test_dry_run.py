"""A dry run predicts from headers what the run would do, and does nothing."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from convcli import read_image
from convcli.images import read_header


def variants(folder: Path) -> None:
    """Write pictures of every kind whose header may not be enough."""
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 256, (20, 30, 4), np.uint8)
    colour, grey = Image.fromarray(pixels[:, :, :3]), Image.fromarray(pixels[:, :, 0])
    for orientation in (3, 6):
        exif = Image.Exif()
        exif[0x0112] = orientation
        for extension in ("jpg", "png", "tif", "webp"):
            colour.save(folder / f"turned{orientation}.{extension}", exif=exif)
    palette = colour.quantize(16)
    palette.save(folder / "palette.png")
    palette.save(folder / "clear-palette.png", transparency=3)
    grey.save(folder / "clear-grey.png", transparency=3)
    Image.fromarray(pixels).save(folder / "alpha.png")
    Image.merge("LA", (grey, grey)).save(folder / "grey-alpha.png")
    colour.convert("CMYK").save(folder / "cmyk.tif")
    grey.convert("1").save(folder / "bits.tif")
    grey.convert("F").save(folder / "floats.tif")
    Image.fromarray(pixels[:, :, 0].astype(np.uint16) * 257).save(folder / "wide.png")
    Image.fromarray(pixels[:, :, 0].astype(np.uint16) * 257).save(folder / "wide.pgm")
    colour.save(folder / "icon.ico", sizes=[(16, 16)])
    frames = [Image.fromarray(np.roll(pixels, k, 0)) for k in range(3)]
    for extension in ("gif", "webp", "png"):
        frames[0].save(folder / f"moving.{extension}", save_all=True, append_images=frames[1:])
    np.save(folder / "plain.npy", pixels[:, :, 0])
    np.save(folder / "stack.npy", pixels.reshape(2, 3, 20, 20).astype(np.float64))


@pytest.fixture
def kinds(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    variants(tmp_path / "in")
    return tmp_path / "in"


@pytest.mark.parametrize("frames", ["all", "first"])
@pytest.mark.parametrize("mode", [None, "L"])
@pytest.mark.filterwarnings("ignore::convcli.errors.ImageWarning")
def test_sizes_and_channels_of_a_header_are_those_of_the_picture(
    kinds: Path, mode: str | None, frames: str
) -> None:
    for path in kinds.iterdir():
        if mode and path.name == "stack.npy":  # which has no mode to convert from
            continue
        header = read_header(path, mode=mode, frames=frames)
        picture = read_image(path, mode=mode, frames=frames)
        first = picture.frames[0]
        assert header.format == picture.format, path
        assert header.size == first.size, path
        assert header.channels == first.raster.channels, path
        assert header.mode == first.mode, path
        assert header.frames == len(picture.frames), path


@pytest.mark.parametrize(
    "command",
    [
        ["apply", "-f", "grayscale", "--frames", "first"],
        ["apply", "-f", "gaussian-blur", "-f", "sobel", "-s", "2,3", "-p", "5,2"],
        ["upsample", "-f", "bicubic", "--scale", "3,2"],
    ],
    ids=" ".join,
)
def test_predicted_sizes_are_the_real_ones(run, kinds: Path, command: list[str]) -> None:
    out = kinds.parent / "out"
    flags = [*command, "-r", kinds, "-d", out, "-j", "1"]
    predicted = run(*flags, "--dry-run")
    assert not out.exists()
    done = run(*flags, "--report", kinds.parent / "r.jsonl")
    assert done.exit_code == predicted.exit_code
    assert [line for line in predicted.stderr.splitlines() if "Error" in line] == [
        line for line in done.stderr.splitlines() if "Error" in line
    ]
    records = map(json.loads, (kinds.parent / "r.jsonl").read_text().splitlines())
    expected = [
        (record["input"], record["output"], "x".join(map(str, record["output_shape"][:-3:-1])))
        for record in records
        if record["status"] == "ok"
    ]
    lines = [
        re.sub(r", (float|\d+ bits)", "", line).split() for line in predicted.stdout.splitlines()
    ]
    assert [(words[0], words[2], words[-1]) for words in lines] == expected
    assert len(expected) > 10


def test_the_plan_is_printed_without_decoding_or_writing_anything(
    run, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", refuse)
    monkeypatch.chdir(samples)
    names = ["landscape.jpg", "badge.png", "depth16.png", "pulse.gif"]
    done = run("upsample", *names, "-d", tmp_path / "out", "--dry-run")
    few = "colours become 256 at most: GIF holds no more (if there are more)"
    assert (done.exit_code, done.stderr) == (0, f"Warning: pulse.gif: {few}\n")
    assert done.stdout.replace(str(tmp_path), "tmp").splitlines() == [
        "landscape.jpg -> tmp/out/landscape.jpg  768x512 RGB -> 1536x1024",
        "badge.png -> tmp/out/badge.png  320x320 RGBA -> 640x640",
        "depth16.png -> tmp/out/depth16.png  320x240 I;16, 16 bits -> 640x480, 16 bits",
        "pulse.gif -> tmp/out/pulse.gif  160x120 P, 10 frames -> 320x240",
    ]
    assert os.listdir(tmp_path) == []


def test_predicted_failures_make_the_exit_code_1(run, photo: Path) -> None:
    (photo.parent / "bad.png").write_bytes(b"nothing")
    (photo.parent / "empty.png").write_bytes(b"")
    (photo.parent / "out").mkdir()
    (photo.parent / "out" / "there.png").write_bytes(b"")
    os.link(photo, photo.with_name("there.png"))
    inputs = [photo.with_name(name) for name in ("bad.png", "empty.png", "gone.png", "there.png")]
    command = ["apply", "-f", "sharpen", *inputs, photo, "-d", photo.parent / "out", "--dry-run"]
    done = run(*command)
    assert done.exit_code == 1
    assert len(done.stdout.splitlines()) == 1
    for fault in (
        "bad.png: it is not an image",
        "empty.png: the file is empty",
        "gone.png: there is no such file",
        "Error: 1 of 5 results exists already, such as ",
    ):
        assert fault in done.stderr
    done = run(*command, "--skip-existing")
    assert "there.png  skipped: it exists\n" in done.stdout


def test_a_channel_mismatch_is_predicted(run, photo: Path) -> None:
    flags = ["-f", "sepia", "--mode", "L", "-o", photo.with_name("out.png"), "--dry-run"]
    done = run("apply", photo, *flags)
    assert done.exit_code == 1
    assert "photo.png: filter sepia reads 3 channels and the picture has 1" in done.stderr


def test_lost_transparency_is_predicted(run, samples: Path, tmp_path: Path) -> None:
    flags = ["-f", "sepia", "--stride", "2", "--no-preserve-alpha", "-o", tmp_path / "o.png"]
    done = run("apply", samples / "badge.png", *flags, "--dry-run")
    assert done.exit_code == 0
    assert "transparency is dropped" in done.stderr


def test_standard_input_can_be_predicted(run, photo: Path) -> None:
    done = run("apply", "-f", "sharpen", "-", "--dry-run", stdin=photo.read_bytes())
    assert (done.exit_code, done.stdout) == (0, "- -> -  12x9 RGB -> 12x9\n")


def test_names_in_the_plan_are_one_line_each(run, photo: Path) -> None:
    name = photo.rename(photo.with_name("a\n\x1b[31mb.png"))
    done = run("apply", "-f", "sharpen", name, "-d", photo.parent / "out", "--dry-run")
    assert len(done.stdout.splitlines()) == 1
    assert "a\\n\\x1b[31mb.png -> " in done.stdout


@pytest.mark.parametrize(
    ("name", "flags", "fault"),
    [
        ("pulse.gif", ["--format", "jpg"], "JPEG holds one image, and this has 10"),
        ("pulse.gif", ["--format", "jpg", "--frames", "first"], None),
        ("landscape.jpg", ["--format", "ico"], "ICO: that holds 256×256 pixels at most"),
        ("landscape.jpg", ["-f", "five.json"], "a result of 5 channels is not a picture"),
        ("landscape.jpg", ["-f", "five.json", "--format", "npy"], None),
        ("landscape.jpg", ["-f", "five.json", "--suffix", "-{channel}"], None),
        ("landscape.jpg", ["-f", "four.json"], "a result of 4 channels is not a picture"),
        ("badge.png", ["-f", "four.json"], None),
        ("badge.png", ["--mode", "CMYK", "--linear", "--format", "tif"], "not for CMYK: --mode"),
        ("line.npy", ["--format", "png"], "an array of shape (9,) is not a picture"),
        ("stack.npy", ["--format", "jpg"], "JPEG holds one image, and this has 2"),
        ("stack.npy", ["--format", "jpg", "--frames", "first"], None),
    ],
)
def test_what_the_format_does_not_hold_is_predicted(
    run, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name, flags, fault
) -> None:
    monkeypatch.chdir(tmp_path)
    for count, word in ((4, "four"), (5, "five")):
        Path(f"{word}.json").write_text(json.dumps({"weight": [[[[0.5]]] * 3] * count}))
    np.save("line.npy", np.zeros(9, np.float32))
    np.save("stack.npy", np.zeros((2, 3, 8, 9), np.float32))
    path = samples / name if (samples / name).exists() else name
    request = ["apply", "-f", "identity", *flags, path, "-d", "out", "-j", "1"]
    predicted = run(*request, "--dry-run")
    assert not Path("out").exists()
    done = run(*request)
    assert predicted.exit_code == done.exit_code == bool(fault)
    errors = [
        [line for line in one.stderr.splitlines() if line.startswith("Error")]
        for one in (predicted, done)
    ]
    assert errors[0] == errors[1]
    assert fault is None or fault in predicted.stderr
