"""Tiny files with known samples of 16 bits, on which Pillow's decoders are tried."""

from __future__ import annotations

import struct
import zlib

from convcli.images.codecs.png_chunks import SIGNATURE, chunk


def known_png(colours: str, samples: list[int]) -> bytes:
    """Return a PNG of 2×2 pixels with these 16-bit samples."""
    kind = {"RGB": 2, "LA": 4, "RGBA": 6}[colours]
    half = len(samples) // 2
    rows = samples[:half], samples[half:]
    data = b"".join(b"\0" + struct.pack(f">{len(row)}H", *row) for row in rows)
    return b"".join(
        [
            SIGNATURE,
            chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 16, kind, 0, 0, 0)),
            chunk(b"IDAT", zlib.compress(data)),
            chunk(b"IEND", b""),
        ]
    )


def known_tiff(colours: str, samples: list[int]) -> bytes:
    """Return a TIFF, compressed by deflate, of 2×2 pixels with these 16-bit samples."""
    channels = len(colours)
    data = zlib.compress(struct.pack(f"<{len(samples)}H", *samples))
    bits = struct.pack(f"<{channels}H", *[16] * channels)
    start = 8 + len(data) + len(data) % 2
    short, long = 3, 4
    extra = {"RGBA": 2, "RGBa": 1, "RGBX": 0}.get(colours)
    tags = [
        (256, short, 1, 2),
        (257, short, 1, 2),
        (258, short, channels, start),
        (259, short, 1, 8),
        (262, short, 1, 5 if colours == "CMYK" else 2),
        (273, long, 1, 8),
        (277, short, 1, channels),
        (278, short, 1, 2),
        (279, long, 1, len(data)),
        *([] if extra is None else [(338, short, 1, extra)]),
    ]
    table = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"".join(
        [
            struct.pack("<2sHI", b"II", 42, start + len(bits)),
            data.ljust(start - 8, b"\0"),
            bits,
            struct.pack("<H", len(tags)),
            table,
            bytes(4),
        ]
    )
