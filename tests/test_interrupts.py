"""Processes that are killed, interrupted or limited, at moments that the tests choose."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from PIL import Image
from processes import PATIENCE, Bell, SlowPicture

from convcli import read_image
from convcli.images import write
from convcli.system import atomic_files, signals
from convcli.system.atomic_files import is_temporary

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX processes")

MESSAGES = {signal.SIGINT: "Interrupted", signal.SIGTERM: "Terminated", signal.SIGHUP: "Hung up"}

MOMENTS = {
    "before encoding": (write, "encode", True),
    "after encoding": (write, "encode", False),
    "before flushing": (os, "fsync", True),
    "before renaming": (atomic_files, "_put", True),
    "after renaming": (atomic_files, "_put", False),
}


def struck(moment: str, number: int) -> Callable[[], None]:
    """Return what prepares a process to be sent a signal at ``moment``."""
    module, name, is_before = MOMENTS[moment]
    function = getattr(module, name)

    def strike(*arguments: object, **keywords: object) -> None:
        if is_before:
            os.kill(os.getpid(), number)
        function(*arguments, **keywords)
        if not is_before:
            os.kill(os.getpid(), number)

    return lambda: setattr(module, name, strike)


def temporaries(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if is_temporary(name)]


def check_old_or_new(target: Path, old: bytes | None, pixels: np.ndarray) -> None:
    if not target.exists():
        assert old is None
    elif target.read_bytes() != old:
        np.testing.assert_array_equal(read_image(target).frames[0].samples, pixels)


@pytest.mark.parametrize("old", [None, b"old"], ids=["new", "replaced"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_any_moment_the_target_is_old_or_new(
    start, photo: Path, pixels: np.ndarray, moment: str, old: bytes | None
) -> None:
    folder, target = photo.parent, photo.with_name("out.png")
    request = ["apply", "-f", "identity", photo, "-o", target]
    if old is not None:
        target.write_bytes(old)
        request.append("--overwrite")
    assert start(*request, prepare=struck(moment, signal.SIGKILL)).wait() == -9
    check_old_or_new(target, old, pixels)
    # It cannot tidy up after itself; what it leaves is known by its name.
    assert len(temporaries(folder)) == (moment != "after renaming" or old is None)


@pytest.mark.parametrize("number", MESSAGES)
@pytest.mark.parametrize("moment", MOMENTS)
def test_interrupted_at_any_moment_nothing_is_left_behind(
    start, photo: Path, pixels: np.ndarray, moment: str, number: int
) -> None:
    folder, target = photo.parent, photo.with_name("out.png")
    target.write_bytes(b"old")
    request = ["apply", "-f", "identity", photo, "-o", target, "--overwrite"]
    process = start(*request, prepare=struck(moment, number))
    assert process.wait() == -number
    assert process.stderr == f"{MESSAGES[number]}\n"
    check_old_or_new(target, b"old", pixels)
    assert temporaries(folder) == []


@pytest.mark.parametrize("number", MESSAGES)
@pytest.mark.parametrize("group", [True, False], ids=["group", "alone"])
@pytest.mark.parametrize("jobs", [1, 3])
def test_an_interrupted_batch_abandons_its_work_and_leaves_no_process(
    start, tmp_path: Path, number: int, group: bool, jobs: int
) -> None:
    (tmp_path / "out").mkdir()
    slow = [SlowPicture(tmp_path / f"{k}.png") for k in range(3)]
    request = ["apply", "-f", "identity", *(s.path for s in slow), "-d", tmp_path / "out"]
    process = start(*request, "-j", jobs)
    for picture in slow[:jobs]:
        picture.wait_for_reader()
    process.tell(number, group=group)
    assert process.wait() == -number
    assert process.stderr == f"{MESSAGES[number]}\n"
    assert all(picture.is_given_up() for picture in slow[:jobs])
    assert os.listdir(tmp_path / "out") == []


def test_workers_that_were_not_forked_are_interrupted_as_quietly(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    slow = [SlowPicture(tmp_path / f"{k}.png") for k in range(2)]
    code = (
        "from convcli.batch import process_pool; process_pool.START_METHOD = 'spawn'\n"
        "from convcli.__main__ import main; main()"
    )
    request = ["apply", "-f", "identity", "0.png", "1.png", "-d", "out", "-j", "2"]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *request],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    for picture in slow:
        picture.wait_for_reader()
    os.killpg(process.pid, signal.SIGINT)
    # Standard error is read to its end: until the last process that has it has ended.
    assert process.communicate()[1] == b"Interrupted\n"
    assert process.returncode == -signal.SIGINT
    assert all(picture.is_given_up() for picture in slow)


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupt_does_not_wait_for_an_encoder(
    start, photo: Path, tmp_path: Path, jobs: int
) -> None:
    bells = [Bell() for _ in range(jobs)]
    names = [photo, photo.with_suffix(".jpg")][:jobs]
    names[-1].write_bytes(photo.read_bytes())

    def encode(picture: object, file: BinaryIO, *_: object, **__: object) -> None:
        bells[file.name.endswith(".jpg")].ring()
        hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)  # minutes without a look at signals

    (tmp_path / "out").mkdir()
    process = start(
        *("apply", "-f", "identity", *names, "-d", tmp_path / "out", "-j", jobs),
        prepare=lambda: setattr(write, "encode", encode),
    )
    for bell in bells:
        bell.wait()
    process.tell(signal.SIGINT)
    assert process.wait() == -signal.SIGINT
    assert process.stderr == "Interrupted\n"
    assert os.listdir(tmp_path / "out") == []


def test_more_interrupts_while_it_tidies_up_change_nothing(
    start, photo: Path, tmp_path: Path
) -> None:
    def prepare() -> None:
        def again() -> None:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)

        signals.at_termination(again)
        struck("before renaming", signal.SIGINT)()

    request = ["apply", "-f", "identity", photo, "-o", tmp_path / "out.png"]
    process = start(*request, prepare=prepare)
    assert process.wait() == -signal.SIGINT
    assert process.stderr == "Interrupted\n"
    assert temporaries(tmp_path) == []


def test_what_nohup_ignores_does_not_end_it(start, photo: Path, tmp_path: Path) -> None:
    def prepare() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        struck("before renaming", signal.SIGHUP)()

    request = ["apply", "-f", "identity", photo, "-o", tmp_path / "out.png"]
    assert start(*request, prepare=prepare).wait() == 0
    assert (tmp_path / "out.png").exists()


def test_an_interrupt_while_it_waits_for_standard_input_ends_it(start, tmp_path: Path) -> None:
    bell = Bell()
    nothing_comes, _open = os.pipe()

    def prepare() -> None:
        from convcli.batch import inputs

        os.dup2(nothing_comes, 0)
        read = inputs.read_standard_input
        inputs.read_standard_input = lambda: (bell.ring(), read())[1]

    process = start("apply", "-f", "identity", "-", "-o", "-", prepare=prepare)
    bell.wait()
    process.tell(signal.SIGINT)
    assert process.wait() == -signal.SIGINT
    assert process.stderr == "Interrupted\n"
    os.close(nothing_comes)
    os.close(_open)


@pytest.mark.parametrize("library", ["click", "numpy"])
def test_an_interrupt_while_it_starts_ends_it_without_a_traceback(
    photo: Path, tmp_path: Path, library: str
) -> None:
    (tmp_path / f"{library}.py").write_text(
        "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(30)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "convcli", "apply", "-f", "identity", photo, "-o", "out.png"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (-signal.SIGINT, b"Interrupted\n")


LOOP = """
for name in a b; do
    "$python" -m convcli apply -f identity "$name.png" "$name-too.png" -d out -j "$jobs"
    echo "went on after $name"
done
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_loop_of_the_shell_ends_with_the_command_that_is_interrupted(
    tmp_path: Path, jobs: int
) -> None:
    slow = [SlowPicture(tmp_path / f"{name}.png") for name in ("a", "a-too", "b", "b-too")]
    shell = subprocess.Popen(
        ["bash", "-c", LOOP],
        cwd=tmp_path,
        env=os.environ | {"python": sys.executable, "jobs": str(jobs)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        for picture in slow[:jobs]:
            picture.wait_for_reader()
        os.killpg(shell.pid, signal.SIGINT)
        assert shell.communicate(timeout=PATIENCE) == (b"", b"Interrupted\n")
        assert shell.returncode == -signal.SIGINT
    finally:
        with suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)


def test_an_interrupt_by_exception_kills_it_too(start, photo: Path, tmp_path: Path) -> None:
    def prepare() -> None:
        def encode(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        write.encode = encode

    process = start("apply", "-f", "identity", photo, "-o", tmp_path / "out.png", prepare=prepare)
    assert process.wait() == -signal.SIGINT
    assert process.stderr == "Interrupted\n"
    assert temporaries(tmp_path) == []


def test_workers_do_not_outlive_a_parent_that_is_killed(start, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    slow = [SlowPicture(tmp_path / f"{k}.png") for k in range(3)]
    request = ["apply", "-f", "identity", *(s.path for s in slow), "-d", tmp_path / "out"]
    process = start(*request, "-j", 3)
    for picture in slow:
        picture.wait_for_reader()
    process.tell(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert all(picture.is_given_up() for picture in slow)
    assert process.stderr == ""


def limited(megabytes: int) -> Callable[[], None]:
    """Return what leaves a process only so much memory beside what it has."""

    def limit() -> None:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + (megabytes << 20)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))

    return limit


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_picture_without_enough_memory_fails_alone(
    start, photo: Path, tmp_path: Path, jobs: int
) -> None:
    # Larger than what tests before have freed, which the process may take again.
    Image.new("RGB", (9400, 9400)).save(tmp_path / "large.png", compress_level=1)
    (tmp_path / "out").mkdir()
    request = ["apply", "-f", "identity", tmp_path / "large.png", photo, "-d", tmp_path / "out"]
    process = start(*request, "-j", jobs, prepare=limited(45))
    assert process.wait() == 1
    assert "large.png: there is not enough memory for this picture" in process.stderr
    assert "1 done, 0 skipped, 1 failed" in process.stderr
    assert os.listdir(tmp_path / "out") == [photo.name]
