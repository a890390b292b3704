"""A pool of processes that share a batch, and survive the death of one of them."""

from __future__ import annotations

import errno
import multiprocessing
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any

from convcli.batch.executors import WAITING_PER_WORKER
from convcli.batch.run import Result
from convcli.batch.scheduling import Do, Pool
from convcli.batch.shards import Shard
from convcli.system.atomic_files import discard_unfinished
from convcli.system.signals import at_termination, become_worker, signals_held, terminate
from convcli.system.threads import use_one_thread

TERMINATION_TIMEOUT = 5.0
"""How long to wait for workers to terminate before they are killed; it takes milliseconds."""


class ProcessPool:
    """Runs shards in processes; when one dies, all shards handed out are lost.

    Processes start with the first shard. They terminate with this process, however that ends, and
    at the end of a block, which abandons shards in progress if it ends by an exception. ``method``
    is the way in which they start, fork or spawn.
    """

    repeats = True
    breaks = True

    def __init__(self, workers: int, method: str | None = None) -> None:
        """Make a pool of ``workers`` processes, to be used as a context."""
        self._workers, self._method = workers, method
        self._processes: ProcessPoolExecutor
        self._open = ExitStack()
        self._handed_out: set[Future[list[Result]]] = set()
        self._failure: BaseException | None = None

    def __enter__(self) -> ProcessPool:
        self._processes = self._open.enter_context(_processes(self._workers, self._method))
        self._handed_out.clear()
        self._failure = None
        self._open.enter_context(_watched(self))
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.__exit__(*error)

    def width(self) -> int:
        """Return some shards for each worker."""
        return self._workers * WAITING_PER_WORKER

    def submit(self, do: Do, shard: Shard, again: bool) -> Future[list[Result]]:
        """Hand out a shard. Raises OSError where no process can be started."""
        # This may start workers, which must not receive signals before they have set handlers.
        try:
            with signals_held():
                future = self._processes.submit(do, shard, again)
        except BrokenProcessPool:
            raise
        except (OSError, RuntimeError) as error:  # RuntimeError: no more threads
            raise _not_started(error) from error
        self._handed_out.add(future)
        future.add_done_callback(self._handed_out.discard)
        if self._failure is not None:  # before this future was among those handed out
            raise _not_started(self._failure)
        return future

    def thread_failed(self, failure: threading.ExceptHookArgs) -> None:
        """Let all shards fail that a thread of the pool would have handed on, if it was its own."""
        own = getattr(self._processes, "_executor_manager_thread", failure.thread)
        if own is not failure.thread:
            return
        self._failure = failure.exc_value or RuntimeError("a thread of the pool has ended")
        for future in list(self._handed_out):
            with suppress(InvalidStateError):
                future.set_exception(_not_started(self._failure))

    def loss(self, error: BaseException | None) -> str | None:
        """Return the reason if a process has died."""
        is_lost = isinstance(error, BrokenProcessPool)
        return "the process that ran it was killed" if is_lost else None

    def restart(self) -> None:
        """Start other processes."""
        self._open.close()
        self.__enter__()

    def alone(self) -> AbstractContextManager[Pool]:
        """Return a pool of one process."""
        return ProcessPool(1, self._method)

    def slots(self) -> int:
        """Return 0: a slow shard would be as slow in another process."""
        return 0


_pools: list[ProcessPool] = []
"""Those that are open."""
_before: list[Callable[[threading.ExceptHookArgs], object]] = []
"""The hook that the first of them has replaced."""


@contextmanager
def _watched(pool: ProcessPool) -> Iterator[None]:
    """Tell a pool of the failure of a thread of its own, while the block runs.

    Without memory for a further thread the one that hands shards on ends, and nobody would learn of
    it (seen in Python 3.11: limit the address space to a little more than a process takes that has
    begun).
    """
    if not _pools:
        _before.append(threading.excepthook)
        threading.excepthook = _thread_failed
    _pools.append(pool)
    try:
        yield
    finally:
        _pools.remove(pool)
        if not _pools:
            threading.excepthook = _before.pop()


def _thread_failed(failure: threading.ExceptHookArgs) -> None:
    if type(failure.thread).__module__ != ProcessPoolExecutor.__module__:
        _before[0](failure)
        return
    for pool in list(_pools):
        pool.thread_failed(failure)


def _not_started(error: BaseException | None) -> OSError:
    reason = getattr(error, "strerror", None) or error
    fault = f"no processes can be started, workers=1 needs none: {reason}"
    return OSError(getattr(error, "errno", None) or errno.EAGAIN, fault)


# Forking takes milliseconds, and is safe because no thread has been started yet.
START_METHOD = "fork" if sys.platform == "linux" else "spawn"

_lifelines: set[Connection] = set()
"""For each pool, a pipe's end that this process alone holds: workers terminate when it closes."""


@contextmanager
def _processes(workers: int, method: str | None) -> Iterator[ProcessPoolExecutor]:
    """Yield an executor of processes; an exception in the block terminates those still working."""
    context = multiprocessing.get_context(method or START_METHOD)
    listening, line = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(workers, context, _start_worker, (listening, line))
    _lifelines.add(line)
    try:
        yield pool
    except BaseException:  # GeneratorExit too: tasks in progress are abandoned
        line.close()
        raise
    finally:
        with suppress(RuntimeError):  # the thread of the pool could not be started
            pool.shutdown(cancel_futures=True)
        _lifelines.discard(line)
        line.close()
        listening.close()


def _terminate_workers() -> None:
    for line in list(_lifelines):
        line.close()
    for process in multiprocessing.active_children():
        process.join(TERMINATION_TIMEOUT)
        process.kill()


at_termination(_terminate_workers)


def _start_worker(listening: Connection, line: Connection) -> None:
    """Prepare a new process: a thread of it terminates it when the parent's ``line`` closes."""
    become_worker()
    at_termination(discard_unfinished)
    use_one_thread()
    for inherited in {line, *_lifelines}:
        inherited.close()
    _lifelines.clear()
    try:
        threading.Thread(target=_terminate_with_parent, args=(listening,), daemon=True).start()
    except RuntimeError:  # no more threads; without this one it might outlive the parent
        terminate(1)


def _terminate_with_parent(listening: Connection) -> None:
    with suppress(EOFError, OSError):
        listening.recv_bytes()  # nothing is sent: this returns when the other end closes
    terminate(1)
