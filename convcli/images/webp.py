"""Whether a WebP file was written without loss, which Pillow does not tell."""

from __future__ import annotations

from typing import BinaryIO


def is_lossless(file: BinaryIO) -> bool:
    """Tell whether all frames of a WebP file are stored without loss.

    A file is a row of chunks, of which VP8L holds a lossless picture, "VP8 " another one, and ANMF
    a frame of 16 bytes and again chunks (WebP container specification, RFC 9649).
    """
    file.seek(12)
    found = False
    while len(head := file.read(8)) == 8:
        kind, size = head[:4], int.from_bytes(head[4:], "little")
        if kind == b"VP8 ":
            return False
        found = found or kind == b"VP8L"
        file.seek(16 if kind == b"ANMF" else size + size % 2, 1)
    return found
