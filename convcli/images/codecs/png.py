"""PNG files, compressed by several threads at once.

The format is that of the W3C PNG specification (third edition), its pixel data those of zlib and
deflate (RFC 1950 and 1951). Pillow encodes in one thread, with settings for the worst of pictures.
"""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import BytesIO
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from PIL import Image

from convcli.images.codecs.png_filters import AVERAGE, NONE, PAETH, SUB, UP, Samples, row_filter
from convcli.images.raster import ArrayRaster, PillowRaster, Raster
from convcli.system.threads import share

BAND = 1 << 20
"""Bytes compressed by themselves; matches do not reach back over a seam. It does not depend on the
number of threads, and so neither does the file."""

_LEAST = 1_000_000  # samples; with fewer, choosing a plan takes as long as Pillow for all
_NARROWEST = 64  # bytes a row; NumPy takes longer to start on a row than for a shorter one
_METADATA = frozenset({"dpi", "exif", "icc_profile", "pnginfo"})
COMPRESSION = frozenset({"compress_level", "compress_type", "optimize"})
"""Pillow's options for zlib."""

KNOWN = _METADATA | COMPRESSION
"""The options of Pillow that :func:`write_raster` takes."""


class Plan(NamedTuple):
    """How to compress: zlib's level and strategy, and the filters of which a row takes its best."""

    level: int
    strategy: int
    filters: tuple[int, ...]


PLANS = (
    Plan(1, zlib.Z_HUFFMAN_ONLY, (PAETH,)),  # photographs: there is nothing to match
    Plan(1, zlib.Z_RLE, (AVERAGE,)),  # grainy ones
    Plan(1, zlib.Z_RLE, (PAETH,)),  # with areas of one colour
    Plan(1, zlib.Z_RLE, (NONE,)),  # their edges, on black
    Plan(6, zlib.Z_DEFAULT_STRATEGY, (NONE,)),  # line art
    Plan(6, zlib.Z_DEFAULT_STRATEGY, (UP,)),  # blurred, gradients
    Plan(6, zlib.Z_FILTERED, (NONE, SUB, UP, PAETH)),  # close to what Pillow does
)
"""The cheapest first. Each is nearly the smallest for some kind of picture, or far quicker."""

_TOLERANCE = 1.035  # so much larger than by the last plan is small enough
_PATCHES, _PATCH = 20, 8  # how many to judge by, and their rows


def can_write(image: Image.Image, options: Mapping[str, Any]) -> bool:
    """Return whether :func:`write_png` takes it, and is the faster: Pillow can do all of it."""
    modes = ("L", "LA", "RGB", "RGBA", "I;16")
    if image.mode not in modes or not options.keys() <= _METADATA:
        return False
    row = image.width * len(image.getbands())
    return row >= _NARROWEST and row * image.height >= _LEAST


def write_png(image: Image.Image, file: BinaryIO, options: Mapping[str, Any], workers: int) -> None:
    """Write an image of mode L, LA, RGB, RGBA or I;16; ``options`` are Pillow's for metadata.

    The bytes are the same for any number of ``workers``. ``file`` need not seek.
    """
    raster: Raster
    if image.mode == "I;16":
        raster = ArrayRaster(np.asarray(image)[:, :, np.newaxis])
    else:
        raster = PillowRaster(image)
    _write(raster, image.crop((0, 0, 1, 1)), file, options, workers)


def write_raster(
    raster: Raster, mode: str, file: BinaryIO, options: Mapping[str, Any], workers: int
) -> None:
    """Write samples of 8 or 16 bits, of ``mode`` L, LA, RGB or RGBA, of any size.

    ``options`` are Pillow's for metadata, and ``compress_level``, ``compress_type`` and
    ``optimize`` for zlib, with which a row takes the best of all filters.
    """
    _write(raster, Image.new(mode, (1, 1)), file, options, workers)


def _write(
    raster: Raster,
    pixel: Image.Image,
    file: BinaryIO,
    options: Mapping[str, Any],
    workers: int,
) -> None:
    """Write samples; Pillow writes ``pixel``, an image of one, with the metadata."""
    metadata = {key: options[key] for key in options.keys() & _METADATA}
    before, after = _around_pixels(raster, pixel, metadata)
    plan = _asked_plan(options) or _cheap_plan(raster, workers)
    file.write(before)
    _write_pixels(raster, file, plan, workers)
    file.write(after)


def _asked_plan(options: Mapping[str, Any]) -> Plan | None:
    """Return the plan of Pillow's options for zlib, or None where there are none."""
    if not options.keys() & COMPRESSION:
        return None
    level = 9 if options.get("optimize") else options.get("compress_level", -1)
    strategy = options.get("compress_type", -1)
    return Plan(
        int(level),
        zlib.Z_DEFAULT_STRATEGY if strategy == -1 else int(strategy),
        (NONE, SUB, UP, AVERAGE, PAETH),
    )


def _around_pixels(
    raster: Raster, pixel: Image.Image, options: Mapping[str, Any]
) -> tuple[bytes, bytes]:
    """Return what comes before the pixel data and after: as Pillow has it, but for the size."""
    stub = BytesIO()
    stub.name = "stub.png"  # Pillow loads the one plugin then, not all
    pixel.save(stub, **options)
    data = stub.getvalue()
    height, width = raster.size
    # After the size: the bits of a sample, and what kind of colour it is.
    header = struct.pack(">IIB", width, height, 8 * raster.dtype.itemsize) + data[25:29]
    parts = [data[:8] + _chunk(b"IHDR", header), b""]
    start, is_after = 33, False  # past signature and IHDR, of which 16 to 24 are the size
    while start < len(data):
        end = start + 12 + int.from_bytes(data[start : start + 4])
        if data[start + 4 : start + 8] == b"IDAT":
            is_after = True
        else:
            parts[is_after] += data[start:end]
        start = end
    return parts[0], parts[1]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + kind + data + zlib.crc32(data, zlib.crc32(kind)).to_bytes(4)


def _cheap_plan(raster: Raster, workers: int) -> Plan:
    """Return the first plan that makes a sample about as small as the last one does."""
    sample = _sample(raster)
    sizes: dict[Plan, int] = {}

    def make_worker() -> Callable[[Plan], None]:
        filtered = row_filter(sample, _PATCH)

        def measure(plan: Plan) -> None:
            starts = range(1, sample.size[0], _PATCH + 1)
            pieces = (filtered(start, start + _PATCH, plan.filters) for start in starts)
            sizes[plan] = len(_packed(plan, pieces, zlib.Z_FINISH))

        return measure

    share(make_worker, reversed(PLANS), min(workers, 2))  # the last takes as long as the others
    return next(plan for plan in PLANS if sizes[plan] <= _TOLERANCE * sizes[PLANS[-1]])


def _sample(raster: Raster) -> ArrayRaster:
    """Return patches from all over the picture, one below the other, each under the row above."""
    full_height, full_width = raster.size
    width = min(full_width, max(_NARROWEST, min(384, full_width // 4)))
    height = min(full_height, _PATCH + 1)
    sample = np.zeros((_PATCHES, _PATCH + 1, width, raster.channels), raster.dtype)
    for patch in range(_PATCHES):
        left = (full_width - width) * (patch * 7 % _PATCHES) // (_PATCHES - 1)
        top = (full_height - height) * patch // (_PATCHES - 1)
        sample[patch, :height] = raster.read(top, top + height)[:, left : left + width]
    return ArrayRaster(sample.reshape(-1, width, raster.channels))


def _packed(plan: Plan, pieces: Iterable[Samples], ending: int) -> bytes:
    # A negative size of the window: deflate alone, without the head and the sum of zlib.
    packer = zlib.compressobj(plan.level, zlib.DEFLATED, -15, 9, plan.strategy)
    parts = [packer.compress(piece.data) for piece in pieces]
    return b"".join([*parts, packer.flush(ending)])


class _Band(NamedTuple):
    packed: bytes = b""
    checksum: int = 1
    size: int = 0


def _write_pixels(raster: Raster, file: BinaryIO, plan: Plan, workers: int) -> None:
    """Compress bands of one size, and write them in order, at most so many later than begun."""
    height, width = raster.size
    row = width * raster.channels * raster.dtype.itemsize
    rows = -(-height // -(-height * row // BAND))
    count = -(-height // rows)
    ready: dict[int, _Band] = {}
    changed = threading.Condition()

    def make_worker() -> Callable[[int], None]:
        filtered = row_filter(raster, rows)

        def compress(index: int) -> None:
            band = _Band()  # even a failure leaves one, for somebody may be waiting for it
            try:
                data = filtered(index * rows, min(height, (index + 1) * rows), plan.filters)
                ending = zlib.Z_SYNC_FLUSH if index < count - 1 else zlib.Z_FINISH
                packed = _packed(plan, [data], ending)
                band = _Band(packed, zlib.adler32(data.data), data.size)
            finally:
                with changed:
                    ready[index] = band
                    changed.notify()

        return compress

    def take(index: int) -> _Band:
        with changed:
            changed.wait_for(lambda: index in ready)
            return ready.pop(index)

    chunks = _pixel_chunks(map(take, range(count)), count)

    def turns() -> Iterator[int]:
        for index in range(count):
            if index >= 2 * workers:
                file.write(next(chunks))
            yield index

    share(make_worker, turns(), min(workers, count))
    file.writelines(chunks)


def _pixel_chunks(bands: Iterable[_Band], count: int) -> Iterator[bytes]:
    """Give the IDAT chunks, a band each: together one zlib stream (RFC 1950).

    A sync flush ends on a whole byte without ending the stream (with an empty stored block, RFC
    1951, 3.2.4), so that what several compressors gave can follow one another.
    """
    checksum = 1
    for index, (packed, more, size) in enumerate(bands):
        checksum = joined_adler32(checksum, more, size)
        # 0x78: deflate, a window of 32 KB; 0x01 makes the two a multiple of 31.
        head = b"\x78\x01" if index == 0 else b""
        tail = checksum.to_bytes(4) if index == count - 1 else b""
        yield _chunk(b"IDAT", head + packed + tail)


def joined_adler32(first: int, second: int, size: int) -> int:
    """Return the Adler-32 of two pieces in a row from theirs, the second of ``size`` bytes.

    RFC 1950: a = 1 + sum of the bytes, b = the sum of all a on the way, modulo 65521. Over the
    second piece each a is larger by (a of the first - 1) than if that had started anew with 1.
    """
    more = (first & 0xFFFF) - 1
    low = (more + (second & 0xFFFF)) % 65521
    high = ((first >> 16) + (second >> 16) + more * size) % 65521
    return high << 16 | low
