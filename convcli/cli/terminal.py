"""What goes to the terminal: messages, and a bar that they do not run into."""

from __future__ import annotations

import os
import re
import sys
import time
from contextlib import ExitStack
from types import TracebackType
from typing import Any

import click

EVERY = 10
"""Seconds between two lines of progress where there is no terminal to draw a bar on."""

SHOWN = 3
"""Warnings of one kind that are shown; the others are counted."""

_SHOW_CURSOR = "" if os.name == "nt" else "\x1b[?25h"
"""Click's bar hides it, and a process that is killed shows it no more."""

_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {
    ord("\t"): "\t",
    ord("\n"): "\\n",
    ord("\r"): "\\r",
}


def printable(text: str, *, lines: bool = False) -> str:
    """Return a text with names in it as a terminal can show it, and no name can command it.

    Control characters, and bytes that are no UTF-8, come out escaped; line ends too, but for
    messages of several ``lines``.
    """
    shown = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return shown.translate(_ESCAPES | {ord("\n"): "\n"} if lines else _ESCAPES)


class Messages:
    """Messages and progress on standard error, for a batch of ``total`` images.

    ``progress`` shows it or not; None shows it on a terminal, for more than one. ``quiet`` leaves
    only errors, and progress that was asked for.
    """

    def __init__(self, total: int, *, quiet: bool, progress: bool | None) -> None:
        self._total, self._quiet = total, quiet
        self._done = 0
        self._warnings: dict[str, tuple[str, int]] = {}
        self._begun = self._told = time.monotonic()
        self._open = ExitStack()
        stream = sys.stderr
        on_terminal = stream is not None and stream.isatty()
        shown = (on_terminal and total > 1 and not quiet) if progress is None else progress
        self._lines = shown and not on_terminal
        self._bar: Any = (
            click.progressbar(
                length=total,
                file=stream,
                show_pos=True,
                item_show_func=lambda _: f"{self._rate():.1f}/s" if self._done else None,
            )
            if shown and on_terminal
            else None
        )

    def __enter__(self) -> Messages:
        if self._bar is not None:
            self._open.enter_context(self._bar)
            click.echo(_SHOW_CURSOR, err=True, nl=False)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()
        for first, count in self._warnings.values():
            if count > SHOWN and not self._quiet:
                _echo(f"Warning: {printable(first)} ... and {count - SHOWN} more like it")

    def warning(self, source: str, text: str) -> None:
        """Say what a picture's result does not keep, the first times for each kind of warning."""
        kind = re.sub(r"\d+", "N", text)  # two with other numbers are of one kind
        first, count = self._warnings.get(kind, (text, 0))
        self._warnings[kind] = first, count + 1
        if count < SHOWN and not self._quiet:
            self._say(f"Warning: {printable(f'{source}: {text}')}")

    def error(self, text: str) -> None:
        """Say what went wrong."""
        self._say(f"Error: {printable(text)}")

    def advance(self) -> None:
        """Count an image that is done."""
        self._done += 1
        if self._bar is not None:
            self._bar.update(1)
            click.echo(_SHOW_CURSOR, err=True, nl=False)
        elif self._lines:
            self._tell()

    def note(self, text: str) -> None:
        """Say something that is neither."""
        if not self._quiet:
            self._say(printable(text))

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self._begun

    def _say(self, text: str) -> None:
        if self._bar is not None:  # the next step draws it again, below
            click.echo("\r\x1b[K", err=True, nl=False)
        _echo(text)

    def _rate(self) -> float:
        return self._done / max(self.seconds, 1e-6)

    def _tell(self) -> None:
        """Print a line now and then, and at the end."""
        now = time.monotonic()
        if self._done == self._total or now - self._told >= EVERY:
            self._told = now
            left = round((self._total - self._done) / self._rate())
            _echo(
                f"{self._done} of {self._total} images, {self._rate():.1f} per second, "
                f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02} left"
            )


def _echo(text: str) -> None:
    """Print a line to standard error; that its disk is full is no reason to end a batch."""
    try:
        click.echo(text, err=True)
    except BrokenPipeError:  # nobody listens any more, who then wants no more
        raise
    except OSError:
        pass
