"""Processes that share a batch."""

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
    """Give ``do(task)`` of each task as it ends; ``do``, tasks and results have to be picklable.

    A worker that dies loses all tasks that were handed out, some of them done. Each is
    then tried once more, alone, with ``again(task)`` in the place of ``do``, and only for the one
    that kills its worker again is ``lost(task)`` the result. Workers do not outlive this process,
    however it ends, nor this iterator: what is going on when it is closed is abandoned.
    """
    waiting = iter(tasks)
    suspects: list[Task] = []
    is_broken = True

    def fresh() -> Iterator[Task]:
        while not is_broken and (task := next(waiting, None)) is not None:
            yield task

    while is_broken:
        is_broken = False
        with _crew(workers) as crew:
            submit = partial(_hand_out, crew, do)
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
            with _crew(1) as alone:
                result = _hand_out(alone, again(task), task).result()
        except BrokenProcessPool:
            result = lost(task)
        yield result


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


at_termination(_end_workers)


def _prepare(listening: Connection, line: Connection) -> None:
    """Make a new process a worker, which ends as soon as nobody holds its ``line`` any more."""
    become_worker()
    at_termination(discard_unfinished)
    use_one_thread()
    for inherited in {line, *_lines}:
        inherited.close()
    _lines.clear()
    try:
        threading.Thread(target=_end_when_alone, args=(listening,), daemon=True).start()
    except RuntimeError:  # there is no room for another one; without it this might never end
        terminate(1)


def _end_when_alone(listening: Connection) -> None:
    with suppress(EOFError, OSError):
        listening.recv_bytes()  # which nobody sends
    terminate(1)
