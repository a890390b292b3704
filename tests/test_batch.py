"""Batches on several processes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcli import Picture
from convcli.batch import Options, plan_jobs, run_jobs
from convcli.workers import each_done


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
        assert (done.exit_code, done.stderr) == (0, "")
    for name in map(os.path.basename, pictures):
        first, *others = ((tmp_path / jobs / name).read_bytes() for jobs in ("1", "2", "5"))
        assert all(other == first for other in others)


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
    assert "1 of 12 images failed" in done.stderr
    assert len(os.listdir(tmp_path / "out")) == 11


def dying(picture: Picture, as_float: bool) -> Picture:
    if picture.tensor.shape[1] == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return picture


def test_a_worker_that_is_killed_costs_its_picture_and_no_other(
    pictures: list[str], tmp_path: Path
) -> None:
    Image.new("RGB", (7, 7)).save(pictures[4])
    (tmp_path / "out").mkdir()
    jobs = plan_jobs(pictures, output_dir=str(tmp_path / "out"))
    results = list(run_jobs(jobs, dying, Options(), workers=2))
    assert {result.job for result in results} == set(jobs)
    assert len(results) == len(jobs)
    (failed,) = [result for result in results if result.error]
    assert failed.job.source == pictures[4]
    assert "4.png: the process that worked on it was killed" in str(failed.error)
    assert len(os.listdir(tmp_path / "out")) == 11


def double(number: int) -> int:
    return 2 * number


def test_tasks_are_handed_out_a_few_at_a_time() -> None:
    taken = []

    def tasks():
        for number in range(1000):
            taken.append(number)
            yield number

    answers = each_done(tasks(), double, 2, again=lambda _: double, lost=double)
    next(answers)
    assert len(taken) < 20
    answers.close()
