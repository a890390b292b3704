"""PNG of 16 bits a sample, written and read byte by byte as the specification has it."""

from __future__ import annotations

import struct
import zlib

import numpy as np

_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}
"""PNG's number for a count of channels."""


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png16(samples: np.ndarray, *chunks: tuple[bytes, bytes]) -> bytes:
    """Return uint16 samples (H, W, C) as PNG, with more ``chunks`` before the pixels."""
    height, width, channels = samples.shape
    header = struct.pack(">IIBBBBB", width, height, 16, _COLOURS[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def samples_of_png(data: bytes) -> np.ndarray:
    """Return the samples (H, W, C) of a PNG of 16 bits that is not interlaced."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    packed, place = b"", 8
    while place < len(data):
        (length,) = struct.unpack_from(">I", data, place)
        kind, body = data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        assert data[place + 8 + length : place + 12 + length] == struct.pack(
            ">I", zlib.crc32(kind + body)
        )
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", body)
        packed += body if kind == b"IDAT" else b""
        place += 12 + length
    assert (depth, interlace) == (16, 0)
    channels = {number: count for count, number in _COLOURS.items()}[colour]
    pixel, row = 2 * channels, 2 * channels * width
    raw = zlib.decompress(packed)
    assert len(raw) == height * (1 + row)
    above = bytes(row)
    rows = []
    for top in range(height):
        line = raw[top * (1 + row) : (top + 1) * (1 + row)]
        above = _unfiltered(line[0], line[1:], above, pixel)
        rows.append(above)
    return np.frombuffer(b"".join(rows), ">u2").reshape(height, width, channels)


def _unfiltered(kind: int, line: bytes, above: bytes, pixel: int) -> bytes:
    done = bytearray()
    for place, byte in enumerate(line):
        a = done[place - pixel] if place >= pixel else 0
        b = above[place]
        c = above[place - pixel] if place >= pixel else 0
        nearest = min((a, b, c), key=lambda one: abs(a + b - c - one))
        done.append((byte + (0, a, b, (a + b) // 2, nearest)[kind]) % 256)
    return bytes(done)
