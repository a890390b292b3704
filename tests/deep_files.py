"""PNG, TIFF and SGI of 16 bits a sample, byte by byte as the specifications have them."""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

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


def tiff16(
    samples: np.ndarray,
    order: str,
    compression: int,
    *,
    extra: int | None = None,
    turn: int = 1,
    bits: int = 16,
) -> bytes:
    """Return uint16 samples (H, W, C) as TIFF in strips of two rows: 1 is raw, 8 is deflate.

    ``bits`` is only what the file says.
    """
    height, width, channels = samples.shape
    strips = [samples[top : top + 2].astype(f"{order}u2").tobytes() for top in range(0, height, 2)]
    strips = [zlib.compress(strip) for strip in strips] if compression == 8 else strips
    data = b"".join(strips)
    starts = [8 + sum(map(len, strips[:number])) for number in range(len(strips))]
    place = 8 + len(data) + len(data) % 2
    blocks = b""

    def later(values: list[int], kind: str) -> int:
        nonlocal blocks
        blocks += struct.pack(f"{order}{len(values)}{kind}", *values)
        return place + len(blocks) - len(values) * struct.calcsize(kind)

    tags = {
        256: ("H", [width]),
        257: ("H", [height]),
        258: ("H", [bits] * channels),
        259: ("H", [compression]),
        262: ("H", [5 if channels == 4 and extra is None else 2]),
        273: ("I", starts),
        274: ("H", [turn]),
        277: ("H", [channels]),
        278: ("H", [2]),
        279: ("I", [len(strip) for strip in strips]),
    } | ({} if extra is None else {338: ("H", [extra])})
    table = struct.pack(f"{order}H", len(tags))
    for tag, (kind, values) in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(values)}{kind}", *values)
        field = packed.ljust(4, b"\0")
        if len(packed) > 4:
            field = struct.pack(f"{order}I", later(values, kind))
        table += struct.pack(f"{order}HHI", tag, 3 if kind == "H" else 4, len(values)) + field
    mark = {"<": b"II", ">": b"MM"}[order]
    head = mark + struct.pack(f"{order}HI", 42, place + len(blocks))
    return head + data + b"\0" * (len(data) % 2) + blocks + table + bytes(4)


def sgi16(samples: np.ndarray, *, is_packed: bool) -> bytes:
    """Return uint16 samples (H, W, C) as SGI; packed, each row of a channel is one run."""
    height, width, channels = samples.shape
    sizes = (3 if channels > 1 else 2, width, height, channels)
    head = struct.pack(">hBBHHHHIII", 474, is_packed, 2, *sizes, 0, 65535, 0).ljust(512, b"\0")
    rows = samples[::-1].transpose(2, 0, 1).reshape(-1, width).astype(">u2")
    if not is_packed:
        return head + rows.tobytes()
    count = len(rows)
    length = 2 * width + 4
    start = 512 + 8 * count
    tables = [start + length * number for number in range(count)] + [length] * count
    runs = [struct.pack(">H", 0x80 | width) + row.tobytes() + bytes(2) for row in rows]
    return head + struct.pack(f">{2 * count}I", *tables) + b"".join(runs)


class Part(NamedTuple):
    """A frame of an animation, as it is stored.

    ``dispose`` is 0 to keep it, 1 to clear it, 2 to restore what was there; ``blend`` is 1 to draw
    it over that.
    """

    samples: np.ndarray
    left: int = 0
    top: int = 0
    dispose: int = 0
    blend: int = 0


def apng(size: tuple[int, int], parts: list[Part], poster: np.ndarray | None = None) -> bytes:
    """Return an APNG of 16 bits and ``size`` (H, W), shown three times.

    Frames take 10, 20, 30, … hundredths of a second. ``poster`` is a still picture before them.
    """

    def rows(samples: np.ndarray) -> bytes:
        return zlib.compress(b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples))

    colours = _COLOURS[parts[0].samples.shape[2]]
    header = struct.pack(">IIBBBBB", *size[::-1], 16, colours, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"acTL", struct.pack(">II", len(parts), 3))]
    number = 0
    if poster is not None:
        chunks.append((b"IDAT", rows(poster)))
    for index, part in enumerate(parts):
        height, width = part.samples.shape[:2]
        fields = (number, width, height, part.left, part.top, 10 * (index + 1), 100)
        control = struct.pack(">5I2H2B", *fields, part.dispose, part.blend)
        chunks.append((b"fcTL", control))
        number += 1
        if index or poster is not None:
            chunks.append((b"fdAT", struct.pack(">I", number) + rows(part.samples)))
            number += 1
        else:
            chunks.append((b"IDAT", rows(part.samples)))
    chunks.append((b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in chunks)


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
