"""Messages and progress on the terminal: messages do not overwrite the bar."""

from __future__ import annotations

import itertools
import os
import re
import sys
import time
from contextlib import ExitStack
from types import TracebackType
from typing import Any

import click

EVERY = 10
"""Seconds between two lines of progress where standard error is not a terminal."""

LONG = 1
"""Seconds after which a single image has a bar of its own."""

PERCENT = 100

SHOWN = 3
"""How many warnings of one kind are shown; the others are counted."""

_SHOW_CURSOR = "" if os.name == "nt" else "\x1b[?25h"
"""Click's bar hides the cursor, and a process that is killed cannot show it again."""

_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {
    ord("\t"): "\t",
    ord("\n"): "\\n",
    ord("\r"): "\\r",
}


def printable(text: str, *, lines: bool = False) -> str:
    """Return a text that is safe to print: names in it may contain control characters.

    Control characters, and bytes that are not UTF-8, are escaped; line feeds too, except in
    messages of several ``lines``.
    """
    shown = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return shown.translate(_ESCAPES | {ord("\n"): "\n"} if lines else _ESCAPES)


class Messages:
    """Messages and progress on standard error, for a batch of ``total`` images, None if unknown.

    ``progress`` turns progress on or off; None means on for several images, or one that takes long,
    on a terminal. ``quiet`` suppresses everything but errors and progress that is turned on.
    """

    def __init__(self, total: int | None, *, quiet: bool, progress: bool | None) -> None:
        self._total, self._quiet = total, quiet
        self._is_batch = total is None or total > 1
        self._done = 0
        self._warnings: dict[str, tuple[str, int]] = {}
        self._begun = self._last_line = time.monotonic()
        self._open = ExitStack()
        stream = sys.stderr
        on_terminal = stream is not None and stream.isatty()
        shown = (on_terminal and not quiet) if progress is None else progress
        self._lines = shown and not on_terminal
        self._has_bar = shown and on_terminal
        self._delay = 0 if progress else LONG
        self._bar: Any = None

    def __enter__(self) -> Messages:
        if self._has_bar and self._is_batch:
            self._open_bar()
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
        """Show a warning about an image, the first few times for each kind of warning."""
        kind = re.sub(r"\d+", "N", text)  # texts that differ in numbers only are one kind
        first, count = self._warnings.get(kind, (text, 0))
        self._warnings[kind] = first, count + 1
        if count < SHOWN and not self._quiet:
            self._show(f"Warning: {printable(f'{source}: {text}')}")

    def error(self, text: str) -> None:
        """Show an error."""
        self._show(f"Error: {printable(text)}")

    def advance(self) -> None:
        """Count an image that has ended."""
        self._done += 1
        if self._bar is not None:
            self._move_bar(self._done if self._is_batch else PERCENT)
        elif self._lines:
            self._show_progress()

    def advance_within(self, fraction: float) -> None:
        """Show how much of the only image of a batch is done, if it takes long."""
        if self._has_bar:
            if self._bar is None and self.seconds >= self._delay:
                self._open_bar()
            if self._bar is not None:
                self._move_bar(int(fraction * PERCENT))
        elif self._lines and time.monotonic() - self._last_line >= EVERY:
            self._last_line = time.monotonic()
            _echo(f"{fraction:.0%} done")

    def note(self, text: str) -> None:
        """Show a message that is neither an error nor a warning."""
        if not self._quiet:
            self._show(printable(text))

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self._begun

    def _show(self, text: str) -> None:
        if self._bar is not None:  # erased, and drawn again below at the next step
            click.echo("\r\x1b[K", err=True, nl=False)
        _echo(text)

    def _open_bar(self) -> None:
        """Draw a bar of images, or of percents for a single image."""
        is_batch = self._is_batch
        self._bar = click.progressbar(
            iterable=itertools.repeat(None) if self._total is None else None,
            length=self._total if is_batch else PERCENT,
            file=sys.stderr,
            show_pos=is_batch,
            item_show_func=lambda _: f"{self._rate():.1f}/s" if is_batch and self._done else None,
        )
        self._open.enter_context(self._bar)
        click.echo(_SHOW_CURSOR, err=True, nl=False)

    def _move_bar(self, position: int) -> None:
        self._bar.update(position - self._bar.pos)
        click.echo(_SHOW_CURSOR, err=True, nl=False)

    def _rate(self) -> float:
        return self._done / max(self.seconds, 1e-6)

    def _show_progress(self) -> None:
        """Print a line of progress every EVERY seconds, and at the end."""
        now = time.monotonic()
        if self._done == self._total or now - self._last_line >= EVERY:
            self._last_line = now
            if self._total is None:
                _echo(f"{self._done} images, {self._rate():.1f} per second")
                return
            left = round((self._total - self._done) / self._rate())
            _echo(
                f"{self._done} of {self._total} images, {self._rate():.1f} per second, "
                f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02} left"
            )


def _echo(text: str) -> None:
    """Print a line to standard error; ignore errors such as a full disk, but not a closed pipe."""
    try:
        click.echo(text, err=True)
    except BrokenPipeError:  # the reader is gone: the batch ends
        raise
    except OSError:
        pass
