"""A pool of the workers of a Dask cluster; needs the package distributed, of the extra "cluster".

Workers need this package, in the same version, and the same files or buckets. A task is a shard;
the scheduler repeats it where its worker is lost, and gives up after some workers (its setting
``distributed.scheduler.allowed-failures``).
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from convcli.batch.cluster_checks import check_paths, check_versions
from convcli.batch.cluster_tasks import run_on_worker
from convcli.batch.jobs import Job
from convcli.batch.run import Result
from convcli.batch.scheduling import Do, Pool
from convcli.batch.shards import Shard
from convcli.errors import PlanError
from convcli.system.extras import needed
from convcli.system.signals import at_termination

if TYPE_CHECKING:
    from distributed import Client
    from distributed import Future as Task

CONNECTING = 5.0
"""Seconds in which a scheduler must reply."""

SHARDS_PER_SLOT = 2
"""Shards handed out for each that runs, so that none of the workers waits for the next."""

COUNTED_EVERY = 2.0
"""Seconds for which the number of workers is remembered."""

_clients: list[Client] = []


def _leave() -> None:
    for client in _clients:
        client.close(timeout=2)  # the scheduler then forgets every task of this client


at_termination(_leave)


@contextmanager
def connected(
    address: str, first: Job | None, note: Callable[[str], object] = lambda text: None
) -> Iterator[ClusterPool]:
    """Yield the pool of the cluster whose scheduler has an address, or a scheduler file.

    Waits for the first worker, after a ``note``; checks the versions on all workers, and that they
    see the files of the ``first`` job. When the block ends, all tasks are cancelled. Raises
    :class:`PlanError`.
    """
    distributed = needed("distributed", "cluster", "a cluster")
    _silence()
    place = {"scheduler_file": address} if address.endswith(".json") else {"address": address}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about versions, which are checked below
            client = distributed.Client(
                **place, timeout=CONNECTING, set_as_default=False, name="convcli"
            )
    # The address may be malformed in many ways, and so may a reply of another program.
    except Exception as error:
        raise PlanError(
            f"no Dask scheduler answers at {address}: start one with dask scheduler, or name the "
            f"address that it prints ({_short(error)})"
        ) from error
    _clients.append(client)
    try:
        if not client.nthreads():
            note(f"The cluster at {address} has no workers yet: waiting for the first")
            client.wait_for_workers(1)
        check_versions(client, first)
        check_paths(client, first)
        yield ClusterPool(client, address)
    finally:
        with suppress(Exception):  # the scheduler may be gone
            client.close(timeout=2)
        _clients.remove(client)


def _silence() -> None:
    """Keep Dask's log off standard error: what matters of it is in results and errors."""
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] in ("distributed", "tornado", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _short(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


async def _pass_on(client: Client, task: Task[Any], future: Future[Any]) -> None:
    """Give the outcome of a task to a future.

    Dask's own executor leaves its future waiting for ever where a worker dies with a result that
    was not fetched yet, and the repeated task kills its workers (seen in distributed 2026.8.0).
    """
    with suppress(InvalidStateError):  # it was cancelled meanwhile
        try:
            results = await client.gather(task, asynchronous=True)
        except (CancelledError, asyncio.CancelledError):
            future.cancel()
            future.set_running_or_notify_cancel()
        except Exception as error:
            future.set_exception(error)
        else:
            future.set_result(results)


class ClusterPool:
    """The workers of a cluster, as many as there are at any time."""

    repeats = True
    breaks = False

    def __init__(self, client: Client, address: str) -> None:
        """Use a connected client."""
        self._client, self._address = client, address
        self._folder = os.getcwd()
        self._slots, self._counted = 1, float("-inf")

    def slots(self) -> int:
        """Return the number of threads of all workers, which take one shard each."""
        if time.monotonic() - self._counted > COUNTED_EVERY:
            with suppress(Exception):  # the scheduler may be gone, which the futures say
                self._slots = max(1, sum(self._client.nthreads().values()))
            self._counted = time.monotonic()
        return self._slots

    def width(self) -> int:
        """Return two shards for each thread."""
        return SHARDS_PER_SLOT * self.slots()

    def submit(self, do: Do, shard: Shard, again: bool) -> Future[list[Result]]:
        """Hand out a shard; the scheduler may repeat it, so that it is never surely the first."""
        key = f"convcli-{uuid4().hex}"
        task = self._client.submit(run_on_worker, do, shard, self._folder, key=key, pure=False)
        future: Future[list[Result]] = Future()

        def cancel(future: Future[list[Result]]) -> None:
            if future.cancelled() and not task.cancelled():
                task.cancel()

        future.add_done_callback(cancel)
        self._client.loop.add_callback(_pass_on, self._client, task, future)
        return future

    def loss(self, error: BaseException | None) -> str | None:
        """Return the reason if workers died or the scheduler is gone."""
        if error is None:
            return f"the scheduler at {self._address} is gone"
        if type(error).__name__ == "KilledWorker":
            return "every worker that ran it died"
        return None

    def restart(self) -> None:
        """Do nothing: the cluster replaces its workers."""

    def alone(self) -> AbstractContextManager[Pool]:
        """Return this pool, which has no other shard then."""
        return nullcontext(self)
