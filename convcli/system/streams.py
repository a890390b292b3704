"""Standard input, output and error, as a shell may have left them: full, closed, in Latin-1."""

from __future__ import annotations

import codecs
import os
import sys
from io import TextIOWrapper
from typing import BinaryIO

from convcli.errors import ImageError


def make_streams_safe() -> None:
    """Keep the numbers of closed streams from files, and let every stream take every text."""
    # A closed one leaves its number to the file that is opened next, into which a library would
    # then write what it has to say on standard error.
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    codecs.register_error("convcli", _as_bytes_or_escaped)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="convcli")


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
        raise ImageError("standard output is closed: open it, or name a file instead")
    # Unbuffered, where there is such a layer: what a full disk refuses must not stay behind in a
    # buffer that Python flushes, and fails to, at exit.
    stream: BinaryIO = getattr(sys.stdout.buffer, "raw", sys.stdout.buffer)
    return stream


def _as_bytes_or_escaped(error: UnicodeError) -> tuple[str | bytes, int]:
    """Turn bytes of a name that are no text back into themselves, and escape what has no code."""
    assert isinstance(error, UnicodeEncodeError)
    wanted = error.object[error.start : error.end]
    if all("\udc80" <= character <= "\udcff" for character in wanted):
        return codecs.lookup_error("surrogateescape")(error)
    return codecs.lookup_error("backslashreplace")(error)
