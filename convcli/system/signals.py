"""Ending a process at once, whatever it is doing, without leaving anything half done behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

_MESSAGES: dict[int, str] = {
    getattr(signal, name): message
    for name, message in (
        ("SIGINT", "Interrupted"),
        ("SIGTERM", "Terminated"),
        ("SIGHUP", "Hung up"),
    )
    if hasattr(signal, name)
}
SIGNALS = tuple(_MESSAGES)
"""What ends a process that is told to; its exit code is 128 and the number, as a shell has it."""

_duties: list[Callable[[], object]] = []
_is_listening = False


def before_the_end(duty: Callable[[], object]) -> None:
    """Have ``duty()`` called when this process ends at once; the last to be added comes first."""
    _duties.append(duty)


def end(code: int, message: str = "") -> NoReturn:
    """Do the duties and end this process, without a way back for what it is in the middle of.

    An exception would have to find that way: past encoders that take it for a fault of the
    picture, through clean-up that the next signal cuts short.
    """
    for duty in reversed(_duties):
        with suppress(Exception):
            duty()
    if message:
        with suppress(OSError):
            # A terminal shows a bar in its last line, or what was typed, ^C.
            start = "\n" if os.isatty(2) else ""
            os.write(2, f"{start}{message}\n".encode())
    os._exit(code)


def end_on_signals() -> None:
    """From now on, end when told to: with a message, and 130, 143 or 129.

    What was ignored from the start (by nohup, or in a shell's background) still is.
    """
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end_by)


def end_promptly() -> None:
    """From now on, do not even wait for an encoder to return, as Python's own handlers do.

    That takes a thread, and so is nothing for a process that is going to fork.
    """
    global _is_listening
    if os.name != "posix" or _is_listening or signal.getsignal(signal.SIGTERM) is not _end_by:
        return
    import threading

    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    # A system that has no room for another thread says so with a RuntimeError.
    with suppress(RuntimeError):
        threading.Thread(target=_listen, args=(told,), daemon=True).start()
        _is_listening = True


@contextmanager
def signals_held() -> Iterator[None]:
    """Hold signals back during the block, and in processes that it starts, until be_a_worker()."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def be_a_worker() -> None:
    """Make this new process one whose parent decides: a terminal tells the two of them alike."""
    _duties.clear()  # they are the parent's
    signal.set_wakeup_fd(-1)
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: end(128 + number))
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _end_by(number: int, frame: Any) -> None:
    while _is_listening:  # the other thread is at it already
        signal.pause()
    for other in SIGNALS:  # being told once is enough
        signal.signal(other, signal.SIG_IGN)
    end(128 + number, _MESSAGES[number])


def _listen(told: int) -> None:
    number = 0
    while number not in _MESSAGES:
        number = os.read(told, 1)[0]
    end(128 + number, _MESSAGES[number])
