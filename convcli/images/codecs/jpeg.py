"""JPEG files, encoded by several threads.

In a JPEG, the data after a restart marker does not depend on anything before it (ITU-T T.81, B.2.1
and F.2.1). So Pillow encodes bands of the picture as pictures of their own, and their coded data,
joined by restart markers, decodes to the same pixels as the picture encoded in one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from PIL import Image

from convcli.images.raster import Raster
from convcli.system.threads import share

_BAND = 256
"""Rows of a band: a multiple of 16, the height of a coded unit with halved colour resolution."""

_MIN_SAMPLES = 1_000_000  # with fewer, threads cost more than they save
_MAX_SIDE = 65_500  # libjpeg's limit
_MAX_UNITS = 65_535  # between two restart markers
_METADATA = {"dpi", "exif", "icc_profile", "xmp", "comment", "extra"}
_CODING = {"quality", "subsampling", "qtables"}

_FRAME, _SCAN, _INTERVAL, _RESTART, _END = 0xC0, 0xDA, 0xDD, 0xD0, 0xD9


def can_write(mode: str, size: tuple[int, int], options: Mapping[str, Any]) -> bool:
    """Return whether pictures of a mode and size (W, H) can be written here, faster than by Pillow.

    This does not depend on the number of threads, so that the bytes of the file do not either.
    """
    channels = {"L": 1, "RGB": 3, "CMYK": 4}.get(mode, 0)
    return (
        size[0] * size[1] * channels >= _MIN_SAMPLES
        and max(size) <= _MAX_SIDE
        and options.keys() <= _METADATA | _CODING
        # "keep" would take the value from the file that the picture was read from.
        and "keep" not in (options.get("quality"), options.get("subsampling"))
        and not isinstance(options.get("qtables"), str)
    )


def write_image(
    image: Image.Image, file: BinaryIO, options: Mapping[str, Any], threads: int
) -> None:
    """Write an image of mode L, RGB or CMYK; ``options`` are Pillow's.

    The bytes are the same for any number of ``threads``. ``file`` need not be seekable.
    """

    def band(top: int, bottom: int) -> Image.Image:
        return image.crop((0, top, image.width, bottom))

    _write(band, image.size, file, options, threads)


def write_raster(
    raster: Raster, mode: str, file: BinaryIO, options: Mapping[str, Any], threads: int
) -> None:
    """Write 8-bit samples of mode L, RGB or CMYK as :func:`write_image` writes an image."""
    height, width = raster.size

    def band(top: int, bottom: int) -> Image.Image:
        samples = np.ascontiguousarray(raster.read(top, bottom))
        return Image.frombuffer(mode, (width, bottom - top), samples, "raw", mode, 0, 1)

    _write(band, (width, height), file, options, threads)


def _write(
    band_of: Callable[[int, int], Image.Image],
    size: tuple[int, int],
    file: BinaryIO,
    options: Mapping[str, Any],
    threads: int,
) -> None:
    width, height = size
    rows = _band_rows(width)
    parts: dict[int, bytes] = {}
    coding = {key: options[key] for key in options.keys() & _CODING}

    def make_encoder() -> Callable[[int], None]:
        def encode(top: int) -> None:
            band = band_of(top, min(top + rows, height))
            with _memory_file() as memory:
                memory.name = "band.jpg"  # Pillow then imports one plugin, not all
                band.save(memory, **(coding if top else options))
                memory.seek(0)
                parts[top] = memory.read()

        return encode

    share(make_encoder, range(0, height, rows), threads)
    first, *others = (parts[top] for top in sorted(parts))
    head = _headers(first)
    file.write(_whole_head(first, head, size, rows))
    file.write(first[head.end : -2])
    for number, part in enumerate(others):
        file.write(bytes([0xFF, _RESTART + number % 8]))
        file.write(part[_headers(part).end : -2])
    file.write(bytes([0xFF, _END]))


class _Headers(NamedTuple):
    """Offsets of the frame header, of the scan header, and of the end of the latter."""

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
    """Return all headers before the coded data, changed from those of a band to the picture's."""
    width, height = size
    frame = head.frame
    # In the frame header, bytes 5 and 6 are the height, 9 the number of components, and 11 the
    # sampling factors h and v of the first component: h·v blocks of 8×8 for one of the others.
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
    """Return the rows of a band, which fit between two restart markers for any subsampling."""
    most = _MAX_UNITS // -(-width // 8) * 8
    return min(_BAND, most // 16 * 16)


def _memory_file() -> Any:
    """Return an empty file with a descriptor: for others Pillow's encoder holds the GIL.

    (Seen in Pillow 13.0, no issue known; pull request 1224 released it for decoding. To see whether
    it is still so, time two threads that save to BytesIO.)
    """
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("band"), "w+b", 0)
    from tempfile import TemporaryFile  # which imports many modules

    return TemporaryFile(buffering=0)
