"""Terminating a process on a signal, at any moment, after removing its temporary files.

Not by an exception: encoders take one for a fault of the picture, and the next signal interrupts
the clean-up that it runs.
"""

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
"""Signals that terminate the process. It cleans up, then dies of the signal that it received."""

INTERRUPTED = 130
"""Exit code after an interrupt where the process does not die of SIGINT: 128 plus its number."""

_cleanups: list[Callable[[], object]] = []
_is_listening = False


def at_termination(cleanup: Callable[[], object]) -> None:
    """Register ``cleanup()`` for :func:`terminate` and signals; the last registered runs first."""
    _cleanups.append(cleanup)


def terminate(code: int) -> NoReturn:
    """Run the registered clean-ups and exit at once, without unwinding the stack."""
    _clean_up()
    os._exit(code)


def die_of(number: int) -> NoReturn:
    """End this process by the signal ``number``, which it has received and handled.

    A shell ends a loop if an interrupt killed the command in it, and continues after a command
    that exited, whatever the exit code. Where a signal cannot kill the process (on Windows, or as
    the first process of a container) the exit code is 128 plus its number.
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
        # signal.signal works in the main thread only, which may be in an encoder for minutes.
        import ctypes

        function = ctypes.CDLL(None).signal
        function.argtypes, function.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p
        function(number, None)  # SIG_DFL is 0


def _clean_up(message: str = "") -> None:
    for cleanup in reversed(_cleanups):
        with suppress(Exception):
            cleanup()
    if message:
        with suppress(OSError):
            # The last line of a terminal may hold a progress bar, or ^C as it was typed.
            start = "\n" if os.isatty(2) else ""
            os.write(2, f"{start}{message}\n".encode())


def end_on_signals() -> None:
    """From now on, terminate on :data:`SIGNALS`: clean up, print a message, die of the signal.

    A signal that was ignored at the start (by nohup, or for a background job) stays ignored.
    """
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end_by)


def end_without_delay() -> None:
    """From now on, terminate while a C function runs, such as an encoder.

    Python's own handlers wait for it to return. This starts a thread, so a process that is going
    to fork must not call it.
    """
    global _is_listening
    if os.name != "posix" or _is_listening or signal.getsignal(signal.SIGTERM) is not _end_by:
        return
    import threading

    receiver, sender = os.pipe()
    os.set_blocking(sender, False)
    signal.set_wakeup_fd(sender, warn_on_full_buffer=False)
    # RuntimeError: the system allows no more threads.
    with suppress(RuntimeError):
        threading.Thread(target=_listen, args=(receiver,), daemon=True).start()
        _is_listening = True


@contextmanager
def signals_held() -> Iterator[None]:
    """Block signals in the block, and in processes that it starts until become_worker()."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def become_worker() -> None:
    """Let the parent decide when this new process ends.

    A terminal sends an interrupt to both, so this process ignores all signals but SIGTERM.
    """
    _cleanups.clear()  # inherited: they belong to the parent
    signal.set_wakeup_fd(-1)
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _terminate_worker)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _terminate_worker(number: int, frame: Any) -> None:
    _clean_up()
    die_of(number)


def _end_by(number: int, frame: Any) -> None:
    while _is_listening:  # the listening thread is cleaning up
        signal.pause()
    for other in SIGNALS:  # one is enough
        signal.signal(other, signal.SIG_IGN)
    _clean_up(_MESSAGES[number])
    die_of(number)


def _listen(receiver: int) -> None:
    number = 0
    while number not in _MESSAGES:
        number = os.read(receiver, 1)[0]
    _clean_up(_MESSAGES[number])
    die_of(number)
