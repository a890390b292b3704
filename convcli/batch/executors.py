"""A batch on somebody else's workers: a cluster's, or a pool that a program has anyway."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from typing import TypeVar

Task = TypeVar("Task")
Done = TypeVar("Done")

WAITING_PER_WORKER = 4
"""Tasks handed out ahead for each worker: none has to wait, and memory does not grow with tasks."""


def each_done_by(
    executor: Executor,
    tasks: Iterable[Task],
    do: Callable[[Task], Done],
    workers: int,
    *,
    lost: Callable[[Task, str], Done],
) -> Generator[Done]:
    """Give ``do(task)`` of each task as it ends, done by ``executor``, which stays open.

    Where there is no answer (a worker is gone, the executor broken, an answer that could not be
    sent), ``lost(task, reason)`` is. Tasks that nobody waits for any more are cancelled.
    """
    waiting = iter(tasks)
    pending: dict[Future[Done], Task] = {}
    try:
        while True:
            while len(pending) < workers * WAITING_PER_WORKER:
                task = next(waiting, None)
                if task is None:
                    break
                future = _submitted(executor, do, task)
                pending[future] = task
                if future.done():  # here and now, or the executor is broken
                    break
            if not pending:
                return
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                task = pending.pop(future)
                yield _answer(future, task, lost)
    finally:
        for future in pending:
            future.cancel()


def _submitted(executor: Executor, do: Callable[[Task], Done], task: Task) -> Future[Done]:
    try:
        return executor.submit(do, task)
    except BrokenExecutor as broken:
        refused: Future[Done] = Future()
        refused.set_exception(broken)
        return refused


def _answer(future: Future[Done], task: Task, lost: Callable[[Task, str], Done]) -> Done:
    try:
        return future.result()
    # Executors have errors of their own for a worker that is gone.
    except Exception as error:
        reason = f"the executor lost it: {type(error).__name__}: {error}"
        return lost(task, reason.removesuffix(": "))
