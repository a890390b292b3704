"""Parts of a batch for several machines: which pictures the I-th of N parts has.

The part of a picture depends on its path alone, so that every run, on every machine and in every
order, divides the same paths in the same way.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from convcli.batch.inputs import STREAM, Source
from convcli.batch.stores import is_url
from convcli.errors import PlanError


class Part(NamedTuple):
    """The ``number``-th of ``total`` parts of a batch, counted from 1."""

    number: int
    total: int

    def __str__(self) -> str:
        """Return ``I/N``."""
        return f"{self.number}/{self.total}"

    def has(self, key: str) -> bool:
        """Return whether the picture with this :func:`key_of` belongs to the part.

        >>> [name for name in ("a.png", "b.png", "c.png") if Part(1, 2).has(name)]
        ['b.png', 'c.png']
        """
        return int.from_bytes(digest_of(key), "big") % self.total == self.number - 1


def digest_of(text: str) -> bytes:
    """Return 8 bytes that are the same for a path on every machine, and differ between paths."""
    from hashlib import blake2b  # which loads OpenSSL

    return blake2b(os.fsencode(text), digest_size=8).digest()


def parse_part(text: str) -> Part:
    """Return the part that a text like ``3/8`` names. Raises :class:`PlanError`."""
    number, slash, total = text.partition("/")
    if not (slash and all(one.isascii() and one.isdigit() for one in (number, total))):
        raise PlanError(f"{text!r} is not I/N, such as 1/8 for the first of 8 parts")
    part = Part(int(number), int(total))
    if not 1 <= part.number <= part.total:
        raise PlanError(f"{text!r} is not a part: I is from 1 to N")
    return part


def key_of(source: Source) -> str:
    """Return what decides about the part of a picture.

    A file that was named has its path as given; one that was found in a folder has its path below
    that folder, which may be mounted elsewhere on another machine.
    """
    if source.path == STREAM or is_url(source.path):
        return source.place if source.is_found else source.path
    path = os.path.normpath(source.place if source.is_found else source.path)
    return path.replace(os.sep, "/")
