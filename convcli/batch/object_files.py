"""Objects of a store as files, to read headers and lists, and to write reports."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, RawIOBase
from typing import Any

from convcli.batch.stores import ATTEMPTS, errors, open_store, split_url, write_object
from convcli.system.extras import needed

_HEADER_BYTES = 256 << 10
_REPORT_BYTES = 8 << 20


@contextmanager
def opened_object(url: str, piece: int = _HEADER_BYTES) -> Iterator[BufferedReader]:
    """Yield an object as a file that seeks, read in pieces, and only those that are used."""
    obstore = needed("obstore", "cloud", url)
    with errors():
        bucket, key = split_url(url)
        store = open_store(bucket)
        reader = obstore.open_reader(store, key, buffer_size=piece)
    yield BufferedReader(_Parts(reader), piece)


class _Parts(RawIOBase):
    """A reader of obstore as a file of Python."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return int(self._reader.seek(offset, whence))

    def tell(self) -> int:
        return int(self._reader.tell())

    def readinto(self, buffer: Any) -> int:
        start = self.tell()
        with errors():
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    data = bytes(self._reader.read(len(buffer)))
                    break
                except Exception:
                    if attempt == ATTEMPTS:
                        raise
                    time.sleep(0.1 * 2**attempt)
                    self.seek(start)
        buffer[: len(data)] = data
        return len(data)


def object_writer(url: str) -> Any:
    """Return a file to write, whose object appears when it is closed; replaces one at once.

    The object is written empty first, so that one that cannot be written is known at once.
    """
    obstore = needed("obstore", "cloud", url)
    write_object(url, b"", overwrite=True)
    with errors():
        bucket, key = split_url(url)
        return obstore.open_writer(open_store(bucket), key, buffer_size=_REPORT_BYTES)
