"""The processes that share a batch."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from convcli import PlanError
from convcli.batch import process_pool, scheduling
from convcli.batch.process_pool import ProcessPool
from convcli.batch.scheduling import results_of
from convcli.system.signals import become_worker


def double(shard: Any, again: bool) -> list[Any]:
    return [result(2 * number) for number in shard]


def result(value: object) -> Any:
    """Return a result as the loop needs it."""
    return SimpleNamespace(value=value, seconds=0.0)


def negative(number: Any, reason: str) -> Any:
    return result(-number)


def each_done(tasks: Iterable[Any], do: Any, workers: int) -> Iterator[int]:
    with ProcessPool(workers) as pool:
        shards = ((task,) for task in tasks)
        for one in results_of(shards, do, pool, negative):
            yield one.value  # type: ignore[attr-defined]


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_workers_start_with_every_start_method(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(process_pool, "START_METHOD", method)
    answers = each_done(range(20), double, 2)
    assert sorted(answers) == [2 * number for number in range(20)]
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

    answers = each_done(tasks(), double_or_wait, 2)
    assert next(answers) in (2, 4)
    answers.close()
    assert multiprocessing.active_children() == []


def test_shards_are_handed_out_a_few_at_a_time() -> None:
    taken = []

    def tasks():
        for number in range(1000):
            taken.append(number)
            yield number

    answers = each_done(tasks(), double, 2)
    next(answers)
    assert len(taken) < 20
    answers.close()


def double_or_wait(shard: Any, again: bool) -> list[Any]:
    if not isinstance(shard[0], int):
        wait_long(shard[0])
    return double(shard, again)


def terminated_at_3(shard: Any, again: bool) -> list[Any]:
    if 3 in shard:
        os.kill(os.getpid(), signal.SIGTERM)
    return double(shard, again)


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_terminated_worker_loses_only_its_task(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(process_pool, "START_METHOD", method)
    answers = each_done(range(8), terminated_at_3, 2)
    assert sorted(answers) == [-3, 0, 2, 4, 8, 10, 12, 14]
    assert multiprocessing.active_children() == []


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_a_shard_that_kills_its_worker_is_halved_to_the_item() -> None:
    with ProcessPool(1) as pool:
        answers = list(results_of([tuple(range(8))], terminated_at_3, pool, negative))  # type: ignore[list-item]
    assert sorted(one.value for one in answers) == [-3, 0, 2, 4, 8, 10, 12, 14]  # type: ignore[attr-defined]


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


class HangingPool:
    """Two workers of a cluster: some shards hang at the first attempt, or wait behind others."""

    repeats, breaks = True, False

    def __init__(self, hanging: set[int]) -> None:
        self.hanging = hanging
        self.submitted: list[int] = []

    def width(self) -> int:
        return 4

    def slots(self) -> int:
        return 2

    def submit(self, do: Any, shard: Any, again: bool) -> Future[Any]:
        future: Future[Any] = Future()
        if shard[0] not in self.hanging or shard[0] in self.submitted:
            future.set_result(do(shard, again))
        self.submitted.append(shard[0])
        return future

    def loss(self, error: BaseException | None) -> str | None:
        return None

    def restart(self) -> None:
        raise AssertionError

    def alone(self) -> Any:
        raise AssertionError


@pytest.mark.parametrize(
    ("count", "hanging"), [(6, {1}), (6, {0, 5}), (6, {1, 2, 3}), (2, {0}), (3, {0, 1, 2})]
)
def test_slow_shards_are_handed_out_twice_and_those_that_wait_behind_them(
    monkeypatch: pytest.MonkeyPatch, count: int, hanging: set[int]
) -> None:
    monkeypatch.setattr(scheduling, "PATIENCE", 0.03)
    monkeypatch.setattr(scheduling, "LOOK", 0.01)
    pool = HangingPool(hanging)
    shards = ((number,) for number in range(count))
    values = [one.value for one in results_of(shards, double, pool, negative)]  # type: ignore[attr-defined]
    assert sorted(values) == [2 * number for number in range(count)]
    assert sorted(pool.submitted) == sorted([*range(count), *hanging])


def test_an_error_of_a_listing_is_raised_after_what_was_handed_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def shards() -> Iterator[Any]:
        yield from ((number,) for number in range(3))
        raise PlanError("the listing breaks off")

    values = []
    with pytest.raises(PlanError, match="breaks off"):
        for one in results_of(shards(), double, HangingPool(set()), negative):
            values.append(one.value)  # type: ignore[attr-defined]
    assert sorted(values) == [0, 2, 4]


def test_threads_of_others_keep_their_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    def hook(failure: threading.ExceptHookArgs) -> None:
        seen.append(failure.exc_type)

    monkeypatch.setattr(threading, "excepthook", hook)
    first, second = ProcessPool(1), ProcessPool(1)
    with ExitStack() as outer:
        outer.enter_context(first)
        inner = ExitStack()
        inner.enter_context(second)
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()
        assert seen == [ZeroDivisionError]
        outer.pop_all().close()  # the first pool ends before the second
        inner.close()
    assert threading.excepthook is hook
