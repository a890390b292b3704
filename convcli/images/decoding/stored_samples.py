"""16-bit samples that a file stores without compression: read as they are, without a decoder.

Does not import NumPy, like :mod:`convcli.images.decoding.opened`.
"""

from __future__ import annotations

import mmap
from contextlib import suppress
from typing import Any, TypeAlias

Stored: TypeAlias = bytearray | mmap.mmap
"""Memory that holds samples; both kinds can be written to."""

# TIFF 6.0.
_WIDTH, _HEIGHT, _COMPRESSION, _STRIP_OFFSETS, _SAMPLES, _ROWS = 256, 257, 259, 273, 277, 278
_STRIP_BYTES, _TILE_WIDTH = 279, 322

_LARGE = 4 << 20
"""Bytes from which pages of 2 MB are asked for: the system then clears and maps 512 times fewer."""


def is_uncompressed(image: Any) -> bool:
    """Return whether an image is a TIFF in strips without compression."""
    tags = getattr(image, "tag_v2", None)
    return (
        tags is not None
        and tags.get(_COMPRESSION, 1) == 1
        and _TILE_WIDTH not in tags
        and _STRIP_OFFSETS in tags
    )


def strips(image: Any) -> tuple[Stored, tuple[int, int]]:
    """Return all samples of an uncompressed TIFF, and its size (H, W) as stored.

    Raises OSError if the file is truncated.
    """
    tags, file = image.tag_v2, image.fp
    width, height, samples = tags[_WIDTH], tags[_HEIGHT], tags[_SAMPLES]
    length = width * height * samples * 2
    data = memory(length)
    view = memoryview(data)
    offsets, counts = tags[_STRIP_OFFSETS], tags.get(_STRIP_BYTES, (length,))
    rows = min(tags.get(_ROWS, height), height) or height
    size = rows * width * samples * 2
    if len(offsets) * size < length:
        raise OSError("image file is truncated: strips are missing")
    for number, offset in enumerate(offsets):
        part = view[number * size : (number + 1) * size]
        if number < len(counts) and counts[number] < len(part):
            raise OSError("image file is truncated: a strip is shorter than its rows")
        fill(part, file, offset)
    return data, (height, width)


def fill(part: memoryview, file: Any, offset: int) -> None:
    """Fill ``part`` with the bytes of a file from ``offset`` on; OSError if they are too few."""
    file.seek(offset)
    while part:
        count = file.readinto(part)
        if not count:
            raise OSError(f"image file is truncated ({len(part)} bytes not read)")
        part = part[count:]


def memory(size: int) -> Stored:
    """Return ``size`` bytes, for large sizes in large pages where the system has them."""
    if size < _LARGE or not hasattr(mmap, "MADV_HUGEPAGE"):
        return bytearray(size)
    try:
        area = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError:
        return bytearray(size)  # or a MemoryError
    with suppress(OSError):  # of kernels without large pages
        area.madvise(mmap.MADV_HUGEPAGE)
    return area
