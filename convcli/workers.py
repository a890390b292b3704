"""Processes that share a batch."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from convcli.files import discard_unfinished
from convcli.kernel.threads import stay_alone

Task = TypeVar("Task")
Done = TypeVar("Done")

WAITING_PER_WORKER = 4
"""Jobs handed out ahead for each worker: none has to wait, and memory does not grow with jobs."""


def each_done(
    tasks: Iterable[Task],
    do: Callable[[Task], Done],
    workers: int,
    *,
    again: Callable[[Task], Callable[[Task], Done]],
    lost: Callable[[Task], Done],
) -> Iterator[Done]:
    """Give ``do(task)`` of each task as it ends; ``do``, tasks and answers have to be picklable.

    A worker that dies takes the tasks along that were handed out, some of them done. Each is
    then tried once more, alone, with ``again(task)`` in the place of ``do``, and only for the one
    that kills its worker again is ``lost(task)`` the answer.
    """
    waiting = iter(tasks)
    suspects: list[Task] = []
    is_broken = True
    while is_broken:
        pending: dict[Future[Done], Task] = {}
        pool = _pool(workers)
        try:
            yield from _drain(pool, waiting, do, pending, workers * WAITING_PER_WORKER)
            is_broken = False
        except BrokenProcessPool:
            suspects += pending.values()
        finally:
            pool.shutdown(wait=not pending, cancel_futures=True)
    for task in suspects:
        with _pool(1) as alone:
            try:
                answer = alone.submit(again(task), task).result()
            except BrokenProcessPool:
                answer = lost(task)
        yield answer


def _drain(
    pool: ProcessPoolExecutor,
    waiting: Iterator[Task],
    do: Callable[[Task], Done],
    pending: dict[Future[Done], Task],
    most: int,
) -> Iterator[Done]:
    """Hand out tasks and give answers; ``pending`` is what is handed out and not yet given."""
    while True:
        while len(pending) < most and (task := next(waiting, None)) is not None:
            try:
                future = pool.submit(do, task)
            except BrokenProcessPool:
                pending[Future()] = task  # never handed out, and not to be forgotten
                raise
            pending[future] = task
        if not pending:
            return
        for future in wait(pending, return_when=FIRST_COMPLETED).done:
            answer = future.result()
            del pending[future]
            yield answer


def _pool(workers: int) -> ProcessPoolExecutor:
    # A fork starts in milliseconds and is safe here: no thread has been started yet.
    method = "fork" if sys.platform == "linux" else "spawn"
    context = multiprocessing.get_context(method)
    return ProcessPoolExecutor(workers, context, _prepare)


def _prepare() -> None:
    stay_alone()
    # An interrupt reaches the parent too, which then stops handing out work; a broken pool
    # terminates the workers that are left.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)


def _end(number: int, frame: Any) -> None:
    # Not sys.exit(): the pool would take that for the task's answer, and go on.
    discard_unfinished()
    os._exit(128 + number)
