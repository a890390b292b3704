"""Processes that share a batch."""

from __future__ import annotations

import errno
import multiprocessing
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import TypeVar

from convcli.ending import be_a_worker, before_the_end, end, signals_held
from convcli.executors import WAITING_PER_WORKER
from convcli.files import discard_unfinished
from convcli.kernel.threads import stay_alone

Task = TypeVar("Task")
Done = TypeVar("Done")

MOST_SECONDS_TO_END = 5.0
"""How long workers are waited for that have been told to end; it takes them milliseconds."""


def each_done(
    tasks: Iterable[Task],
    do: Callable[[Task], Done],
    workers: int,
    *,
    again: Callable[[Task], Callable[[Task], Done]],
    lost: Callable[[Task], Done],
) -> Iterator[Done]:
    """Give ``do(task)`` of each task as it ends; ``do``, tasks and answers have to be picklable.

    A worker that dies takes the tasks along that were handed out, some of them done. Each is
    then tried once more, alone, with ``again(task)`` in the place of ``do``, and only for the one
    that kills its worker again is ``lost(task)`` the answer. Workers do not outlive this process,
    however it ends, nor this iterator: what is going on when it is closed is abandoned.
    """
    waiting = iter(tasks)
    suspects: list[Task] = []
    is_broken = True
    while is_broken:
        pending: dict[Future[Done], Task] = {}
        try:
            with _crew(workers) as crew:
                yield from _drain(crew, waiting, do, pending, workers * WAITING_PER_WORKER)
            is_broken = False
        except BrokenProcessPool:
            suspects += pending.values()
    for task in suspects:
        try:
            with _crew(1) as alone:
                answer = _hand_out(alone, again(task), task).result()
        except BrokenProcessPool:
            answer = lost(task)
        yield answer


def _drain(
    crew: ProcessPoolExecutor,
    waiting: Iterator[Task],
    do: Callable[[Task], Done],
    pending: dict[Future[Done], Task],
    most: int,
) -> Iterator[Done]:
    """Hand out tasks and give answers; ``pending`` is what is handed out and not yet given."""
    while True:
        while len(pending) < most and (task := next(waiting, None)) is not None:
            try:
                future = _hand_out(crew, do, task)
            except BrokenProcessPool:
                pending[Future()] = task  # never handed out, and not to be forgotten
                raise
            pending[future] = task
        if not pending:
            return
        for future in wait(pending, return_when=FIRST_COMPLETED).done:
            answer = future.result()
            del pending[future]
            yield answer


def _hand_out(crew: ProcessPoolExecutor, do: Callable[[Task], Done], task: Task) -> Future[Done]:
    # This may start workers, which shall hear nothing before they know what to do about it.
    try:
        with signals_held():
            return crew.submit(do, task)
    except BrokenProcessPool:
        raise
    except (OSError, RuntimeError) as error:  # the latter where there is no room for a thread
        reason = getattr(error, "strerror", None) or error
        fault = f"no processes can be started, workers=1 needs none: {reason}"
        raise OSError(getattr(error, "errno", errno.EAGAIN), fault) from error


# A fork starts in milliseconds and is safe here: no thread has been started yet.
START_METHOD = "fork" if sys.platform == "linux" else "spawn"

_lines: set[Connection] = set()
"""The end of a pipe for each crew, in this process alone: workers end when it is closed."""


@contextmanager
def _crew(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Give processes to work with; those still at work at the end of the block are ended."""
    context = multiprocessing.get_context(START_METHOD)
    listening, line = context.Pipe(duplex=False)
    crew = ProcessPoolExecutor(workers, context, _prepare, (listening, line))
    _lines.add(line)
    try:
        yield crew
    except BaseException:  # an iterator that is closed too: what is going on is abandoned
        line.close()
        raise
    finally:
        with suppress(RuntimeError):  # its own thread could not be started
            crew.shutdown(cancel_futures=True)
        _lines.discard(line)
        line.close()
        listening.close()


def _end_workers() -> None:
    for line in list(_lines):
        line.close()
    for process in multiprocessing.active_children():
        process.join(MOST_SECONDS_TO_END)
        process.kill()


before_the_end(_end_workers)


def _prepare(listening: Connection, line: Connection) -> None:
    """Make a new process a worker, which ends as soon as nobody holds its ``line`` any more."""
    be_a_worker()
    before_the_end(discard_unfinished)
    stay_alone()
    for inherited in {line, *_lines}:
        inherited.close()
    _lines.clear()
    try:
        threading.Thread(target=_end_when_alone, args=(listening,), daemon=True).start()
    except RuntimeError:  # there is no room for another one; without it this might never end
        end(1)


def _end_when_alone(listening: Connection) -> None:
    with suppress(EOFError, OSError):
        listening.recv_bytes()  # which nobody sends
    end(1)
