"""Threads that share tasks; they run in parallel because NumPy releases the interpreter's lock."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeVar

Task = TypeVar("Task")

_state = threading.local()


def processors() -> int:
    """Return how many threads this thread may use: one inside a task or after use_one_thread()."""
    if getattr(_state, "is_single", False):
        return 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def shares_tasks() -> bool:
    """Return whether this is one of several threads that share() lets do tasks."""
    return getattr(_state, "shares_tasks", False)


def block_samples(samples: int, times: int) -> int:
    """Return how many samples to compute at once: ``times`` as many where threads share tasks.

    Each call of NumPy's may wait there for the interpreter's lock, and waking a thread that waits
    takes about as long as a pass: fewer calls save more than the nearest cache does. For whole
    numbers, and whatever else does not depend on how it is cut.
    """
    return samples * (times if shares_tasks() else 1)


def use_one_thread() -> None:
    """Let share() use this thread alone from now on: other processes use the processors."""
    _state.is_single = True


def share(
    make_function: Callable[[], Callable[[Task], None]], tasks: Iterable[Task], threads: int
) -> None:
    """Do every task in one of ``threads`` threads, the calling thread being one of them.

    Each thread calls ``make_function()`` once, for a function with buffers of its own, and then
    that function for each task it takes.

    Tasks are taken from the iterator one at a time, in order, under a lock: code of a generator
    never runs in two threads at once, and what it does before it yields a task happens before any
    later task exists. This is a contract. Strips computed in place (``pipeline/strips.py``) copy
    the rows that they read as they are yielded, before a later strip can be written over them; the
    generator of PNG bands (``images/codecs/png.py``) writes earlier bands, in order, before it
    yields the next.

    Fewer threads do where the system allows no more. After an exception no thread takes another
    task, and the first exception is raised here.
    """
    if getattr(_state, "is_single", False):  # this is within a task, or after use_one_thread()
        threads = 1
    waiting = iter(tasks)
    lock = threading.Lock()
    failures: list[BaseException] = []

    def work() -> None:
        was_single, shared = getattr(_state, "is_single", False), shares_tasks()
        _state.is_single = was_single or threads > 1
        _state.shares_tasks = shared or threads > 1
        try:
            function = make_function()
            while not failures:
                with lock:
                    task = next(waiting, None)
                if task is None:
                    return
                function(task)
        except BaseException as failure:  # carried over to the calling thread
            failures.append(failure)
        finally:
            _state.is_single, _state.shares_tasks = was_single, shared

    others: list[threading.Thread] = []
    # RuntimeError: the system allows no more threads.
    with suppress(RuntimeError):
        for _ in range(threads - 1):
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
            # Its traceback refers to this frame: a cycle that would keep arrays alive.
            failures.clear()
