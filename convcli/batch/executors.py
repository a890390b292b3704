"""A batch on somebody else's workers: a cluster's, or a pool that a program has anyway."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future
from contextlib import closing

from convcli.batch.futures import Done, Task, as_they_end


def each_done_by(
    executor: Executor,
    tasks: Iterable[Task],
    do: Callable[[Task], Done],
    workers: int,
    *,
    lost: Callable[[Task, str], Done],
) -> Generator[Done]:
    """Give ``do(task)`` of each task as it ends, done by ``executor``, which stays open.

    Where there is no result (a worker is gone, the executor broken, a result that could not be
    sent), ``lost(task, reason)`` takes its place.
    """
    with closing(as_they_end(lambda task: executor.submit(do, task), tasks, workers)) as ended:
        for task, future in ended:
            yield _result(future, task, lost)


def _result(future: Future[Done], task: Task, lost: Callable[[Task, str], Done]) -> Done:
    try:
        return future.result()
    # Executors have errors of their own for a worker that is gone.
    except Exception as error:
        reason = f"the executor lost it: {type(error).__name__}: {error}"
        return lost(task, reason.removesuffix(": "))
