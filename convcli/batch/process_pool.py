"""A pool of processes that share a batch, and survive the death of one of them."""

from __future__ import annotations

import errno
import multiprocessing
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection

from convcli.batch.futures import Done, Task, as_they_end
from convcli.system.atomic_files import discard_unfinished
from convcli.system.signals import at_termination, become_worker, signals_held, terminate
from convcli.system.threads import use_one_thread

TERMINATION_TIMEOUT = 5.0
"""How long to wait for workers to terminate before they are killed; it takes milliseconds."""


def each_done(
    tasks: Iterable[Task],
    do: Callable[[Task], Done],
    workers: int,
    *,
    again: Callable[[Task], Callable[[Task], Done]],
    lost: Callable[[Task], Done],
) -> Iterator[Done]:
    """Yield ``do(task)`` of each task as it ends; ``do``, tasks and results must be picklable.

    When a worker dies, all submitted tasks are lost, although some of them may be done. Each is
    repeated alone, with ``again(task)`` in place of ``do``; the result of a task that kills its
    worker again is ``lost(task)``. Workers terminate with this process, however that ends, and when
    this iterator is closed, which abandons tasks in progress.
    """
    waiting = iter(tasks)
    suspects: list[Task] = []
    is_broken = True

    def fresh() -> Iterator[Task]:
        while not is_broken and (task := next(waiting, None)) is not None:
            yield task

    while is_broken:
        is_broken = False
        with _pool(workers) as pool:
            submit = partial(_submit, pool, do)
            with closing(as_they_end(submit, fresh(), workers)) as ended:
                for task, future in ended:
                    try:
                        result = future.result()
                    except BrokenProcessPool:
                        is_broken = True
                        suspects.append(task)
                    else:
                        yield result
    for task in suspects:
        try:
            with _pool(1) as alone:
                result = _submit(alone, again(task), task).result()
        except BrokenProcessPool:
            result = lost(task)
        yield result


def _submit(pool: ProcessPoolExecutor, do: Callable[[Task], Done], task: Task) -> Future[Done]:
    # This may start workers, which must not receive signals before they have set their handlers.
    try:
        with signals_held():
            return pool.submit(do, task)
    except BrokenProcessPool:
        raise
    except (OSError, RuntimeError) as error:  # RuntimeError: no more threads
        reason = getattr(error, "strerror", None) or error
        fault = f"no processes can be started, workers=1 needs none: {reason}"
        raise OSError(getattr(error, "errno", errno.EAGAIN), fault) from error


# Forking takes milliseconds, and is safe because no thread has been started yet.
START_METHOD = "fork" if sys.platform == "linux" else "spawn"

_lifelines: set[Connection] = set()
"""For each pool, a pipe's end that this process alone holds: workers terminate when it closes."""


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Yield a pool of processes; an exception in the block terminates those still working."""
    context = multiprocessing.get_context(START_METHOD)
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
