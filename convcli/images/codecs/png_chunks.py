"""The chunks of PNG files (W3C specification, 5)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk with its length and its checksum."""
    return len(data).to_bytes(4) + kind + data + zlib.crc32(data, zlib.crc32(kind)).to_bytes(4)


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and data of each chunk of a file; raises ValueError for a wrong checksum."""
    start = len(SIGNATURE)
    while start + 12 <= len(data):
        end = start + 12 + int.from_bytes(data[start : start + 4])
        kind, body = data[start + 4 : start + 8], data[start + 8 : end - 4]
        if int.from_bytes(data[end - 4 : end]) != zlib.crc32(body, zlib.crc32(kind)):
            raise ValueError(f"the checksum of a chunk {kind!r} is wrong")
        yield kind, body
        start = end
