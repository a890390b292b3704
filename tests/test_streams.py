"""Streams, disks and names as systems have them.

What they do not allow is a message, and never a traceback or a part of a file.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from convcli import ImageError, read_image
from convcli.system.atomic_files import replacing

resource = pytest.importorskip("resource", reason="needs POSIX")
IS_ROOT = os.name == "posix" and os.geteuid() == 0


def shell(line: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of bash in ``folder``, in which ``convcli`` is this package."""
    function = f'convcli() {{ "{sys.executable}" -m convcli "$@"; }}'
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {function}; {line}"],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        check=False,
    )


CLOSED = [
    ("convcli apply -f identity - -o out.png <&-", 1, "standard input: it is closed"),
    ("convcli apply -f identity - -o out.png 0> /dev/null", 1, "standard input: it cannot be read"),
    ("convcli apply -f identity photo.png -o - >&-", 1, "photo.png: standard output is closed"),
    ("convcli apply -f identity gone.png -o out.png 2>&-", 1, ""),
    ("convcli filters list >&-", 0, ""),
    ("convcli filters list > /dev/full", 1, "Error: No space left on device"),
    ("convcli apply --help > /dev/full", 1, "Error: No space left on device"),
    ("convcli apply -f identity gone.png -o out.png 2> /dev/full", 1, ""),
    ("convcli apply -f identity photo.png -o - --format bmp | true", 1, ""),
]


@pytest.mark.parametrize(("line", "code", "fault"), CLOSED, ids=[line for line, *_ in CLOSED])
def test_a_stream_that_is_closed_or_full_is_a_message(
    photo: Path, line: str, code: int, fault: str
) -> None:
    done = shell(line, photo.parent)
    assert done.returncode == code
    assert fault in done.stderr.decode()
    assert done.stderr.count(b"\n") == bool(fault)
    assert os.listdir(photo.parent) == ["photo.png"]


def test_a_full_disk_for_messages_does_not_stop_a_batch(photo: Path) -> None:
    done = shell(
        "convcli apply -f identity gone.png photo.png -d out -j 1 2> /dev/full", photo.parent
    )
    assert done.returncode == 1
    assert os.listdir(photo.parent / "out") == ["photo.png"]


def test_an_error_on_standard_output_names_its_image(run, samples: Path) -> None:
    done = run("apply", "-f", "identity", samples / "pulse.gif", "-o", "-", "--format", "jpg")
    assert (done.exit_code, done.stdout_bytes) == (1, b"")
    assert done.stderr.startswith(f"Error: {samples / 'pulse.gif'}: JPEG holds one image")


def test_no_file_takes_the_place_of_a_closed_stream(photo: Path, pixels: np.ndarray) -> None:
    done = shell("convcli apply -f identity photo.png -o out.png <&- >&- 2>&-", photo.parent)
    assert done.returncode == 0
    np.testing.assert_array_equal(read_image(photo.with_name("out.png")).frames[0].samples, pixels)
    # What a library says on standard error must not end up in the file that was opened first.
    script = photo.with_name("script.py")
    script.write_text(
        "import os, sys\n"
        "from convcli.images import write\n"
        "encode = write.encode\n"
        "def said(*a, **k):\n"
        "    os.write(1, b'said'), os.write(2, b'said'), encode(*a, **k)\n"
        "write.encode = said\n"
        "from convcli.__main__ import main\n"
        "main()\n"
    )
    line = f"'{sys.executable}' script.py apply -f identity photo.png -o again.png <&- >&- 2>&-"
    assert shell(line, photo.parent).returncode == 0
    assert photo.with_name("again.png").read_bytes() == photo.with_name("out.png").read_bytes()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437"])
def test_help_and_lists_go_to_streams_of_any_encoding(tmp_path: Path, encoding: str) -> None:
    line = "convcli upsample --help; convcli filters list"
    done = shell(line, tmp_path, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"sharpen" in done.stdout


NAMES = [
    b"two words.png",
    b" .png",
    b"two\nlines.png",
    b"-f.png",
    b"--.png",
    b"caf\xe9.png",  # Latin-1, which is not UTF-8
    b"\xff\xfe.png",
    "café.png".encode(),
    b"a:b=c,'\"$(d)`*?.png",
    b"x" * 251 + b".png",
    "é".encode() * 125 + b".png",
]


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "POSIX"])
def test_names_may_hold_any_bytes(photo: Path, locale: str) -> None:
    folder = os.fsencode(photo.parent)
    for name in NAMES:
        Path(os.fsdecode(os.path.join(folder, name))).write_bytes(photo.read_bytes())
    os.mkdir(os.path.join(folder, b"out\xff"))
    environment = os.environ | {"LC_ALL": locale, "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    request = [sys.executable, "-m", "convcli", "apply", "-f", "identity", "-d", b"out\xff"]
    done = subprocess.run(
        [*request, "-j", "1", "--", *NAMES, b"gone\xff.png"],
        cwd=folder,
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 2
    assert b": there is no such file\n" in done.stderr
    assert sorted(os.listdir(os.path.join(folder, b"out\xff"))) == sorted(NAMES)


FORMATS = ["png", "jpg", "tif", "webp", "gif", "bmp", "ppm", "npy", "tga"]
FORMATS += ["jp2"] if features.check("jpg_2000") else []


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.filterwarnings("ignore::convcli.errors.ImageWarning")
def test_a_full_disk_leaves_the_old_file(start, tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "in.png")
    (tmp_path / "out").mkdir()
    target = tmp_path / "out" / f"a.{suffix}"
    target.write_bytes(b"old")
    request = ["apply", "-f", "identity", tmp_path / "in.png", "-o", target, "--overwrite", "-q"]
    unlimited = resource.RLIM_INFINITY
    process = start(
        *request,
        prepare=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (5000, unlimited)),
    )
    assert process.wait() == 1
    assert process.stderr == f"Error: {target} cannot be written: File too large\n"
    assert os.listdir(target.parent) == [target.name]
    assert target.read_bytes() == b"old"


def test_an_image_does_not_go_to_a_terminal_by_its_name(run, photo: Path) -> None:
    import pty

    outer, inner = pty.openpty()
    try:
        done = run("apply", "-f", "identity", photo, "-o", os.ttyname(inner), "--format", "png")
    finally:
        os.close(inner)
        os.close(outer)
    assert done.exit_code == 1
    assert "is a terminal, and an image does not go to one" in done.stderr


@pytest.mark.parametrize("format_name", ["png", "tif", "npy"])
def test_a_named_pipe_is_given_the_whole_image(
    start, run, photo: Path, pixels: np.ndarray, format_name: str
) -> None:
    pipe = photo.with_name("pipe")
    os.mkfifo(pipe)
    came: list[bytes] = []
    reader = threading.Thread(target=lambda: came.append(pipe.read_bytes()))
    reader.start()
    done = run("apply", "-f", "identity", photo, "-o", pipe, "--format", format_name)
    reader.join()
    assert (done.exit_code, done.stderr) == (0, "")
    np.testing.assert_allclose(read_image(came[0]).tensor * 255, pixels.transpose(2, 0, 1))


def unreadable(kind: str, folder: Path) -> str:
    """Return the name of a file that cannot be opened, for one of several reasons."""
    path = folder / "in.png"
    if kind == "a loop of links":
        path.symlink_to(path)
    elif kind == "a link to nothing":
        path.symlink_to("nothing")
    elif kind == "a name that is too long":
        path = folder / ("x" * 252 + ".png")
    elif kind == "a file in a file":
        path.write_bytes(b"")
        path = path / "in.png"
    elif kind == "a socket":
        import socket

        os.chdir(folder)
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("in.png")
    elif kind == "a forbidden file":
        path.write_bytes(b"")
        path.chmod(0)
    return str(path)


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("a loop of links", "Too many levels of symbolic links"),
        ("a link to nothing", "there is no such file"),
        ("a name that is too long", "File name too long"),
        ("a file in a file", "Not a directory"),
        ("a socket", "No such device or address"),
        pytest.param(
            "a forbidden file",
            "Permission denied",
            marks=pytest.mark.skipif(IS_ROOT, reason="nothing is forbidden to root"),
        ),
    ],
)
def test_files_that_cannot_be_opened_are_reported(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, fault: str
) -> None:
    monkeypatch.chdir(tmp_path)
    name = unreadable(kind, tmp_path)
    done = run("apply", "-f", "identity", name, "-o", tmp_path / "out.png")
    assert done.exit_code == 1
    assert f"Error: {name}: " in done.stderr
    assert fault in done.stderr
    assert not (tmp_path / "out.png").exists()


@pytest.mark.skipif(IS_ROOT, reason="nothing is forbidden to root")
def test_a_folder_without_write_permission_is_reported(run, photo: Path) -> None:
    closed = photo.with_name("closed")
    closed.mkdir(0o500)
    done = run("apply", "-f", "identity", photo, "-o", closed / "out.png")
    assert done.exit_code == 1
    assert "cannot be written: Permission denied" in done.stderr


def test_a_name_with_a_zero_byte_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="zero byte"), replacing(tmp_path / "a\0.png", False):
        pass
    with pytest.raises(ImageError, match="null byte"):
        read_image(f"{tmp_path}/a\0.png")


def test_the_environment_is_not_changed_while_a_picture_is_decoded(
    photo: Path, tmp_path: Path
) -> None:
    # getenv() of a decoder in its thread would crash then. NumPy puts a variable when imported.
    script = """
import os, sys
def report(event, arguments):
    if event in ("os.putenv", "os.unsetenv") and "PIL.Image" in sys.modules:
        os.write(2, f"{event} {arguments}\\n".encode())
sys.addaudithook(report)
from convcli.__main__ import main
main()
"""
    line = [sys.executable, "-c", script, "apply", "-f", "sharpen", photo, "-o", tmp_path / "o.png"]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert (tmp_path / "o.png").exists()
