"""Batches over results that exist, and what is refused or left out."""

from __future__ import annotations

import json
import os
import socket
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from convcli import PlanError
from convcli.batch import Job, Options, plan_jobs, run_jobs
from convcli.batch.inputs import NOT_REGULAR, expand
from convcli.batch.run import is_skipped


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return pictures in a folder, from beside it."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    names = [f"in/{number}.png" for number in range(5)]
    for name in names:
        Image.new("RGB", (4, 3), (9, 8, 7)).save(name)
    return names


def aged(path: str | Path, seconds: int) -> None:
    """Make a file older."""
    status = os.stat(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns - seconds * 10**9))


@pytest.mark.parametrize("flags", [[], ["-q"], ["--dry-run"], ["-j", "2"]], ids=" ".join)
def test_results_that_exist_are_reported_in_one_line_with_both_options(
    run, pictures: list[str], flags: list[str]
) -> None:
    Path("out").mkdir()
    for name in pictures[:4]:
        Path("out", os.path.basename(name)).write_bytes(b"precious")
    done = run("apply", "-f", "sharpen", "-r", "in", "-d", "out", *flags)
    assert done.exit_code == 1
    first, *rest = done.stderr.splitlines()
    assert first.startswith("Error: 4 of 5 results exist already, such as out/")
    assert first.endswith(": --skip-existing skips them, --overwrite replaces them")
    assert len(rest) == (not flags or "-j" in flags)
    assert Path("out/0.png").read_bytes() == b"precious"


def test_the_report_has_every_result_that_exists(run, pictures: list[str]) -> None:
    run("apply", "-f", "sharpen", *pictures, "-d", "out", "-q")
    done = run("apply", "-f", "sharpen", *pictures, "-d", "out", "--report", "-")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["status"] for record in records] == ["failed"] * 5
    assert all("exists already" in record["error"] for record in records)


def test_update_does_again_what_is_older_than_its_source(run, pictures: list[str]) -> None:
    command = ["apply", "-f", "sharpen", *pictures, "-d", "out", "--update"]
    assert run(*command).stderr.startswith("5 done, 0 skipped, 0 failed, ")
    for number, name in enumerate(pictures):
        aged(name, 100)
        if number in (1, 3):
            aged(f"out/{number}.png", 200)
    before = Path("out/1.png").stat().st_mtime_ns
    predicted = run(*command, "--dry-run").stdout.splitlines()
    assert [line.endswith("skipped: it is newer") for line in predicted] == [True, False] * 2 + [
        True
    ]
    done = run(*command)
    assert done.exit_code == 0
    assert done.stderr.startswith("2 done, 3 skipped, 0 failed, ")
    assert Path("out/1.png").stat().st_mtime_ns > before
    assert run(*command).stderr.startswith("0 done, 5 skipped, ")


def test_a_result_as_old_as_its_source_is_current_and_a_stream_never_is(
    pictures: list[str],
) -> None:
    Path("out.png").touch()
    job, update = Job(pictures[0], "out.png", "PNG"), Options(update=True)
    stamp = Path("out.png").stat().st_mtime_ns
    for difference, is_current in ((-1, True), (0, True), (1, False)):
        os.utime(pictures[0], ns=(stamp, stamp + difference))
        assert is_skipped(job, update) == is_current
    assert not is_skipped(Job("-", "out.png", "PNG"), update)
    assert not is_skipped(Job("gone.png", "out.png", "PNG"), update)


def test_update_never_replaces_an_input(pictures: list[str]) -> None:
    with pytest.raises(PlanError, match="replaced by its own result"):
        plan_jobs(pictures[:1], suffix="", update=True)


@pytest.mark.parametrize("pair", [("--overwrite", "--update"), ("--update", "--skip-existing")])
def test_options_about_results_that_exist_exclude_each_other(
    run, pictures: list[str], pair: tuple[str, str]
) -> None:
    done = run("apply", "-f", "sharpen", *pictures, "-d", "out", *pair)
    assert done.exit_code == 2
    assert "give one of --overwrite, --skip-existing and --update" in done.stderr


LOSS = (
    "its result would lose something: JPEG holds no transparency: "
    "the picture is composited on white"
)


@pytest.mark.parametrize("target", ["out/1.jpg", "out/{frame}.jpg"])
def test_strict_fails_what_would_lose_something_and_writes_nothing(
    run, pictures: list[str], target: str
) -> None:
    Image.new("RGBA", (4, 3)).save(pictures[1])
    Path("out").mkdir()
    command = ["apply", "-f", "identity", pictures[1], "-o", target, "--strict"]
    done = run(*command, "--report", "-")
    assert done.exit_code == 1
    assert done.stderr == f"Error: {target}: {LOSS}\n"
    record = json.loads(done.stdout)
    assert (record["status"], record["error"]) == ("failed", f"{target}: {LOSS}")
    assert os.listdir("out") == []
    assert run(*command[:-1]).exit_code == 0
    assert len(os.listdir("out")) == 1


def test_strict_keeps_a_file_that_it_would_have_replaced_and_lets_the_others_pass(
    run, pictures: list[str]
) -> None:
    Image.new("RGBA", (4, 3)).save(pictures[1])
    Path("out").mkdir()
    Path("out/1.jpg").write_bytes(b"precious")
    flags = ["-d", "out", "--format", "jpg", "--strict", "--overwrite", "-j", "2"]
    done = run("apply", "-f", "identity", *pictures, *flags)
    assert "4 done, 0 skipped, 1 failed" in done.stderr
    assert "Warning" not in done.stderr
    assert Path("out/1.jpg").read_bytes() == b"precious"
    assert len(os.listdir("out")) == 5


def test_strict_holds_for_standard_output_and_for_reading_and_filtering(
    run, pictures: list[str]
) -> None:
    Image.new("RGBA", (4, 3)).save("alpha.png")
    done = run("apply", "-f", "identity", "alpha.png", "-o", "-", "--format", "jpg", "--strict")
    assert (done.exit_code, done.stdout_bytes) == (1, b"")
    assert done.stderr == f"Error: alpha.png: {LOSS}\n"
    flags = ["-f", "sepia", "--stride", "2", "--no-preserve-alpha", "-o", "o.png", "--strict"]
    done = run("apply", "alpha.png", *flags)
    assert "would lose something: transparency is dropped" in done.stderr
    predicted = run("apply", "alpha.png", *flags, "--dry-run")
    assert (predicted.exit_code, predicted.stderr, predicted.stdout) == (1, done.stderr, "")
    assert not Path("o.png").exists()


def test_pipes_sockets_and_devices_in_folders_are_left_out(
    start, pictures: list[str], tmp_path: Path
) -> None:
    os.mkfifo("in/pipe.png")
    Path("in/device.png").symlink_to(os.devnull)
    Path("in/link.png").symlink_to("0.png")
    Path("in/gone.png").symlink_to("nowhere")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("in/socket.png")
        left_out: Counter[str] = Counter()
        found = expand(["in"], recursive=True, left_out=left_out)
        assert left_out == {NOT_REGULAR: 3}
        assert {source.place for source in found} >= {"link.png", "gone.png"}
        assert len(found) == 7
        for flags in (["--dry-run"], []):  # in a process of its own, which cannot hang the tests
            process = start("apply", "-f", "sharpen", "-r", "in", "-d", "out", *flags)
            assert process.wait() == 1
            assert "in/gone.png: there is no such file" in process.stderr
            left = "-r left out 3 files: 3 not regular files (pipes, sockets or devices)"
            assert left in process.stderr.splitlines()
    assert len(os.listdir("out")) == 6


def test_what_was_left_out_is_reported_by_extension(run, pictures: list[str]) -> None:
    for name in ("a.txt", "b.TXT", "README", "c.npy", ".hidden.txt", "d.a", "e.b", "f.c", "g.d"):
        Path("in", name).touch()
    Path("in/sub").mkdir()
    for name in ("1.mov", "2.x", "3.y"):
        Path("in/sub", name).touch()
    command = ["apply", "-f", "sharpen", "-r", "in", "-d", "out"]
    predicted = (
        "-r left out 11 files: 2 .txt, 1 without extension, 1 .a, 1 .b, 1 .c, 1 .d, 1 .mov, "
        "1 .npy, 2 of 2 other extensions"
    )
    assert run(*command, "--dry-run").stderr.splitlines() == [predicted]
    first, last = run(*command).stderr.splitlines()
    assert (first, last.startswith("5 done, ")) == (predicted, True)
    assert run(*command, "--overwrite", "-q").stderr == ""
    assert run("apply", "-f", "sharpen", pictures[0], "-o", "o.png").stderr == ""


def test_relative_to_gives_what_is_named_its_place_below_a_folder(
    run, pictures: list[str], tmp_path: Path
) -> None:
    Path("in/sub").mkdir()
    os.rename(pictures[0], "in/sub/1.png")
    Path("list").write_text(f"in/1.png\n{tmp_path}/in/sub/1.png\n./in/../in/2.png\n")
    command = ["apply", "-f", "sharpen", "--files-from", "list", "-d", "out"]
    done = run(*command)
    assert done.exit_code == 2
    assert "--relative-to DIR gives each its place below a folder" in done.stderr
    assert run(*command, "--relative-to", "in").exit_code == 0
    results = sorted(str(path) for path in Path("out").rglob("*.png"))
    assert results == ["out/1.png", "out/2.png", "out/sub/1.png"]


def test_relative_to_keeps_folders_apart_that_are_walked_through(pictures: list[str]) -> None:
    os.makedirs("two/in")
    os.link(pictures[0], "two/in/0.png")
    roots = ["in", "two/in"]
    with pytest.raises(PlanError, match="relative_to=DIR gives each its place"):
        plan_jobs(expand(roots, recursive=True), output_dir="out")
    jobs = plan_jobs(expand(roots, recursive=True, relative_to="."), output_dir="out")
    assert [job.target for job in jobs][-2:] == ["out/in/4.png", "out/two/in/0.png"]


def test_relative_to_follows_links_and_refuses_what_is_not_below(pictures: list[str]) -> None:
    Path("link").symlink_to("in")
    for name, base in (("in/0.png", "link"), ("link/0.png", "in"), ("link/0.png", "link")):
        (source,) = expand([name], relative_to=base)
        assert source.place == "0.png"
    Path("inside").mkdir()
    for name in ("in/0.png", "inside/../in/0.png", "elsewhere.png"):
        with pytest.raises(PlanError, match="is not below inside, so it has no place"):
            expand([name], relative_to="inside")
    with pytest.raises(PlanError, match="nowhere is not a folder"):
        expand(pictures, relative_to="nowhere")


def test_relative_to_is_for_an_output_folder(run, pictures: list[str]) -> None:
    done = run("apply", "-f", "sharpen", pictures[0], "-o", "o.png", "--relative-to", "in")
    assert done.exit_code == 2
    assert "-d DIR" in done.stderr


def test_the_folder_of_one_result_is_created_and_a_report_may_go_there(
    run, pictures: list[str]
) -> None:
    command = ["apply", "-f", "sharpen", pictures[0], "-o", "new/deep/o.png"]
    assert run(*command, "--dry-run").exit_code == 0
    assert not Path("new").exists()
    done = run(*command, "--report", "new/deep/r.jsonl")
    assert (done.exit_code, done.stderr) == (0, "")
    assert sorted(os.listdir("new/deep")) == ["o.png", "r.jsonl"]


def test_an_update_may_replace_in_workers_and_in_python(pictures: list[str]) -> None:
    jobs = plan_jobs(pictures, output_dir="out", update=True)
    for expected in ("ok", "skipped"):
        results = list(run_jobs(jobs, [], Options(update=True), workers=2))
        assert {result.status for result in results} == {expected}
