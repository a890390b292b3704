"""The processes that share a batch."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from convcli.batch import process_pool
from convcli.batch.process_pool import each_done
from convcli.system.signals import become_worker


def double(number: int) -> int:
    return 2 * number


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_workers_start_with_every_start_method(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(process_pool, "START_METHOD", method)
    results = each_done(range(20), double, 2, again=lambda _: double, lost=double)
    assert sorted(results) == [2 * number for number in range(20)]
    assert multiprocessing.active_children() == []


def wait_long(folder: Path) -> None:
    (folder / str(os.getpid())).touch()
    time.sleep(600)


def test_workers_end_with_the_iterator(tmp_path: Path) -> None:
    def tasks():
        yield 1
        yield tmp_path
        while not any(tmp_path.iterdir()):
            time.sleep(0.001)
        yield 2

    results = each_done(tasks(), double_or_wait, 2, again=lambda _: double, lost=double)
    assert next(results) in (2, 4)
    results.close()
    assert multiprocessing.active_children() == []


def double_or_wait(task: int | Path) -> int:
    if isinstance(task, int):
        return double(task)
    wait_long(task)
    return 0


def terminated_at_3(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGTERM)
    return double(number)


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_terminated_worker_loses_only_its_task(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(process_pool, "START_METHOD", method)
    results = each_done(
        range(8), terminated_at_3, 2, again=lambda _: terminated_at_3, lost=lambda number: -number
    )
    assert sorted(results) == [-3, 0, 2, 4, 8, 10, 12, 14]
    assert multiprocessing.active_children() == []


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_a_worker_dies_of_the_signal_that_terminates_it() -> None:
    process = multiprocessing.get_context(process_pool.START_METHOD).Process(target=be_terminated)
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGTERM


def be_terminated() -> None:
    become_worker()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(30)
