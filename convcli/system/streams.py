"""Standard input, output and error, which may be closed, full, or not in UTF-8."""

from __future__ import annotations

import codecs
import os
import sys
from io import TextIOWrapper
from typing import BinaryIO

from convcli.errors import ImageError


def make_streams_safe() -> None:
    """Reserve the descriptors of closed streams, and make standard output accept any text."""
    # The next file opened would get the descriptor of a closed stream, and a library that writes
    # to standard error would write into that file.
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
    # The unbuffered layer, if there is one: bytes that a full disk refused would stay in a buffer,
    # which Python would fail to flush at exit.
    stream: BinaryIO = getattr(sys.stdout.buffer, "raw", sys.stdout.buffer)
    return stream


def _as_bytes_or_escaped(error: UnicodeError) -> tuple[str | bytes, int]:
    """Encode surrogate escapes as the bytes they represent; escape other unencodable characters."""
    assert isinstance(error, UnicodeEncodeError)
    wanted = error.object[error.start : error.end]
    if all("\udc80" <= character <= "\udcff" for character in wanted):
        return codecs.lookup_error("surrogateescape")(error)
    return codecs.lookup_error("backslashreplace")(error)
