"""A few threads over a list of tasks; NumPy lets them run at the same time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeVar

Task = TypeVar("Task")


_state = threading.local()


def processors() -> int:
    """Return how many processors this thread may share its tasks among."""
    if getattr(_state, "is_worker", False):
        return 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def stay_alone() -> None:
    """Do all tasks of this thread by itself from now on: other processes have the processors."""
    _state.is_worker = True


def share(
    make_worker: Callable[[], Callable[[Task], None]], tasks: Iterable[Task], workers: int
) -> None:
    """Do every task, each by one of ``workers`` threads, this one among them.

    Each thread makes a worker of its own, with its own buffers. The first exception stops the
    others after their task, and is raised here.
    """
    if getattr(_state, "is_worker", False):  # a task that has tasks of its own
        workers = 1
    waiting = iter(tasks)
    lock = threading.Lock()
    failures: list[BaseException] = []

    def work() -> None:
        was_worker = getattr(_state, "is_worker", False)
        _state.is_worker = was_worker or workers > 1
        try:
            worker = make_worker()
            while not failures:
                with lock:
                    task = next(waiting, None)
                if task is None:
                    return
                worker(task)
        except BaseException as failure:  # carried over to the calling thread
            failures.append(failure)
        finally:
            _state.is_worker = was_worker

    others: list[threading.Thread] = []
    # A system that has no room for another thread says so with a RuntimeError: fewer will do.
    with suppress(RuntimeError):
        for _ in range(workers - 1):
            thread = threading.Thread(target=work, daemon=True)
            thread.start()
            others.append(thread)
    work()
    for thread in others:
        thread.join()
    if failures:
        try:
            raise failures[0]
        finally:
            failures.clear()  # or it would hold on to itself, by way of this frame, and to arrays
