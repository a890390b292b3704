"""Submitting tasks a few at a time, and yielding each as it ends.

The local process pool and other executors share this loop; they differ in how they treat a task
that was lost.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from typing import TypeVar

Task = TypeVar("Task")
Done = TypeVar("Done")

WAITING_PER_WORKER = 4
"""Submitted tasks for each worker: enough that none waits, and memory does not grow with tasks."""


def as_they_end(
    submit: Callable[[Task], Future[Done]], tasks: Iterable[Task], workers: int
) -> Generator[tuple[Task, Future[Done]]]:
    """Yield each task with its finished future, in the order in which they end.

    A task that a broken executor refuses comes with a future that has the exception. When this
    iterator is closed, the remaining tasks are cancelled.
    """
    waiting = iter(tasks)
    pending: dict[Future[Done], Task] = {}
    try:
        while True:
            while len(pending) < workers * WAITING_PER_WORKER:
                task = next(waiting, None)
                if task is None:
                    break
                future = _submitted(submit, task)
                pending[future] = task
                if future.done():  # computed in this thread, or refused
                    break
            if not pending:
                return
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                yield pending.pop(future), future
    finally:
        for future in pending:
            future.cancel()


def _submitted(submit: Callable[[Task], Future[Done]], task: Task) -> Future[Done]:
    try:
        return submit(task)
    except BrokenExecutor as broken:
        refused: Future[Done] = Future()
        refused.set_exception(broken)
        return refused
