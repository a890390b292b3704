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
"""Signals that terminate the process: after tidying up it dies of the one that it received."""

INTERRUPTED = 130
"""Exit code of an interrupt where a process does not die of it: 128 and the number of SIGINT."""

_duties: list[Callable[[], object]] = []
_is_listening = False


def before_the_end(duty: Callable[[], object]) -> None:
    """Have ``duty()`` called when this process ends at once; the last to be added comes first."""
    _duties.append(duty)


def end(code: int) -> NoReturn:
    """Do the duties and end this process, without a way back for what it is in the middle of.

    An exception would have to find that way: past encoders that take it for a fault of the
    picture, through clean-up that the next signal cuts short.
    """
    _tidy_up()
    os._exit(code)


def die_of(number: int) -> NoReturn:
    """End this process by the signal ``number``, which it has received and dealt with.

    A shell goes on with a loop after a command that exits, whatever its exit code, and ends the
    loop if an interrupt killed the command. Where that cannot be (Windows; the first process of a
    container, which its own signals do not kill) the exit code is 128 and the number.
    """
    if os.name == "posix":
        with suppress(Exception):
            _restore_default(number)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
            signal.raise_signal(number)
    os._exit(128 + number)


def _restore_default(number: int) -> None:
    try:
        signal.signal(number, signal.SIG_DFL)
    except ValueError:
        # Python lets the main thread alone do that, which may be in an encoder for minutes.
        import ctypes

        function = ctypes.CDLL(None).signal
        function.argtypes, function.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p
        function(number, None)  # SIG_DFL is 0


def _tidy_up(message: str = "") -> None:
    for duty in reversed(_duties):
        with suppress(Exception):
            duty()
    if message:
        with suppress(OSError):
            # A terminal shows a bar in its last line, or what was typed, ^C.
            start = "\n" if os.isatty(2) else ""
            os.write(2, f"{start}{message}\n".encode())


def end_on_signals() -> None:
    """From now on, terminate on signals: tidy up, say so, and die of the signal.

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
    signal.signal(signal.SIGTERM, _terminate_worker)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _terminate_worker(number: int, frame: Any) -> None:
    _tidy_up()
    die_of(number)


def _end_by(number: int, frame: Any) -> None:
    while _is_listening:  # the other thread is at it already
        signal.pause()
    for other in SIGNALS:  # being told once is enough
        signal.signal(other, signal.SIG_IGN)
    _tidy_up(_MESSAGES[number])
    die_of(number)


def _listen(told: int) -> None:
    number = 0
    while number not in _MESSAGES:
        number = os.read(told, 1)[0]
    _tidy_up(_MESSAGES[number])
    die_of(number)
