"""JPEG files, encoded by several threads at once.

What follows a restart marker in a JPEG depends on nothing before it (ITU-T T.81, B.2.1 and F.2.1).
So Pillow encodes bands of a picture, each as a picture of its own, and their coded data, joined by
such markers, is that of the whole: it decodes to the same pixels.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, NamedTuple

from PIL import Image

from convcli.kernel.threads import share

_BAND = 256
"""Rows of a band: a multiple of the 16 that colour is coded by where it is halved."""

_LEAST = 1_000_000  # samples; with fewer, threads cost more than they save
_WIDEST = _HIGHEST = 65_500  # libjpeg's limit
_MOST_UNITS = 65_535  # coded between two restart markers
_METADATA = {"dpi", "exif", "icc_profile", "xmp", "comment", "extra"}
_CODING = {"quality", "subsampling"}

_FRAME, _SCAN, _INTERVAL, _RESTART, _END = 0xC0, 0xDA, 0xDD, 0xD0, 0xD9


def can_write(image: Image.Image, options: Mapping[str, Any]) -> bool:
    """Return whether :func:`write_jpeg` takes it, and is the faster: Pillow can do all of it.

    It does not matter how many threads there are, and so not to the bytes of the file either.
    """
    return (
        image.mode in ("L", "RGB", "CMYK")
        and image.width * image.height * len(image.getbands()) >= _LEAST
        and image.width <= _WIDEST
        and image.height <= _HIGHEST
        and options.keys() <= _METADATA | _CODING
        # Both would be taken from the file that the picture was read from.
        and "keep" not in (options.get("quality"), options.get("subsampling"))
    )


def write_jpeg(
    image: Image.Image, file: BinaryIO, options: Mapping[str, Any], workers: int
) -> None:
    """Write an image of mode L, RGB or CMYK; ``options`` are Pillow's.

    The bytes are the same for any number of ``workers``. ``file`` need not seek.
    """
    rows = _band_rows(image.width)
    parts: dict[int, bytes] = {}
    coding = {key: options[key] for key in options.keys() & _CODING}

    def make_worker() -> Callable[[int], None]:
        def encode(top: int) -> None:
            band = image.crop((0, top, image.width, min(top + rows, image.height)))
            with _memory_file() as memory:
                memory.name = "band.jpg"  # Pillow loads the one plugin then, not all
                band.save(memory, **(coding if top else options))
                memory.seek(0)
                parts[top] = memory.read()

        return encode

    share(make_worker, range(0, image.height, rows), workers)
    first, *others = (parts[top] for top in sorted(parts))
    head = _headers(first)
    file.write(_whole_head(first, head, image.size, rows))
    file.write(first[head.end : -2])
    for number, part in enumerate(others):
        file.write(bytes([0xFF, _RESTART + number % 8]))
        file.write(part[_headers(part).end : -2])
    file.write(bytes([0xFF, _END]))


class _Headers(NamedTuple):
    """Where the frame's header and the scan's begin, and where the latter ends."""

    frame: int
    scan: int
    end: int


def _headers(data: bytes) -> _Headers:
    place, frame = 2, 0
    while True:
        kind = data[place + 1]
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4])
        if kind == _FRAME:
            frame = place
        elif kind == _SCAN:
            return _Headers(frame, place, end)
        place = end


def _whole_head(data: bytes, head: _Headers, size: tuple[int, int], rows: int) -> bytes:
    """Return everything before the coded data, for the whole picture instead of a band."""
    width, height = size
    frame = head.frame
    # Of the frame's header, 5 to 7 are the height, 9 the number of components, 11 the first
    # one's sampling, h and v: it has h·v blocks of 8×8 where another has one.
    components, sampling = data[frame + 9], data[frame + 11]
    across, down = (sampling >> 4, sampling & 15) if components > 1 else (1, 1)
    units = -(-width // (8 * across)) * (rows // (8 * down))
    return b"".join(
        [
            data[: frame + 5],
            height.to_bytes(2),
            data[frame + 7 : head.scan],
            bytes([0xFF, _INTERVAL]) + (4).to_bytes(2) + units.to_bytes(2),
            data[head.scan : head.end],
        ]
    )


def _band_rows(width: int) -> int:
    """Return how many rows can go between two restart markers, whatever the subsampling."""
    most = _MOST_UNITS // -(-width // 8) * 8
    return min(_BAND, most // 16 * 16)


def _memory_file() -> Any:
    """Return an empty file: only into a real one does Pillow encode without holding up Python."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("band"), "w+b", 0)
    from tempfile import TemporaryFile  # which imports a good deal

    return TemporaryFile(buffering=0)
