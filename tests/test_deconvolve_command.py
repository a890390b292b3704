"""``convcli deconvolve``: files, options and messages; the methods are in test_deconvolution."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_batch import on_a_terminal

from convcli import Filter, Picture, apply_filters, deconvolve, load_filter, read_image

CROSS = {"weight": [[0, 1, 0], [1, 4, 1], [0, 1, 0]], "divisor": "sum"}


@pytest.fixture
def psf(tmp_path: Path) -> Path:
    path = tmp_path / "psf.json"
    path.write_text(json.dumps(CROSS))
    return path


def test_the_command_does_what_python_does(run, psf: Path, photo: Path, tmp_path: Path) -> None:
    flags = ["--iterations", "7", "--linear", "--flip", "--dilation", "2"]
    done = run("deconvolve", "-f", psf, photo, "-o", tmp_path / "o.png", *flags)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    blur = load_filter(psf).override(flip=True, dilation=2)
    expected = deconvolve(read_image(photo), blur, iterations=7, linear=True)
    np.testing.assert_array_equal(
        read_image(tmp_path / "o.png").frames[0].samples, expected.frames[0].samples
    )
    flags = ["--method", "tikhonov", "--regularize", "0.02", "--pad-mode", "reflect"]
    assert run("deconvolve", "-f", psf, photo, "-o", tmp_path / "o.npy", *flags).exit_code == 0
    expected = deconvolve(
        read_image(photo),
        load_filter(psf),
        method="tikhonov",
        regularize=0.02,
        pad_mode="reflect",
        as_float=True,
    )
    np.testing.assert_array_equal(np.load(tmp_path / "o.npy"), expected.tensor)


def test_sixteen_bits_and_transparency_stay(run, psf: Path, samples: Path, tmp_path: Path) -> None:
    names = ["depth16.png", "badge.png", "lineart.png"]
    inputs = [samples / name for name in names]
    assert run("deconvolve", "-f", psf, *inputs, "-d", tmp_path / "out").exit_code == 0
    for name, source in zip(names, inputs, strict=True):
        before, after = read_image(source).frames[0], read_image(tmp_path / "out" / name).frames[0]
        assert (after.size, after.mode, after.raster.dtype) == (
            before.size,
            before.mode,
            before.raster.dtype,
        )
    assert len(np.unique(read_image(tmp_path / "out" / "depth16.png").tensor)) > 256


def test_every_frame_of_an_animation_is_deconvolved(
    run, psf: Path, samples: Path, tmp_path: Path
) -> None:
    target = tmp_path / "o.gif"
    assert run("deconvolve", "-f", psf, samples / "pulse.gif", "-o", target).exit_code == 0
    with Image.open(samples / "pulse.gif") as before, Image.open(target) as after:
        assert (before.n_frames, before.info["duration"]) == (
            after.n_frames,
            after.info["duration"],
        )


def test_a_batch_gives_the_same_in_one_process_and_in_two(
    run, psf: Path, photo: Path, tmp_path: Path
) -> None:
    for number in range(3):
        blurred = apply_filters(read_image(photo), [load_filter(psf)]).frames[0].samples
        Image.fromarray(np.roll(blurred, number, 1)).save(tmp_path / f"in{number}.png")
    pictures = sorted(tmp_path.glob("in*.png"))
    for jobs in (1, 2):
        report = tmp_path / f"{jobs}.jsonl"
        flags = ["-d", tmp_path / f"out{jobs}", "-j", jobs, "--report", report]
        done = run("deconvolve", "-f", psf, *pictures, *flags)
        assert done.stderr.startswith("3 done, 0 skipped, 0 failed")
        lines = [json.loads(line) for line in report.read_text().splitlines()]
        assert all(line["filters"] == ["psf"] for line in lines)
        assert all(line["output_shape"] == [3, 9, 12] for line in lines)
    for picture in pictures:
        one, two = (tmp_path / f"out{jobs}" / picture.name for jobs in (1, 2))
        assert one.read_bytes() == two.read_bytes()


def test_a_dry_run_names_the_result_and_its_size(run, photo: Path, tmp_path: Path) -> None:
    wide = tmp_path / "wide.json"
    wide.write_text(json.dumps(CROSS | {"pad": "valid"}))
    done = run("deconvolve", "-f", wide, photo, "-o", tmp_path / "o.png", "--dry-run")
    assert done.stdout.endswith("o.png  12x9 RGB -> 14x11\n")
    assert not (tmp_path / "o.png").exists()


@pytest.mark.parametrize(
    ("weight", "flags", "message"),
    [
        ([[0, 0], [0, 0]], [], "Error: filter bad: its weights are all 0"),
        ([[1, -1]], [], "--method tikhonov takes any"),
        ([[1, 1]], ["--iterations", "0"], "0 is not in the range 1<=x<=1000000"),
        ([[1, 1]], ["--regularize", "nan"], "'nan' is not auto or a number above 0"),
        ([[1, 1]], ["--regularize", "0"], "'0' is not auto or a number above 0"),
        ([[1, 1]], ["--method", "magic"], "'richardson-lucy', 'tikhonov'"),
        ([[1, 1]], ["--stride", "2"], "No such option"),
        ([[float("nan")]], [], "weight[0][0]"),
    ],
)
def test_a_wrong_command_line_touches_nothing(
    run, photo: Path, tmp_path: Path, weight: object, flags: list[str], message: str
) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps({"weight": weight}))
    done = run("deconvolve", "-f", bad, photo, "-o", tmp_path / "o.png", *flags)
    assert done.exit_code == 2
    assert message in done.stderr
    assert not (tmp_path / "o.png").exists()


def test_a_picture_that_cannot_be_deconvolved_fails_alone(
    run, psf: Path, photo: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "nan.npy", np.array([[1, np.nan]], np.float32))
    np.save(tmp_path / "negative.npy", np.array([[1, -1]], np.float32))
    pictures = [tmp_path / "nan.npy", tmp_path / "negative.npy", photo]
    done = run("deconvolve", "-f", psf, *pictures, "-d", tmp_path / "out", "-j", "1")
    assert done.exit_code == 1
    first, second, last = done.stderr.splitlines()
    assert "nan.npy: it has samples that are infinite or not a number" in first
    assert "negative.npy: it has negative samples, such as -1, and" in second
    assert second.endswith("--method tikhonov takes any")
    assert last.startswith("1 done, 0 skipped, 2 failed")


def test_a_single_picture_has_a_bar_of_its_own(psf: Path, photo: Path, tmp_path: Path) -> None:
    command = ["deconvolve", "-f", psf, photo, "-o"]
    code, shown = on_a_terminal(*command, tmp_path / "o.png", "--progress")
    assert code == 0
    assert " 50%" in shown
    assert "100%" in shown
    assert on_a_terminal(*command, tmp_path / "p.png", "--no-progress") == (0, "")


def test_standard_input_goes_to_standard_output(run, psf: Path, photo: Path) -> None:
    done = run("deconvolve", "-f", psf, "-", stdin=photo.read_bytes())
    assert done.stdout_bytes.startswith(b"\x89PNG"), done.stderr


def test_what_apply_blurred_comes_back(run, psf: Path, photo: Path, tmp_path: Path) -> None:
    blurred, restored = tmp_path / "blurred.tif", tmp_path / "restored.png"
    run("apply", "-f", psf, photo, "-o", blurred, "--pad-mode", "replicate")
    flags = ["--pad-mode", "replicate", "--iterations", "400"]
    run("deconvolve", "-f", psf, blurred, "-o", restored, *flags)
    before, during, after = (
        read_image(path).tensor.astype(np.float64) for path in (photo, blurred, restored)
    )
    assert np.abs(after - before).mean() < 0.15 * np.abs(during - before).mean()


def test_a_picture_object_keeps_what_it_has_beside_its_pixels(psf: Path) -> None:
    picture = Picture.from_array(np.random.default_rng(0).random((4, 5)))
    assert deconvolve(picture, Filter(CROSS["weight"])).format == picture.format
