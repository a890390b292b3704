"""``{channel}`` in the name of a result: one grey picture for each channel."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from PIL import Image, ImageCms

from convcli import ImageError, PlanError, apply_filters, load_filter, read_image, write_image
from convcli.batch import plan_jobs
from convcli.images.split_names import existing, names_of, part_targets
from convcli.system.atomic_files import replace_all


def bank(path: Path, filters: int, channels: int) -> Path:
    """Write a filter of so many output channels, and return its path."""
    weight = np.random.default_rng(1).random((filters, channels, 2, 3)) / channels / 5
    path.write_text(json.dumps({"weight": weight.tolist(), "pad_mode": "replicate"}))
    return path


def opened(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        (1, ["f-0.png"]),
        (5, [f"f-{k}.png" for k in range(5)]),
        (12, [f"f-{k:02}.png" for k in range(12)]),
    ],
)
def test_every_channel_becomes_a_grey_picture(
    run, photo: Path, tmp_path: Path, filters: int, names: list[str]
) -> None:
    mine, folder = bank(tmp_path / "mine.json", filters, 3), tmp_path / "out"
    folder.mkdir()
    done = run("apply", "-f", mine, photo, "-o", folder / "f-{channel}.png")
    assert (done.exit_code, done.stderr) == (0, "")
    assert sorted(os.listdir(folder)) == names
    raw = apply_filters(read_image(photo), [load_filter(mine)], as_float=True).tensor
    for name, plane in zip(names, raw, strict=True):
        with Image.open(folder / name) as image:
            assert image.mode == "L"
            np.testing.assert_allclose(np.asarray(image), plane * 255, atol=0.501)


@pytest.mark.parametrize(("mode", "suffix"), [("RGB", ".png"), ("RGBA", ".png"), ("CMYK", ".tif")])
def test_colours_and_transparency_split_as_stored(
    run, tmp_path: Path, mode: str, suffix: str
) -> None:
    bands = len(mode)
    stored = np.random.default_rng(2).integers(1, 256, (5, 7, bands), np.uint8)
    path = tmp_path / f"in{suffix}"
    Image.frombytes(mode, (7, 5), stored.tobytes()).save(path)
    assert run("apply", "-f", "identity", path, "-o", tmp_path / "c{channel}.bmp").exit_code == 0
    for k in range(bands):
        np.testing.assert_array_equal(opened(tmp_path / f"c{k}.bmp"), stored[..., k])


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bit_channels_keep_their_depth(run, tmp_path: Path, suffix: str) -> None:
    deep = np.random.default_rng(3).integers(0, 65536, (6, 5)).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "in.png")
    mine = bank(tmp_path / "mine.json", 2, 1)
    target = tmp_path / f"out{{channel}}{suffix}"
    assert run("apply", "-f", mine, tmp_path / "in.png", "-o", target).exit_code == 0
    raw = apply_filters(read_image(tmp_path / "in.png"), [load_filter(mine)], as_float=True).tensor
    for k in (0, 1):
        written = opened(tmp_path / f"out{k}{suffix}")
        assert written.dtype == np.uint16
        np.testing.assert_allclose(written, raw[k] * 65535, atol=0.51)


def test_arrays_split_into_arrays(run, photo: Path, tmp_path: Path) -> None:
    mine = bank(tmp_path / "mine.json", 2, 3)
    assert run("apply", "-f", mine, photo, "-o", tmp_path / "all.npy").exit_code == 0
    assert run("apply", "-f", mine, photo, "-o", tmp_path / "one{channel}.npy").exit_code == 0
    whole = np.load(tmp_path / "all.npy")
    for k in (0, 1):
        np.testing.assert_array_equal(np.load(tmp_path / f"one{k}.npy"), whole[k : k + 1])


def test_the_channels_of_an_animation_are_animations(run, samples: Path, tmp_path: Path) -> None:
    command = ["apply", "-f", "box-blur", samples / "pulse.gif"]
    assert run(*command, "-o", tmp_path / "c{channel}.png").exit_code == 0
    assert run(*command, "-o", tmp_path / "whole.png").exit_code == 0
    with Image.open(tmp_path / "whole.png") as whole, Image.open(tmp_path / "c1.png") as green:
        assert (green.n_frames, green.info["loop"]) == (whole.n_frames, whole.info["loop"])
        for number in range(whole.n_frames):
            whole.seek(number)
            green.seek(number)
            assert green.info["duration"] == whole.info["duration"]
            expected = np.asarray(whole.convert("RGB"))[..., 1]
            np.testing.assert_array_equal(np.asarray(green.convert("L")), expected)


def test_only_the_file_name_is_expanded_not_its_folder(run, photo: Path, tmp_path: Path) -> None:
    folder = tmp_path / "{channel}"
    folder.mkdir()
    assert run("apply", "-f", "identity", photo, "-o", folder / "out.png").exit_code == 0
    assert run("apply", "-f", "identity", photo, "-o", folder / "{channel}.png").exit_code == 0
    assert sorted(os.listdir(folder)) == ["0.png", "1.png", "2.png", "out.png"]


@pytest.mark.parametrize("taken", ["f-0.png", "f-2.png"])
def test_a_channel_that_exists_keeps_all_from_being_written(
    run, photo: Path, tmp_path: Path, taken: str
) -> None:
    (tmp_path / taken).write_bytes(b"precious")
    before = sorted(os.listdir(tmp_path))
    command = ["apply", "-f", "identity", photo, "-o", tmp_path / "f-{channel}.png"]
    done = run(*command)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"Error: {tmp_path / taken} exists already")
    assert sorted(os.listdir(tmp_path)) == before
    assert (tmp_path / taken).read_bytes() == b"precious"
    assert run(*command, "--overwrite").exit_code == 0
    assert opened(tmp_path / taken).shape == opened(photo).shape[:2]


def test_no_file_takes_its_place_before_all_are_written(tmp_path: Path) -> None:
    targets = part_targets(tmp_path / "{channel}.bin", [4])
    targets[1].write_bytes(b"old")

    def write(number: int, file: BinaryIO) -> None:
        file.write(b"new")
        if number == 3:
            raise ImageError("the last one is refused")

    with pytest.raises(ImageError, match="refused"):
        replace_all(targets, True, write)
    assert [path.name for path in tmp_path.iterdir()] == ["1.bin"]
    assert targets[1].read_bytes() == b"old"
    replace_all(targets, True, lambda number, file: file.write(b"%d" % number))
    assert sorted(path.read_bytes() for path in tmp_path.iterdir()) == [b"0", b"1", b"2", b"3"]


def test_the_message_for_an_unusual_channel_count_has_both_remedies(
    run, photo: Path, tmp_path: Path
) -> None:
    mine = bank(tmp_path / "mine.json", 5, 3)
    done = run("apply", "-f", mine, photo, "-o", tmp_path / "out.png")
    assert done.exit_code == 1
    assert "a result of 5 channels is not a picture" in done.stderr
    assert ".npy" in done.stderr
    assert "{channel}" in done.stderr


def test_an_array_in_python_is_split_by_its_targets_name(tmp_path: Path) -> None:
    planes = np.random.default_rng(0).random((7, 4, 5), np.float32)
    write_image(planes, tmp_path / "plane {channel}.tif")
    for k, plane in enumerate(planes):
        np.testing.assert_array_equal(opened(tmp_path / f"plane {k}.tif"), plane)


def test_a_grey_channel_has_no_profile_of_colours(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = Image.new("RGB", (4, 4), (10, 20, 30))
    image.save(tmp_path / "in.png", icc_profile=profile, dpi=(300, 300))
    write_image(read_image(tmp_path / "in.png"), tmp_path / "c{channel}.png")
    with Image.open(tmp_path / "c1.png") as written:
        assert "icc_profile" not in written.info
        np.testing.assert_allclose(written.info["dpi"], 300, rtol=1e-3)
    grey = profile[:16] + b"GRAY" + profile[20:]
    Image.new("L", (4, 4)).save(tmp_path / "grey.png", icc_profile=grey)
    (kept,) = read_image(tmp_path / "grey.png").split()
    assert kept.metadata["icc_profile"] == grey


def test_pages_of_different_channels_do_not_split(run, tmp_path: Path) -> None:
    pages = [Image.new("RGB", (4, 4)), Image.new("L", (4, 4))]
    pages[0].save(tmp_path / "in.tif", save_all=True, append_images=pages[1:])
    command = ["apply", "-f", "identity", tmp_path / "in.tif", "-o", tmp_path / "c{channel}.tif"]
    done = run(*command)
    assert done.exit_code == 1
    assert "different channel counts: --frames first" in done.stderr
    assert run(*command, "--mode", "RGB").exit_code == 0


def test_a_file_that_a_channel_might_replace_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    sources = ["a-{channel}.png", "a-07.png"]
    with pytest.raises(
        PlanError, match=r"a channel or frame of a-\{channel\}\.png might replace .*a-07"
    ):
        plan_jobs(sources, output_dir=str(tmp_path / "out"))
    inputs = [str(tmp_path / name) for name in ("b-{channel}.png", "b-3.png")]
    into = {"output_dir": str(tmp_path), "format": "png"}
    with pytest.raises(PlanError, match="might replace"):
        plan_jobs(inputs, **into, overwrite=True)
    assert len(plan_jobs(["b-{channel}.png", "b-x.png"], output_dir=str(tmp_path / "out"))) == 2


def test_targets_are_found_whatever_the_number_of_channels(tmp_path: Path) -> None:
    pattern = tmp_path / "f{channel}.png"
    assert existing(pattern) is None
    for channels in (3, 10, 11, 1000):
        first, *_, last = part_targets(pattern, [channels])
        assert len(first.name) == len(last.name)
        first.touch()
        assert existing(pattern) == first
        assert names_of(pattern.name).fullmatch(last.name)
        first.unlink()
