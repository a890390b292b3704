"""Lists of names, read a piece at a time: files, standard input, objects in a store."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import BinaryIO

from convcli.batch.inputs import STREAM
from convcli.batch.object_files import opened_object
from convcli.batch.stores import is_url
from convcli.errors import ImageError, PlanError

PIECE = 1 << 20
"""Bytes of a list that are read at a time."""


def read_list(name: str, *, null: bool = False) -> Iterator[str]:
    """Yield the names in a file, or in standard input for "-": one a line, or each ended by NUL.

    Blank lines are skipped; lines may end with CR LF. Raises :class:`PlanError`.
    """
    with _opened(name) as file:
        end = b"\0" if null else b"\n"
        rest, mark = b"", b"" if null else b"\xef\xbb\xbf"
        while piece := file.read(PIECE):
            if not null and b"\0" in piece:
                raise PlanError(f"the list {name} holds NUL characters: null=True reads it")
            *lines, rest = (rest + piece).split(end)
            if lines:
                lines[0], mark = lines[0].removeprefix(mark), b""
            yield from _names(lines, null)
        yield from _names([rest.removeprefix(mark)], null)


def _names(lines: list[bytes], null: bool) -> Iterator[str]:
    if null:
        return (os.fsdecode(item) for item in lines if item)
    return (os.fsdecode(line.removesuffix(b"\r")) for line in lines if line.strip())


def is_in_order(name: str, *, null: bool = False) -> bool:
    """Return whether each name in a list comes after the one before it, as stores list them.

    False for standard input, which can be read only once.
    """
    if name == STREAM:
        return False
    return all(one < other for one, other in pairwise(read_list(name, null=null)))


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    try:
        if is_url(name):
            with opened_object(name, PIECE) as file:
                yield file
        elif name != STREAM:
            with open(name, "rb") as file:
                yield file
        elif sys.stdin is None:
            raise PlanError("the list on standard input: it is closed")
        else:
            yield sys.stdin.buffer
    except OSError as error:
        reason = error.strerror or error
        raise PlanError(f"the list {name} cannot be read: {reason}") from error
    except ImageError as error:
        raise PlanError(f"the list {name}: {error}") from error
