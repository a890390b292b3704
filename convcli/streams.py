"""Standard input and output, as a shell may have left them."""

from __future__ import annotations

import sys
from typing import BinaryIO

from convcli.errors import ImageError


def read_standard_input() -> bytes:
    """Return all of standard input; raises an ImageError that does not name it."""
    if sys.stdin is None:
        raise ImageError("it is closed")
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise ImageError(f"it cannot be read: {error.strerror or error}") from error


def standard_output() -> BinaryIO:
    """Return standard output for bytes; raises an ImageError where it is closed."""
    if sys.stdout is None:
        raise ImageError("standard output is closed: open it, or use -o FILE")
    # Unbuffered, where there is such a layer: what a full disk refuses must not stay behind in a
    # buffer that Python flushes, and fails to, at exit.
    stream: BinaryIO = getattr(sys.stdout.buffer, "raw", sys.stdout.buffer)
    return stream
