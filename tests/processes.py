"""The command line in a process of its own, for tests that end it, limit it or take its streams."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from convcli.__main__ import main

PATIENCE = 30.0
"""Seconds after which something that has to happen is taken not to happen."""


class Started:
    """``convcli`` with ``arguments``, forked from this process: what takes long is imported.

    It leads a process group of its own. ``prepare`` is called in it first.
    """

    def __init__(
        self, folder: Path, *arguments: object, prepare: Callable[[], object] = lambda: None
    ) -> None:
        self._output = folder / "stdout", folder / "stderr"
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.setsid()
                for number, path in enumerate(self._output, 1):
                    os.dup2(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_RDWR), number)
                sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
                sys.argv = ["convcli", *map(str, arguments)]
                prepare()
                main()
            finally:
                os._exit(99)

    def tell(self, number: int, *, group: bool = False) -> None:
        """Send it a signal, as a terminal does (to the group) or ``kill``."""
        (os.killpg if group else os.kill)(self.pid, number)

    def wait(self) -> int:
        """Return its exit code, or the negative number of the signal that killed it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.002)
        raise AssertionError("it did not end")

    def discard(self) -> None:
        """End it and its workers, if a test has failed to."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    @property
    def stdout(self) -> str:
        """What it wrote to standard output."""
        return self._output[0].read_text(errors="surrogateescape")

    @property
    def stderr(self) -> str:
        """What it wrote to standard error."""
        return self._output[1].read_text(errors="surrogateescape")


class SlowPicture:
    """A picture file that whoever reads it has to wait for: a named pipe."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._end = -1

    def wait_for_reader(self) -> None:
        """Return once a process has begun to read."""
        deadline = time.monotonic() + PATIENCE
        while self._end < 0:
            try:
                self._end = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # no reader yet
                assert time.monotonic() < deadline, "nobody reads it"
                time.sleep(0.002)

    def is_given_up(self) -> bool:
        """Return whether no process reads it any more, or will have stopped to in a moment."""
        poll = select.poll()
        poll.register(self._end, select.POLLERR)
        is_free = bool(poll.poll(PATIENCE * 1000))
        os.close(self._end)
        return is_free


class Bell:
    """Rung by one process, heard by another."""

    def __init__(self) -> None:
        self._listen, self._ring = os.pipe()

    def ring(self) -> None:
        """Let the other one go on."""
        os.write(self._ring, b"!")

    def wait(self) -> None:
        """Wait until it has been rung."""
        assert select.select([self._listen], [], [], PATIENCE)[0], "it was not rung"
        os.read(self._listen, 1)
        os.close(self._listen)
        os.close(self._ring)
