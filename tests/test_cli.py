"""The command line: output, exit codes, and that a mistake changes no file."""

from __future__ import annotations

import io
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import Result
from PIL import Image, ImageFilter

from convcli import load_filter, read_image
from convcli.cli import cli


def opened(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_one_picture_goes_to_one_file(run, photo: Path, pixels: np.ndarray) -> None:
    target = photo.with_name("out.png")
    result = run("apply", "-f", "identity", photo, "-o", target)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    np.testing.assert_array_equal(opened(target), pixels)


def test_many_pictures_go_to_a_folder_under_their_names(run, samples: Path, tmp_path: Path) -> None:
    names = ["landscape.jpg", "lineart.png", "zone_plate.png", "badge.png", "depth16.png"]
    result = run("apply", "-f", "box-blur", *(samples / name for name in names), "-d", tmp_path)
    assert result.exit_code == 0
    assert sorted(os.listdir(tmp_path)) == sorted(names)
    for name in names:
        with Image.open(samples / name) as before, Image.open(tmp_path / name) as after:
            assert (before.mode, before.size, before.format) == (
                after.mode,
                after.size,
                after.format,
            )


def test_a_folder_and_a_format(run, photo: Path, tmp_path: Path, pixels: np.ndarray) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    assert run("apply", "-f", "identity", photo, "-d", folder, "--format", "tif").exit_code == 0
    np.testing.assert_array_equal(opened(folder / "photo.tif"), pixels)


def test_filters_are_applied_from_left_to_right(run, photo: Path, tmp_path: Path) -> None:
    run("apply", "-f", "motion-blur", "-f", "grayscale", photo, "-o", tmp_path / "out.npy")
    from convcli import apply_filters

    filters = [load_filter("motion-blur"), load_filter("grayscale")]
    expected = apply_filters(read_image(photo), filters, as_float=True).tensor
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), expected)


def test_flags_beat_the_file_and_the_file_beats_the_default(
    run, photo: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.json"
    mine.write_text('{"weight": [[0, 0, 1]], "stride": [1, 2], "pad": 0}')
    shapes = {}
    for flags in ((), ("--stride", "3"), ("-s", "1,4", "--pad", "1,2,3,4"), ("-p", "same")):
        target = tmp_path / "out.npy"
        assert run("apply", "-f", mine, *flags, photo, "-o", target, "--overwrite").exit_code == 0
        shapes[flags] = np.load(target).shape[1:]
    assert list(shapes.values()) == [(9, 5), (3, 4), (13, 4), (9, 6)]


def test_flip_dilation_and_pad_mode_reach_the_kernel(run, photo: Path, pixels: np.ndarray) -> None:
    mine, target = photo.with_name("shift.json"), photo.with_name("out.png")
    mine.write_text('{"weight": [[0, 0, 1]]}')
    run("apply", "-f", mine, "--dilation", "1,2", "--pad-mode", "circular", photo, "-o", target)
    np.testing.assert_array_equal(opened(target), np.roll(pixels, -2, 1))
    run("apply", "-f", mine, "--flip", "--pad-mode", "circular", "--overwrite", photo, "-o", target)
    np.testing.assert_array_equal(opened(target), np.roll(pixels, 1, 1))


@pytest.mark.parametrize("option", ["--scale", "--stride", "-s"])
def test_upsample_enlarges(run, photo: Path, tmp_path: Path, option: str) -> None:
    assert run("upsample", photo, option, "3", "-o", tmp_path / "out.png").exit_code == 0
    with Image.open(photo) as image, Image.open(tmp_path / "out.png") as large:
        expected = np.asarray(image.resize((36, 27), Image.Resampling.BILINEAR)).astype(int)
        np.testing.assert_allclose(np.asarray(large).astype(int), expected, atol=1)


def test_upsample_takes_filters_with_their_own_options(run, photo: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.json"
    mine.write_text('{"weight": [[1, 2, 1], [2, 4, 2], [1, 2, 1]], "divisor": 4}')
    options = ["--pad", "1", "--output-padding", "0,1", "--normalize"]
    target = tmp_path / "out.npy"
    assert run("upsample", "-f", mine, *options, photo, "-o", target).exit_code == 0
    assert np.load(target).shape == (3, 17, 24)


def test_a_pipe_carries_the_image_and_nothing_else(run, photo: Path, pixels: np.ndarray) -> None:
    result = run("apply", "-f", "identity", "-", stdin=photo.read_bytes())
    with Image.open(io.BytesIO(result.stdout_bytes)) as image:
        assert image.format == "PNG"
        np.testing.assert_array_equal(np.asarray(image), pixels)
    result = run("apply", "-f", "identity", photo, "-o", "-", "--format", "bmp")
    with Image.open(io.BytesIO(result.stdout_bytes)) as image:
        assert image.format == "BMP"
    target = photo.with_name("piped.tif")
    run("apply", "-f", "identity", "-", "-o", target, stdin=photo.read_bytes())
    np.testing.assert_array_equal(opened(target), pixels)


def test_a_name_with_a_leading_dash_works_after_two_dashes(
    run, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photo.parent)
    photo.rename(photo.with_name("-f.png"))
    assert run("apply", "-f", "identity", "-o", "out.png", "--", "-f.png").exit_code == 0


def test_one_bad_image_does_not_stop_the_others(run, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"nothing")
    folder = tmp_path / "out"
    folder.mkdir()
    inputs = [tmp_path / "bad.png", photo, tmp_path / "gone.png"]
    result = run("apply", "-f", "identity", *inputs, "-d", folder)
    assert result.exit_code == 1
    assert os.listdir(folder) == ["photo.png"]
    assert "bad.png: it is not an image" in result.stderr
    assert "gone.png: there is no such file" in result.stderr
    assert "1 done, 0 skipped, 2 failed" in result.stderr


def test_quiet_leaves_only_errors(run, samples: Path, tmp_path: Path) -> None:
    badge, target = samples / "badge.png", tmp_path / "out.jpg"
    loud = run("apply", "-f", "identity", badge, "-o", target)
    assert "Warning:" in loud.stderr
    assert "holds no transparency" in loud.stderr
    assert run("apply", "-f", "identity", badge, "-o", target, "-q", "--overwrite").stderr == ""
    again = run("apply", "-f", "identity", badge, "-o", target, "-q")
    assert "exists already" in again.stderr


def test_an_existing_file_stays_unless_overwrite(run, photo: Path, pixels: np.ndarray) -> None:
    target = photo.with_name("out.png")
    target.write_bytes(b"precious")
    result = run("apply", "-f", "identity", photo, "-o", target)
    assert result.exit_code == 1
    assert f"{target} exists already" in result.stderr
    assert target.read_bytes() == b"precious"
    assert run("apply", "-f", "identity", photo, "-o", target, "--overwrite").exit_code == 0
    np.testing.assert_array_equal(opened(target), pixels)


def test_an_input_can_be_overwritten_in_place(run, photo: Path, pixels: np.ndarray) -> None:
    assert run("apply", "-f", "channel-swap", photo, "-o", photo).exit_code == 2
    np.testing.assert_array_equal(opened(photo), pixels)
    assert run("apply", "-f", "channel-swap", photo, "-o", photo, "--overwrite").exit_code == 0
    np.testing.assert_array_equal(opened(photo), pixels[..., ::-1])


def test_save_options_go_to_the_encoder(run, samples: Path, tmp_path: Path) -> None:
    sizes = []
    for level in (0, 9):
        target = tmp_path / f"{level}.png"
        flags = ["--save", f"compress_level={level}", "-o", target]
        assert run("apply", "-f", "identity", samples / "lineart.png", *flags).exit_code == 0
        sizes.append(target.stat().st_size)
    assert sizes[0] > 10 * sizes[1]
    progressive = ["--save", "progressive=true", "-o", tmp_path / "out.jpg"]
    assert run("apply", "-f", "identity", samples / "landscape.jpg", *progressive).exit_code == 0
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.info["progressive"]


USAGE_ERRORS = [
    (["apply", "-f", "sharpen", "PHOTO", "-o", "out.png", "--save", "level"], "KEY=VALUE"),
    (
        ["apply", "-f", "sharpen", "PHOTO", "-o", "out.png", "--save", "lossless=1"],
        "out.png: PNG has no save option 'lossless'",
    ),
    (
        ["apply", "-f", "sharpen", "PHOTO", "-d", "new", "--format", "jpg", "--save", "level=1"],
        "new/photo.jpg: JPEG has no save option 'level'",
    ),
    (["upsample", "PHOTO", "-o", "-", "--format", "webp", "--save", "level=1"], "WEBP has no save"),
    (
        ["apply", "-f", "sharpen", "PHOTO", "-o", "out.jpg", "--save", "dpi=fine"],
        "dpi is a number of pixels per inch above 0, or (x, y): got 'fine'",
    ),
    (["apply", "PHOTO", "-o", "out.png"], "'-f' / '--filter'"),
    (["apply", "-f", "sharpen", "-o", "out.png"], "IMAGE"),
    (["apply", "-f", "sharpen", "PHOTO"], "-o FILE"),
    (["apply", "-f", "sharpen", "PHOTO", "PHOTO", "-o", "out.png"], "-d DIR"),
    (["apply", "-f", "sharpen", "PHOTO", "-o", "out.png", "-d", "."], "not both"),
    (["apply", "-f", "sharpen", "PHOTO", "PHOTO", "-d", "empty"], "would both be written"),
    (["apply", "-f", "sharpn", "PHOTO", "-o", "out.png"], "did you mean sharpen"),
    (["apply", "-f", "bad.json", "PHOTO", "-o", "out.png"], "not valid JSON"),
    (["apply", "-f", "sharpen", "PHOTO", "-o", "out.xyz"], "not an image format"),
    (["apply", "-f", "sharpen", "PHOTO", "-o", "out"], "no extension"),
    (
        ["apply", "-f", "sharpen", "PHOTO", "-o", "out.png", "--format", "xyz"],
        "not an image format",
    ),
    (["apply", "-f", "sharpen", "PHOTO", "-o", "bad.json/out.png"], "is a file"),
    (["apply", "-f", "sharpen", "PHOTO", "-o", "empty"], "is a folder"),
    (["apply", "-f", "sharpen", "PHOTO", "-d", "bad.json/out"], "is a file"),
    (["apply", "-f", "sharpen", "-", "-d", "empty"], "standard input has no name"),
    (["apply", "-f", "sharpen", "PHOTO", "-o", "out.png", "--stride", "0"], "from 1 up"),
    (["apply", "-f", "sharpen", "PHOTO", "-o", "out.png", "--stride", "-1"], "from 1 up"),
    (["apply", "-f", "sharpen", "PHOTO", "-o", "out.png", "--stride", "1,2,3"], "N or Y,X"),
    (["apply", "-f", "sharpen", "PHOTO", "-o", "out.png", "--stride", "9" * 5000], "N or Y,X"),
    (["apply", "-f", "sharpen", "PHOTO", "-o", "out.png", "--dilation", "1.5"], "N or Y,X"),
    (["apply", "-f", "sharpen", "PHOTO", "-o", "out.png", "--pad", "full"], "same, valid, N"),
    (["apply", "-f", "sharpen", "PHOTO", "-o", "out.png", "--pad", "1,2,3"], "T,L,B,R"),
    (["apply", "-f", "sharpen", "PHOTO", "-o", "out.png", "--pad-mode", "mirror"], "reflect"),
    (["apply", "-f", "sharpen", "PHOTO", "-o", "out.jpg", "--quality", "0"], "1<=x<=100"),
    (["upsample", "PHOTO", "-o", "out.png", "--scale", "0"], "from 1 up"),
    (["upsample", "PHOTO", "-o", "out.png", "-f", "bicubik"], "no filter file"),
    (["upsample", "PHOTO", "-o", "out.png", "--pad", "1"], "sets --pad itself"),
    (["upsample", "PHOTO", "-o", "out.png", "--scale", "100000"], "weights"),
    (["filters", "show", "sharpn"], "did you mean sharpen"),
    (["aply"], "apply"),
]


@pytest.mark.parametrize(
    ("arguments", "fault"), USAGE_ERRORS, ids=[" ".join(a)[:60] for a, _ in USAGE_ERRORS]
)
def test_a_wrong_command_line_exits_with_2_and_touches_nothing(
    run, photo: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], fault: str
) -> None:
    monkeypatch.chdir(photo.parent)
    Path("empty").mkdir()
    Path("bad.json").write_text("{")
    before = sorted(Path().rglob("*"))
    result: Result = run(*(photo.name if a == "PHOTO" else a for a in arguments))
    assert result.exit_code == 2
    assert fault in " ".join(result.stderr.split())
    assert result.stdout == ""
    assert sorted(Path().rglob("*")) == before


FAILURES = [
    (b"", [], "the file is empty"),
    (b"text", [], "is not an image"),
    (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", [], "is not an image|broken"),
    (None, ["--pad", "valid", "--dilation", "9"], "smaller than one pixel"),
    (None, ["-f", "sepia", "--mode", "L"], "reads 3 channels and the picture has 1"),
    (None, ["--pad", "999999"], "more than the limit"),
]


@pytest.mark.parametrize(("content", "flags", "fault"), FAILURES)
def test_an_image_that_fails_is_reported_and_leaves_no_file(
    run, photo: Path, content: bytes | None, flags: list[str], fault: str
) -> None:
    if content is not None:
        photo.write_bytes(content)
    before = os.listdir(photo.parent)
    result = run("apply", "-f", "sharpen", *flags, photo, "-o", photo.with_name("out.png"))
    assert result.exit_code == 1
    assert "photo.png: " in result.stderr
    assert any(text in result.stderr for text in fault.split("|"))
    assert os.listdir(photo.parent) == before


def test_standard_input_is_named_in_messages(run, tmp_path: Path) -> None:
    result = run("apply", "-f", "sharpen", "-", stdin=b"")
    assert (result.exit_code, result.stdout_bytes) == (1, b"")
    assert "standard input: the file is empty" in result.stderr


def test_the_bundled_filters_are_listed_and_shown(run, tmp_path: Path) -> None:
    listed = run("filters", "list").stdout
    assert "sharpen " in listed
    assert "adds what sets a pixel apart" in listed
    shown = run("filters", "show", "sobel").stdout
    (tmp_path / "mine.json").write_text(shown)
    assert load_filter(tmp_path / "mine.json") == load_filter("sobel")


def commands(
    group: click.Group, path: tuple[str, ...] = ()
) -> dict[tuple[str, ...], click.Command]:
    found: dict[tuple[str, ...], click.Command] = {path: group}
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        deeper = (*path, name)
        found |= (
            commands(command, deeper) if isinstance(command, click.Group) else {deeper: command}
        )
    return found


@pytest.mark.parametrize("path", commands(cli), ids=" ".join)
def test_every_command_has_help_with_an_example(run, path: tuple[str, ...]) -> None:
    long, short = run(*path, "--help"), run(*path, "-h")
    assert long.stdout == short.stdout
    if path != ("filters",):
        assert "Example" in long.stdout


def examples() -> list[str]:
    epilogs = [command.epilog or "" for command in commands(cli).values()]
    return [line for text in epilogs for line in text.splitlines() if "convcli" in line]


@pytest.mark.parametrize("line", examples())
def test_every_example_of_a_help_text_works(
    run, line: str, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("photo.jpg", "icon.png", "other.png", "psf.png"):
        source = "landscape.jpg" if name.endswith("jpg") else "badge.png"
        with Image.open(samples / source) as image:
            image.resize((40, 30)).save(tmp_path / name)
    if "> my-filter.json" not in line:
        (tmp_path / "my-filter.json").write_text('{"weight": [[1, 2], [3, 4]], "divisor": 10}')
    (tmp_path / "photos").mkdir()
    os.link(tmp_path / "photo.jpg", tmp_path / "photos" / "one.jpg")
    with Image.open(tmp_path / "photo.jpg") as image:
        image.filter(ImageFilter.SHARPEN).save(tmp_path / "sharp.png")
    for folder, source in (("before", "photo.jpg"), ("after", "sharp.png")):
        (tmp_path / folder).mkdir()
        os.link(tmp_path / source, tmp_path / folder / f"one{Path(source).suffix}")
    before = set(tmp_path.rglob("*"))
    command, *arguments = shlex.split(line)
    if command == "convcli" and not set("|<>*$&;(#") & set(
        line
    ):  # a process takes ten times as long
        monkeypatch.chdir(tmp_path)
        assert run(*arguments).exit_code == 0
    else:
        in_bash = ["bash", "-euo", "pipefail", "-c", with_python(line)]
        subprocess.run(in_bash, cwd=tmp_path, check=True)
    if not {"list", "info", "check"} & set(line.split()) and (
        "explain" not in line or "--animate" in line
    ):
        assert set(tmp_path.rglob("*")) - before


def with_python(line: str) -> str:
    """Return a shell line that runs this package, whatever ``convcli`` is on the PATH."""
    return f'convcli() {{ "{sys.executable}" -m convcli "$@"; }}; {line}'


def in_a_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["apply", "--help"], ["upsample", "-h"], ["fit", "-h"]]
)
def test_help_and_version_import_neither_numpy_nor_pillow(arguments: list[str]) -> None:
    code = f"""
import sys
from convcli.cli import cli
try:
    cli({arguments!r}, prog_name="convcli")
except SystemExit as exit:
    assert exit.code == 0
print(sorted({{"numpy", "PIL"}} & set(sys.modules)))
"""
    assert in_a_process(code).splitlines()[-1] == "[]"


def test_a_closed_pipe_ends_quietly(photo: Path) -> None:
    line = with_python(f"convcli apply -f identity '{photo}' -o - --format bmp | true")
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=False)
    assert done.stderr == b""


def test_a_full_disk_is_a_message(photo: Path) -> None:
    line = with_python(f"convcli apply -f identity '{photo}' -o - --format bmp > /dev/full")
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_image_is_not_written_to_a_terminal(photo: Path) -> None:
    import pty

    terminal, inner = pty.openpty()
    try:
        command = [
            sys.executable,
            "-m",
            "convcli",
            "apply",
            "-f",
            "identity",
            str(photo),
            "-o",
            "-",
        ]
        done = subprocess.run(command, stdout=inner, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(inner)
        os.close(terminal)
    assert done.returncode == 2
    assert "does not go to a terminal" in done.stderr


def test_an_interrupt_kills_it_without_a_traceback(photo: Path) -> None:
    code = """
import signal, sys, os
from convcli.batch import run
from convcli.__main__ import main
run.read_image = lambda *_, **__: os.kill(os.getpid(), signal.SIGINT)
sys.argv = ["convcli", "apply", "-f", "identity", "x.png", "-o", "y.png"]
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=photo.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGINT
    assert "Traceback" not in done.stderr
