"""A pool on an executor that the caller provides."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, nullcontext

from convcli.batch.run import Result
from convcli.batch.scheduling import Do, Pool
from convcli.batch.shards import Shard

WAITING_PER_WORKER = 4
"""Submitted shards for each worker: enough that none waits, and memory does not grow with them."""


class ExecutorPool:
    """Runs shards by an executor, which stays open; what it loses is not repeated.

    An executor may repeat a task on its own, so every task may have been run before.
    """

    repeats = False
    breaks = False

    def __init__(self, executor: Executor, workers: int) -> None:
        """Use an executor that has ``workers`` workers."""
        self._executor = executor
        self._workers = workers

    def width(self) -> int:
        """Return some shards for each worker."""
        return self._workers * WAITING_PER_WORKER

    def submit(self, do: Do, shard: Shard, again: bool) -> Future[list[Result]]:
        """Hand out a shard."""
        return self._executor.submit(do, shard, True)

    def loss(self, error: BaseException | None) -> str | None:
        """Return the exception, which executors define themselves for a worker that died."""
        return f"the executor lost it: {type(error).__name__}: {error}".removesuffix(": ")

    def restart(self) -> None:
        """Do nothing: a loss is that of one shard."""

    def alone(self) -> AbstractContextManager[Pool]:
        """Return this pool."""
        return nullcontext(self)

    def slots(self) -> int:
        """Return 0."""
        return 0
