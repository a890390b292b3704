"""A batch on an executor that the caller provides, such as that of a cluster."""

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
    """Yield ``do(task)`` of each task as it ends, computed by ``executor``, which stays open.

    Where the executor returns no result (it is broken, a worker died, a result could not be
    sent), ``lost(task, reason)`` takes its place.
    """
    with closing(as_they_end(lambda task: executor.submit(do, task), tasks, workers)) as ended:
        for task, future in ended:
            yield _result(future, task, lost)


def _result(future: Future[Done], task: Task, lost: Callable[[Task, str], Done]) -> Done:
    try:
        return future.result()
    # Executors raise exceptions of their own when a worker has died.
    except Exception as error:
        reason = f"the executor lost it: {type(error).__name__}: {error}"
        return lost(task, reason.removesuffix(": "))
