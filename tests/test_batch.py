"""Batches: in several processes, on other executors, and the report of each picture."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convcli import batch, load_filter, read_image
from convcli.batch import Job, Options, Result, plan_jobs, run_jobs
from convcli.images.decoding import ahead as decoding_ahead
from convcli.kernel.geometry import Geometry
from convcli.pipeline.operators import Convolution


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    rng = np.random.default_rng(0)
    names = [str(tmp_path / f"{k}.png") for k in range(12)]
    for name in names:
        Image.fromarray(rng.integers(0, 256, (20, 30, 3), np.uint8)).save(name)
    return names


def test_results_do_not_depend_on_the_number_of_workers(
    run, pictures: list[str], tmp_path: Path
) -> None:
    for jobs in ("1", "2", "5"):
        (tmp_path / jobs).mkdir()
        done = run("apply", "-f", "sharpen", *pictures, "-d", tmp_path / jobs, "-j", jobs)
        assert done.exit_code == 0
        assert re.fullmatch(r"12 done, 0 skipped, 0 failed, \d+\.\d seconds\n", done.stderr)
    for name in map(os.path.basename, pictures):
        first, *others = ((tmp_path / jobs / name).read_bytes() for jobs in ("1", "2", "5"))
        assert all(other == first for other in others)


def test_a_picture_and_a_list_of_others_are_a_batch_like_any_other(
    start, pictures: list[str], tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"  # takes longer to decode than workers take to start
    noise = np.random.default_rng(0).integers(0, 256, (2000, 1500, 3), np.uint8)
    Image.fromarray(noise).save(photo, quality=95)
    (tmp_path / "list").write_text("\n".join(pictures))
    flags = ["--files-from", tmp_path / "list", "-d", tmp_path / "out", "-j", "2"]
    process = start("apply", "-f", "sharpen", photo, *flags)
    assert process.wait() == 0
    assert process.stderr.startswith("13 done, 0 skipped, 0 failed, ")
    assert len(os.listdir(tmp_path / "out")) == 13


def test_errors_and_warnings_come_back_from_workers(
    run, pictures: list[str], tmp_path: Path
) -> None:
    Path(pictures[3]).write_bytes(b"nothing")
    Image.new("RGBA", (4, 4)).save(pictures[5])
    (tmp_path / "out").mkdir()
    flags = ["-d", tmp_path / "out", "--format", "jpg", "-j", "2"]
    done = run("apply", "-f", "sharpen", *pictures, *flags)
    assert done.exit_code == 1
    assert "3.png: it is not an image" in done.stderr
    assert "5.png: JPEG holds no transparency" in done.stderr
    assert "11 done, 0 skipped, 1 failed, " in done.stderr
    assert len(os.listdir(tmp_path / "out")) == 11


class Killing(Convolution):
    """The identity, which kills its process at a picture 7 pixels high."""

    def geometry(self, size: tuple[int, int]) -> Geometry:
        if size[0] == 7:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().geometry(size)


KILLING = [Killing(load_filter("identity"))]


def test_a_killed_worker_loses_only_its_picture(pictures: list[str], tmp_path: Path) -> None:
    Image.new("RGB", (7, 7)).save(pictures[4])
    (tmp_path / "out").mkdir()
    jobs = plan_jobs(pictures, output_dir=str(tmp_path / "out"))
    results = list(run_jobs(jobs, KILLING, Options(), workers=2))
    assert {result.job for result in results} == set(jobs)
    assert len(results) == len(jobs)
    (failed,) = [result for result in results if result.error]
    assert failed.job.source == pictures[4]
    assert "4.png: the process that ran it was killed" in str(failed.error)
    assert len(os.listdir(tmp_path / "out")) == 11


def double(number: int) -> int:
    return 2 * number


def no_room() -> None:
    """Let every thread fail to start, as where the number of processes is limited."""
    import threading

    def fail(thread: object) -> None:
        raise RuntimeError("can't start new thread")

    threading.Thread.start = fail


def test_without_threads_one_image_at_a_time_is_processed(
    start, samples: Path, tmp_path: Path
) -> None:
    request = ["apply", "-f", "sharpen", samples / "landscape.jpg", "-o"]
    process = start(*request, tmp_path / "o.jpg", prepare=no_room)
    assert (process.wait(), process.stderr) == (0, "")
    process = start(*request, tmp_path / "o.jpg", "--overwrite", "-j", "2", prepare=no_room)
    assert (process.wait(), process.stderr) == (0, "")


def test_without_processes_a_batch_says_to_use_one_job(
    start, pictures: list[str], tmp_path: Path
) -> None:
    request = ["apply", "-f", "sharpen", *pictures, "-d", tmp_path / "out", "-j"]
    process = start(*request, "2", prepare=no_room)
    assert process.wait() == 1
    assert re.fullmatch("Error: no processes can be started, -j 1 needs none: .*\n", process.stderr)
    process = start(*request, "1", prepare=no_room)
    assert process.wait() == 0
    assert process.stderr.startswith("12 done, 0 skipped, 0 failed, ")


def no_second_room() -> None:
    """Let the threads that a thread of the pool starts fail, not those of the main thread."""
    import threading

    start = threading.Thread.start

    def fail(thread: object) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("can't start new thread")
        start(thread)

    threading.Thread.start = fail


def test_a_batch_ends_where_a_thread_of_the_pool_fails(
    start, pictures: list[str], tmp_path: Path
) -> None:
    request = ["apply", "-f", "sharpen", *pictures, "-d", tmp_path / "out", "-j", "2"]
    process = start(*request, prepare=no_second_room)
    assert process.wait() == 1
    expected = "Error: no processes can be started, -j 1 needs none: can't start new thread\n"
    assert process.stderr == expected


def test_a_batch_without_workers_is_a_mistake(pictures: list[str], tmp_path: Path) -> None:
    jobs = plan_jobs(pictures, output_dir=str(tmp_path / "out"))
    for workers in (0, -1):
        for executor in (None, ThreadPoolExecutor(1)):
            with pytest.raises(ValueError, match=f"workers must be 1 or more: got {workers}"):
                next(run_jobs(jobs, [], workers=workers, executor=executor))


def planned(pictures: list[str], folder: Path, format: str | None = None) -> list[Job]:
    return plan_jobs(pictures, output_dir=str(folder), format=format)


class AtOnce(Executor):
    """Does each task when it is handed out; the second is where it breaks, if it does."""

    def __init__(self, breaks: bool = False) -> None:
        self.breaks, self.tasks = breaks, 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.tasks += 1
        if self.breaks and self.tasks > 1:
            raise BrokenExecutor("all nodes are down")
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class Forgetful(AtOnce):
    """Loses the second task, as a cluster may, and has an error of its own for that."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future = super().submit(fn, *args, **kwargs)
        if self.tasks != 2:
            return future
        lost: Future[Any] = Future()
        lost.set_exception(LookupError("node 7"))
        return lost


EXECUTORS = {
    "threads": partial(ThreadPoolExecutor, 3),
    "processes": partial(ProcessPoolExecutor, 2, __import__("multiprocessing").get_context("fork")),
    "at once": AtOnce,
}


@pytest.mark.parametrize("kind", EXECUTORS)
def test_any_executor_does_the_same_as_the_workers_here(
    kind: str, pictures: list[str], tmp_path: Path
) -> None:
    Image.new("RGBA", (4, 4)).save(pictures[5])
    Path(pictures[7]).write_bytes(b"nothing")
    sharpen = [Convolution(load_filter("sharpen"))]
    here = {r.job.source: r for r in run_jobs(planned(pictures, tmp_path / "a", "jpg"), sharpen)}
    with EXECUTORS[kind]() as executor:
        jobs = planned(pictures, tmp_path / "b", "jpg")
        there = list(run_jobs(jobs, sharpen, workers=2, executor=executor))
        executor.submit(double, 2).result()  # it is still open
    assert sorted(result.job for result in there) == sorted(jobs)
    for result in there:
        other = here[result.job.source]
        assert result[1:7] == other[1:7]
        if result.status == "ok":
            assert Path(result.job.target).read_bytes() == Path(other.job.target).read_bytes()
    assert here[pictures[5]].warnings == (
        "JPEG holds no transparency: the picture is composited on white",
    )


def test_a_job_lost_by_an_executor_fails_and_the_others_go_on(
    pictures: list[str], tmp_path: Path
) -> None:
    results = list(run_jobs(planned(pictures, tmp_path / "out"), [], executor=Forgetful()))
    (failed,) = [result for result in results if result.status == "failed"]
    assert failed.error == f"{pictures[1]}: the executor lost it: LookupError: node 7"
    assert len(results) == 12


def test_a_broken_executor_fails_only_what_it_had_not_done(
    pictures: list[str], tmp_path: Path
) -> None:
    jobs = planned(pictures, tmp_path / "out")
    results = list(run_jobs(jobs, [], executor=AtOnce(breaks=True)))
    assert [result.status for result in results] == ["ok"] + ["failed"] * 11
    assert "BrokenExecutor: all nodes are down" in str(results[5].error)


@pytest.mark.parametrize("executor", [None, "threads"])
def test_jobs_are_taken_a_few_at_a_time(
    pictures: list[str], tmp_path: Path, executor: str | None
) -> None:
    taken = []

    def jobs() -> Iterator[Job]:
        for number in range(200):
            taken.append(number)
            yield Job(pictures[0], str(tmp_path / f"out{number}.png"), "PNG")

    with ThreadPoolExecutor(2) as pool:
        given = pool if executor else None
        results = run_jobs(jobs(), [], workers=2, executor=given)
        next(results)
        results.close()
    assert len(taken) < 30


class LastFirst(AtOnce):
    """Has not begun with its first three tasks when the fourth is done."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Future[Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if len(self.waiting) == 3:
            return super().submit(fn, *args, **kwargs)
        self.waiting.append(Future())
        return self.waiting[-1]


def test_tasks_of_an_abandoned_batch_are_cancelled(pictures: list[str], tmp_path: Path) -> None:
    executor = LastFirst()
    jobs = planned(pictures, tmp_path / "out")
    results = run_jobs(jobs, [], executor=executor)
    assert next(results).job == jobs[3]
    results.close()
    assert [future.cancelled() for future in executor.waiting] == [True] * 3


def test_a_result_has_shapes_filters_and_seconds(pictures: list[str], tmp_path: Path) -> None:
    np.save(tmp_path / "stack.npy", np.zeros((2, 1, 8, 10), np.float32))
    jobs = planned([pictures[0], str(tmp_path / "stack.npy")], tmp_path / "out")
    half = [Convolution(load_filter("grayscale").override(stride=2))]
    one, stack = run_jobs(jobs[:1], half), run_jobs(jobs[1:], [])
    (result,) = one
    assert (result.status, result.error, result.warnings) == ("ok", None, ())
    assert (result.input_shape, result.output_shape) == ((3, 20, 30), (1, 10, 15))
    assert result.filters == ("grayscale",)
    assert result.seconds > 0
    (result,) = stack
    assert result.output_shape == (2, 1, 8, 10)


def test_a_failure_has_the_shapes_known_so_far(pictures: list[str], tmp_path: Path) -> None:
    Path(pictures[1]).write_bytes(b"nothing")
    sepia = [Convolution(load_filter("sepia"))]
    jobs = planned(pictures[:2], tmp_path / "out")
    wrong, broken = run_jobs(jobs, sepia, Options(mode="L"))
    assert (wrong.status, wrong.input_shape, wrong.output_shape) == ("failed", (1, 20, 30), None)
    assert (broken.status, broken.input_shape) == ("failed", None)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_created_is_reported(pictures: list[str], tmp_path: Path) -> None:
    jobs = planned(pictures[:2], tmp_path / "out" / "below")
    (tmp_path / "out").write_bytes(b"")
    for result in run_jobs(jobs, []):
        assert "out/below cannot be created: Not a directory" in str(result.error)


def test_inputs_of_existing_results_are_not_read(pictures: list[str], tmp_path: Path) -> None:
    jobs = planned(pictures, tmp_path / "out")
    (tmp_path / "out").mkdir()
    Path(jobs[4].target).write_bytes(b"precious")
    Path(pictures[4]).write_bytes(b"nothing")
    results = {r.job: r for r in run_jobs(jobs, [], Options(skip_existing=True), workers=2)}
    assert results.pop(jobs[4]) == Result(jobs[4], "skipped")
    assert Path(jobs[4].target).read_bytes() == b"precious"
    assert {result.status for result in results.values()} == {"ok"}


def test_the_example_of_the_module_runs(
    pictures: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        Image.open(pictures[0]).save(f"{name}.jpg")
    code = re.sub(r"(?m)^    ", "", str(batch.__doc__).partition("::\n")[2])
    exec(code, {})
    lines = capsys.readouterr().out.splitlines()
    assert sorted(lines) == [f"{os.path.join('sharp', name)}.jpg ok None" for name in "ab"]


# From here on: by the command line.


def report_of(text: str) -> dict[str, dict[str, Any]]:
    """Return the lines of a report by the base names of their inputs."""
    records = [json.loads(line) for line in text.splitlines()]
    return {os.path.basename(record["input"]): record for record in records}


def test_the_report_has_a_line_for_each_image(run, pictures: list[str], tmp_path: Path) -> None:
    Path(pictures[3]).write_bytes(b"nothing")
    Image.new("RGBA", (4, 5)).save(pictures[5])
    flags = ["-d", tmp_path / "out", "--format", "jpg", "-j", "2", "--report", tmp_path / "r.jsonl"]
    assert run("apply", "-f", "sharpen", "-f", "sobel", *pictures, *flags).exit_code == 1
    records = report_of((tmp_path / "r.jsonl").read_text())
    assert len(records) == 12
    assert isinstance(records["5.png"].pop("seconds"), float)
    assert records["5.png"] == {
        "input": pictures[5],
        "output": str(tmp_path / "out" / "5.jpg"),
        "status": "ok",
        "error": None,
        "warnings": ["JPEG holds no transparency: the picture is composited on white"],
        "input_shape": [4, 5, 4],
        "output_shape": [4, 5, 4],
        "input_depth": "8",
        "output_depth": "8",
        "filters": ["sharpen", "sobel"],
    }
    assert records["3.png"]["status"] == "failed"
    assert "3.png: it is not an image" in records["3.png"]["error"]
    assert records["3.png"]["input_shape"] is None


def test_a_second_run_does_only_what_is_missing(run, pictures: list[str], tmp_path: Path) -> None:
    good = Path(pictures[3]).read_bytes()
    Path(pictures[3]).write_bytes(b"nothing")
    report = tmp_path / "out" / "report.jsonl"
    command = ["apply", "-f", "sharpen", *pictures, "-d", tmp_path / "out", "--skip-existing"]
    assert run(*command, "--report", report).exit_code == 1
    Path(pictures[3]).write_bytes(good)
    done = run(*command, "--report", report)
    assert done.exit_code == 0
    assert done.stderr.startswith("1 done, 11 skipped, 0 failed, ")
    records = report_of(report.read_text())
    assert records.pop("3.png")["status"] == "ok"
    assert {record["status"] for record in records.values()} == {"skipped"}
    assert len(records) == 11


def test_what_another_run_has_written_meanwhile_is_skipped_too(
    pictures: list[str], tmp_path: Path
) -> None:
    class Slow(Convolution):
        """The identity, during which another run writes the result."""

        def geometry(self, size: tuple[int, int]) -> Geometry:
            (tmp_path / "0-2.png").write_bytes(b"the other's")
            return super().geometry(size)

    slow = [Slow(load_filter("identity"))]
    jobs = plan_jobs(pictures[:1], suffix="-2")
    (result,) = run_jobs(jobs, slow, Options(skip_existing=True))
    assert (result.status, result.error) == ("skipped", None)
    assert (tmp_path / "0-2.png").read_bytes() == b"the other's"


def test_a_report_on_standard_output_is_the_only_output(
    run, pictures: list[str], tmp_path: Path
) -> None:
    flags = ["-d", tmp_path / "out", "--report", "-", "--progress"]
    done = run("apply", "-f", "sharpen", *pictures, *flags)
    assert len(report_of(done.stdout)) == 12


def test_undecodable_names_in_a_report_can_be_decoded(
    run, pictures: list[str], tmp_path: Path
) -> None:
    name = os.fsencode(tmp_path) + b"/\xff\xc3\xa4\n.png"
    os.link(pictures[0], name)
    flags = ["--files-from", "-", "-0", "-d", tmp_path / "out", "--report", "-"]
    done = run("apply", "-f", "sharpen", *flags, stdin=name)
    assert done.stdout.isascii()
    assert os.fsencode(json.loads(done.stdout)["input"]) == name


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--report", "gone/r.jsonl"], "the report gone/r.jsonl cannot be written: No such file"),
        (["--report", "."], ". is a folder of results: name a file in it"),
        (["--report", "out"], "out is a folder of results: name a file in it"),
        (["--report", "out/"], "out/ is a folder: name a file in it"),
        (["--report", "0.png"], "0.png is an image of this batch"),
        (["--report", "r.jsonl", "--dry-run"], "no results for a --report"),
        (
            ["--overwrite", "--skip-existing"],
            "give one of --overwrite, --skip-existing and --update",
        ),
        (["--null"], "--null is for --files-from"),
        (["--files-from", "gone"], "the list gone cannot be read"),
        (["--files-from", "-", "-"], "either an image or the list"),
        (["."], "-r takes the images in it"),
        (["--max-pixels", "0"], "x>=1"),
    ],
)
def test_a_wrong_request_touches_nothing(
    run,
    pictures: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: list[str],
    fault: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    done = run("apply", "-f", "sharpen", "0.png", "1.png", "-d", "out", *arguments)
    assert done.exit_code == 2
    assert fault in done.stderr
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_image_and_a_report_do_not_share_standard_output(run, pictures: list[str]) -> None:
    done = run("apply", "-f", "sharpen", pictures[0], "-o", "-", "--report", "-")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "either for the image or for the report" in done.stderr


def test_a_folder_is_mirrored_and_its_results_are_not_inputs(
    run, pictures: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in/sub").mkdir(parents=True)
    os.rename(pictures[0], "in/a.png")
    os.rename(pictures[1], "in/sub/a.png")
    for again in (["-d", "in/out"], ["--suffix", "-2"]):
        for _ in range(2):
            flags = ["-r", "in", *again, "--skip-existing"]
            assert run("apply", "-f", "sharpen", *flags).exit_code == 0
        if "-d" in again:
            assert sorted(map(str, Path("in/out").rglob("*.png"))) == [
                "in/out/a.png",
                "in/out/sub/a.png",
            ]
            os.rename("in/out", "done")
    assert sorted(map(str, Path("in").rglob("*-2*"))) == ["in/a-2.png", "in/sub/a-2.png"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_report_that_cannot_be_written_any_more_ends_the_batch(
    run, pictures: list[str], tmp_path: Path
) -> None:
    flags = ["-d", tmp_path / "out", "-j", "1", "--report", "/dev/full"]
    done = run("apply", "-f", "sharpen", *pictures, *flags)
    assert done.exit_code == 1
    assert "the report cannot be written: No space left" in done.stderr
    assert len(os.listdir(tmp_path / "out")) == 1


def without_a_reader() -> None:
    """Make standard output a pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    sys.stdout = open(writing, "w")  # noqa: SIM115


def test_a_report_that_nobody_reads_any_more_ends_the_batch_with_a_message(
    start, pictures: list[str], tmp_path: Path
) -> None:
    flags = ["-d", tmp_path / "out", "-j", "1", "--report", "-"]
    process = start("apply", "-f", "sharpen", *pictures, *flags, prepare=without_a_reader)
    assert process.wait() == 1
    error, summary = process.stderr.splitlines()
    assert error == "Error: the report cannot be written: its reader has closed the pipe"
    assert summary.startswith("1 done, 0 skipped, 0 failed, 11 not done, ")
    assert os.listdir(tmp_path / "out") == ["0.png"]


def test_failures_are_counted_at_the_end_unless_quiet(
    run, pictures: list[str], tmp_path: Path
) -> None:
    for number in (3, 4, 5):
        Path(pictures[number]).write_bytes(b"nothing")
    command = ["apply", "-f", "sharpen", *pictures, "-d", tmp_path / "out", "-j", "1"]
    assert "9 done, 0 skipped, 3 failed, " in run(*command).stderr.splitlines()[-1]
    quiet = run(*command, "--overwrite", "-q").stderr
    assert quiet.count("\n") == quiet.count("Error: ") == 3


def test_progress_is_printed_in_lines_without_a_terminal(
    run, pictures: list[str], tmp_path: Path
) -> None:
    command = ["apply", "-f", "sharpen", *pictures, "-d", tmp_path / "out", "-j", "1"]
    assert len(run(*command).stderr.splitlines()) == 1
    line, _ = run(*command, "--overwrite", "--progress").stderr.splitlines()
    assert re.fullmatch(r"12 of 12 images, \d+\.\d per second, 0:00:00 left", line)


def on_a_terminal(*arguments: object) -> tuple[int, str]:
    """Run a command whose standard error is a terminal; return exit code and what it showed."""
    import pty

    terminal, inner = pty.openpty()
    try:
        command = [sys.executable, "-m", "convcli", *map(str, arguments)]
        process = subprocess.Popen(command, stderr=inner, stdout=subprocess.DEVNULL)
        os.close(inner)
        shown = b""
        try:
            while part := os.read(terminal, 10_000):
                shown += part
        except OSError:  # what Linux has for the end of a terminal
            pass
        return process.wait(), shown.decode()
    finally:
        os.close(terminal)


def test_messages_are_printed_above_the_progress_bar_of_a_terminal(
    pictures: list[str], tmp_path: Path
) -> None:
    Path(pictures[3]).write_bytes(b"nothing")
    command = ["apply", "-f", "sharpen", *pictures, "-j", "1", "-d"]
    code, shown = on_a_terminal(*command, tmp_path / "out")
    assert code == 1
    assert "12/12" in shown
    assert re.search(r"\d\.\d/s", shown)
    # The line of the bar is cleared for the message, and the cursor never stays hidden.
    assert "\r\x1b[KError: " in shown
    assert "\x1b[?25l" in shown
    assert all("\x1b[?25h" in part for part in shown.split("\x1b[?25l")[1:])
    for flag in ("--no-progress", "-q"):
        shown = on_a_terminal(*command, tmp_path / flag, flag)[1]
        assert "12/12" not in shown


def test_one_image_needs_no_bar(pictures: list[str], tmp_path: Path) -> None:
    assert on_a_terminal("apply", "-f", "sharpen", pictures[0], "-o", tmp_path / "o.png") == (0, "")


@pytest.mark.parametrize("words", [("apply", "-f", "sharpen"), ("upsample",)], ids=" ".join)
def test_one_image_loads_nothing_that_only_batches_need(
    words: tuple[str, ...], pictures: list[str], tmp_path: Path
) -> None:

    code = f"""
import sys
from convcli.cli import cli
try:
    cli([*{words!r}, {pictures[0]!r}, "-d", {str(tmp_path / "o")!r}])
except SystemExit as exit:
    assert exit.code == 0
names = ("concurrent.futures", "multiprocessing", "click._termui_impl", "convcli.batch.report",
         "convcli.batch.dry_run", "convcli.batch.process_pool", "convcli.filters.kinds",
         "numpy.ma", "hashlib")
from importlib.util import find_spec
print([name for name in names if name in sys.modules or not find_spec(name)])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_process_that_may_fork_decodes_nothing_ahead(
    run, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead: list[str] = []
    monkeypatch.setattr(decoding_ahead, "decode_ahead", lambda source, limit: ahead.append(source))
    (tmp_path / "list").write_text("")
    words = ["apply", "-f", "identity", photo, "-d", tmp_path / "out"]
    assert run(*words, "--files-from", tmp_path / "list").exit_code == 0
    assert ahead == []
    assert run(*words, "--overwrite").exit_code == 0
    assert ahead == [str(photo)]


def test_a_picture_is_read_from_what_was_decoded_ahead_of_its_own_file_alone(
    photo: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.png"
    Image.new("L", (3, 2), 7).save(other)
    decoding = decoding_ahead.decode_ahead(str(photo))
    assert decoding is not None
    assert read_image(other, decoding=decoding).shape == (1, 2, 3)
    assert read_image(str(photo), decoding=decoding).shape == (3, 9, 12)


def test_a_report_does_not_take_the_place_of_a_filter(run, photo: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.json"
    mine.write_text('{"weight": [[1]]}')
    target = tmp_path / "out.png"
    for words in (["apply", "-f", "identity", "-f", mine], ["upsample", "-f", mine]):
        result = run(*words, photo, "-o", target, "--report", tmp_path / "." / "mine.json")
        assert (result.exit_code, target.exists()) == (2, False)
        assert "mine.json is a list or filter of this batch" in result.stderr
    assert mine.read_text() == '{"weight": [[1]]}'
