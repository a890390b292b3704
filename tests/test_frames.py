"""``{frame}`` in the name of a result: a file for every frame or page."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from convcli import PlanError, read_image, write_image
from convcli.batch import plan_jobs
from convcli.images.split_names import existing, names_of, part_targets


def moving(path: Path, count: int) -> np.ndarray:
    """Write an animation of so many frames; return them, (N, H, W, 3)."""
    frames = np.random.default_rng(5).integers(0, 256, (count, 5, 7, 3), np.uint8)
    images = [Image.fromarray(frame) for frame in frames]
    images[0].save(path, save_all=True, append_images=images[1:], duration=40)
    return frames


def opened(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert getattr(image, "n_frames", 1) == 1
        return np.asarray(image)


@pytest.mark.parametrize(("count", "extension"), [(3, "png"), (12, "bmp"), (2, "jpg")])
def test_every_frame_becomes_a_picture(run, tmp_path: Path, count: int, extension: str) -> None:
    frames = moving(tmp_path / "in.png", count)
    target = tmp_path / "out" / f"f{{frame}}.{extension}"
    command = ["apply", "-f", "identity", tmp_path / "in.png", "-o", target]
    predicted = run(*command, "--dry-run")
    assert (predicted.exit_code, predicted.stderr) == (0, "")
    done = run(*command)
    assert (done.exit_code, done.stderr) == (0, "")
    digits = len(str(count - 1))
    names = [f"f{number:0{digits}}.{extension}" for number in range(count)]
    assert sorted(os.listdir(tmp_path / "out")) == names
    if extension != "jpg":
        for name, frame in zip(names, frames, strict=True):
            np.testing.assert_array_equal(opened(tmp_path / "out" / name), frame)


def test_frames_and_channels_both_go_into_one_name(run, tmp_path: Path) -> None:
    frames = moving(tmp_path / "in.png", 11)
    target = tmp_path / "c{channel}-f{frame}-c{channel}.png"
    assert run("apply", "-f", "identity", tmp_path / "in.png", "-o", target).exit_code == 0
    assert len(list(tmp_path.glob("c?-f??-c?.png"))) == 33
    for number, frame in enumerate(frames):
        for channel in range(3):
            written = opened(tmp_path / f"c{channel}-f{number:02}-c{channel}.png")
            np.testing.assert_array_equal(written, frame[:, :, channel])


def test_pages_of_different_sizes_and_channels_are_split(tmp_path: Path) -> None:
    pages = [Image.new("RGB", (4, 5), (1, 2, 3)), Image.new("L", (6, 2), 9)]
    pages[0].save(tmp_path / "in.tif", save_all=True, append_images=pages[1:])
    picture = read_image(tmp_path / "in.tif")
    write_image(picture, tmp_path / "p{frame}.png")
    assert opened(tmp_path / "p0.png").shape == (5, 4, 3)
    assert opened(tmp_path / "p1.png").shape == (2, 6)
    write_image(picture, tmp_path / "q{frame}{channel}.png")
    assert sorted(path.name for path in tmp_path.glob("q*")) == [
        "q00.png",
        "q01.png",
        "q02.png",
        "q10.png",
    ]


def test_each_page_keeps_its_own_profile(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    other = profile[:16] + b"RGB " + profile[20:]
    page = Image.new("RGB", (4, 5), (1, 2, 3))
    second = page.copy()
    second.encoderinfo = {"icc_profile": other}
    page.save(tmp_path / "in.tif", save_all=True, append_images=[second])
    write_image(read_image(tmp_path / "in.tif"), tmp_path / "p{frame}.png")
    for number, expected in enumerate((None, other)):
        with Image.open(tmp_path / f"p{number}.png") as image:
            assert image.info.get("icc_profile") == expected


def test_stacks_of_arrays_are_split_into_arrays(run, tmp_path: Path) -> None:
    stack = np.random.default_rng(1).random((3, 2, 4, 5), np.float32)
    np.save(tmp_path / "in.npy", stack)
    target = tmp_path / "out-{frame}.npy"
    assert run("apply", "-f", "identity", tmp_path / "in.npy", "-o", target).exit_code == 0
    for number, array in enumerate(stack):
        np.testing.assert_array_equal(np.load(tmp_path / f"out-{number}.npy"), array)


def test_a_still_and_the_first_frame_alone_are_frame_0(run, photo: Path, tmp_path: Path) -> None:
    assert run("apply", "-f", "identity", photo, "-o", tmp_path / "s{frame}.png").exit_code == 0
    moving(tmp_path / "in.png", 12)
    command = ["apply", "-f", "identity", tmp_path / "in.png", "-o", tmp_path / "t{frame}.png"]
    assert run(*command, "--frames", "first").exit_code == 0
    assert sorted(path.name for path in tmp_path.glob("[st]?.png")) == ["s0.png", "t0.png"]


def test_frames_that_exist_are_skipped_refused_or_replaced_together(run, tmp_path: Path) -> None:
    moving(tmp_path / "in.gif", 12)
    (tmp_path / "f-00.png").write_bytes(b"precious")
    command = ["apply", "-f", "identity", tmp_path / "in.gif", "-o", tmp_path / "f-{frame}.png"]
    assert run(*command, "--dry-run").exit_code == run(*command).exit_code == 1
    assert "skipped" in run(*command, "--skip-existing", "--dry-run").stdout
    assert run(*command, "--skip-existing").exit_code == 0
    assert len(list(tmp_path.glob("f-*"))) == 1
    assert run(*command, "--overwrite").exit_code == 0
    assert len(list(tmp_path.glob("f-*"))) == 12


def test_a_format_of_one_image_names_the_way_to_a_file_each(run, tmp_path: Path) -> None:
    moving(tmp_path / "in.png", 2)
    done = run("apply", "-f", "identity", tmp_path / "in.png", "-o", tmp_path / "out.jpg")
    assert "name the result with {frame} for a file each" in done.stderr


@pytest.mark.parametrize(
    ("name", "channels", "frames"),
    [("{frame}.png", 1, 12), ("a{channel}-{frame}.png", 100, 2), ("{frame}{channel}", 3, 1000)],
)
def test_the_first_part_shows_whether_results_exist(
    tmp_path: Path, name: str, channels: int, frames: int
) -> None:
    first, *_, last = part_targets(tmp_path / name, [channels] * frames)
    assert existing(tmp_path / name) is None
    first.touch()
    assert existing(tmp_path / name) == first
    assert names_of(name).fullmatch(last.name)
    assert not names_of(name).fullmatch(name)


@pytest.mark.parametrize(
    ("pattern", "other", "clash"),
    [
        ("a-{frame}.png", "a-07.png", True),
        ("a-{frame}-{channel}.png", "a-1-2.png", True),
        ("{frame}a{frame}.png", "1a1.png", True),
        ("{frame}a{frame}.png", "1a2.png", False),
        ("a-{frame}.png", "a-{channel}.png", True),
        ("a-{frame}.png", "a-1{channel}.png", True),
        ("a-{frame}.png", "a-x.png", False),
        ("a-{frame}.png", "a-1234567.png", False),
    ],
)
def test_names_that_frames_might_take_are_refused(pattern: str, other: str, clash: bool) -> None:
    sources = [f"in/{pattern}", f"in/{other}"]
    if not clash:
        assert len(plan_jobs(sources, output_dir="out")) == 2
        return
    with pytest.raises(PlanError, match=r"a channel or frame of .* might replace"):
        plan_jobs(sources, output_dir="out")
