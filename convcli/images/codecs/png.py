"""PNG files, compressed by several threads.

The format is defined by the W3C PNG specification (third edition), its compression by RFC 1950
(zlib) and 1951 (deflate). Pillow encodes in one thread, with one setting for all kinds of pictures.
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

from convcli.images.codecs.png_chunks import chunk
from convcli.images.codecs.png_filters import AVERAGE, NONE, PAETH, SUB, UP, Samples, row_filter
from convcli.images.raster import ArrayRaster, PillowRaster, Raster
from convcli.system.threads import share

BAND = 1 << 20
"""Bytes that are compressed independently of others. This does not depend on the number of threads,
so that the bytes of the file do not either."""

_MIN_SAMPLES = 1_000_000  # with fewer, choosing a plan takes as long as Pillow's encoder
_MIN_ROW = 64  # bytes; for shorter rows, NumPy's overhead for each row dominates
_METADATA = frozenset({"dpi", "exif", "icc_profile", "pnginfo"})
_COMPRESSION = frozenset({"compress_level", "compress_type", "optimize"})

KNOWN = _METADATA | _COMPRESSION
"""The options of Pillow that :func:`write_raster` takes."""


class Plan(NamedTuple):
    """Settings: zlib's level and strategy, and the filters of which each row uses the best."""

    level: int
    strategy: int
    filters: tuple[int, ...]


PLANS = (
    Plan(1, zlib.Z_HUFFMAN_ONLY, (PAETH,)),  # photographs: no repetitions
    Plan(1, zlib.Z_RLE, (AVERAGE,)),  # grainy photographs
    Plan(1, zlib.Z_RLE, (PAETH,)),  # photographs with areas of one colour
    Plan(1, zlib.Z_RLE, (NONE,)),  # edges on black
    Plan(6, zlib.Z_DEFAULT_STRATEGY, (NONE,)),  # line art
    Plan(6, zlib.Z_DEFAULT_STRATEGY, (UP,)),  # blurred, gradients
    Plan(6, zlib.Z_FILTERED, (NONE, SUB, UP, PAETH)),  # like Pillow
)
"""From fast to slow. Each is close to the smallest for some kind of picture, or much faster."""

_TOLERANCE = 1.035  # of the size by the last plan: a faster plan may take this much
_REPETITIVE = 8  # a drawing becomes at least so many times smaller
_FILTER_GAIN = 1.15  # its sample has to become so much smaller by a filter
_PATCHES, _PATCH = 20, 8  # number of patches in the sample, and their rows


def can_write(mode: str, size: tuple[int, int], options: Mapping[str, Any]) -> bool:
    """Return whether pictures of a mode and size (W, H) are best written here, not by Pillow."""
    channels = {"L": 1, "I;16": 1, "LA": 2, "RGB": 3, "RGBA": 4}.get(mode)
    if channels is None or not options.keys() <= _METADATA:
        return False
    row = size[0] * channels
    return row >= _MIN_ROW and row * size[1] >= _MIN_SAMPLES


def write_image(
    image: Image.Image, file: BinaryIO, options: Mapping[str, Any], threads: int
) -> None:
    """Write an image of mode L, LA, RGB, RGBA or I;16; ``options`` are Pillow's for metadata.

    The bytes are the same for any number of ``threads``. ``file`` need not be seekable.
    """
    raster: Raster
    if image.mode == "I;16":
        raster = ArrayRaster(np.asarray(image)[:, :, np.newaxis])
    else:
        raster = PillowRaster(image)
    _write(raster, image.crop((0, 0, 1, 1)), file, options, threads)


def write_raster(
    raster: Raster, mode: str, file: BinaryIO, options: Mapping[str, Any], threads: int
) -> None:
    """Write samples of 8 or 16 bits, of ``mode`` L, LA, RGB or RGBA, of any size.

    ``options`` are Pillow's for metadata, and ``compress_level``, ``compress_type`` and
    ``optimize`` for zlib; with one of the latter each row takes the best of all filters.
    """
    _write(raster, Image.new(mode, (1, 1)), file, options, threads)


def _write(
    raster: Raster, pixel: Image.Image, file: BinaryIO, options: Mapping[str, Any], threads: int
) -> None:
    """Write samples; Pillow writes ``pixel``, an image of one, with the metadata."""
    before, after = around_pixels(raster, pixel, options)
    file.write(before)
    write_pixels(raster, file, plan_for(raster, options, threads), threads)
    file.write(after)


def plan_for(raster: Raster, options: Mapping[str, Any], threads: int) -> Plan:
    """Return the plan of the user's options for zlib, or one that suits the samples."""
    if not options.keys() & _COMPRESSION:
        return _choose_plan(raster, threads)
    level = 9 if options.get("optimize") else options.get("compress_level", -1)
    strategy = options.get("compress_type", -1)
    return Plan(
        int(level),
        zlib.Z_DEFAULT_STRATEGY if strategy == -1 else int(strategy),
        (NONE, SUB, UP, AVERAGE, PAETH),
    )


def around_pixels(
    raster: Raster, pixel: Image.Image, options: Mapping[str, Any]
) -> tuple[bytes, bytes]:
    """Return the bytes before the pixel data and after it, as Pillow writes them for a pixel."""
    metadata = {key: options[key] for key in options.keys() & _METADATA}
    stub = BytesIO()
    stub.name = "stub.png"  # Pillow then imports one plugin, not all
    pixel.save(stub, **metadata)
    data = stub.getvalue()
    height, width = raster.size
    # After the size: the bits of a sample, and the colour type.
    header = struct.pack(">IIB", width, height, 8 * raster.dtype.itemsize) + data[25:29]
    parts = [data[:8] + chunk(b"IHDR", header), b""]
    start, is_after = 33, False  # after signature and IHDR, where bytes 16 to 23 are the size
    while start < len(data):
        end = start + 12 + int.from_bytes(data[start : start + 4])
        if data[start + 4 : start + 8] == b"IDAT":
            is_after = True
        else:
            parts[is_after] += data[start:end]
        start = end
    return parts[0], parts[1]


def _choose_plan(raster: Raster, threads: int) -> Plan:
    """Return the fastest plan that compresses a sample about as well as the last plan.

    Of 16-bit samples the best plan takes its place: where both bytes are equal, as in drawings that
    once had 8 bits, filters hide repetitions. If there are many, a sample shows too few of them: so
    only plans that search for repetitions are taken, without a filter if one makes the sample only
    a little smaller.
    """
    sample = _sample(raster)
    sizes: dict[Plan, int] = {}

    def make_measure() -> Callable[[Plan], None]:
        filtered = row_filter(sample, _PATCH)

        def measure(plan: Plan) -> None:
            starts = range(1, sample.size[0], _PATCH + 1)
            pieces = (filtered(start, start + _PATCH, plan.filters) for start in starts)
            sizes[plan] = len(_compressed(plan, pieces, zlib.Z_FINISH))

        return measure

    # The last plan takes as long as the others together.
    share(make_measure, reversed(PLANS), min(threads, 2))
    if raster.dtype == np.uint8:
        goal, plans = _TOLERANCE * sizes[PLANS[-1]], list(PLANS)
    else:
        goal, plans = _TOLERANCE * min(sizes.values()), list(PLANS)
        if goal < sample.samples.nbytes / _REPETITIVE:
            plans = [plan for plan in PLANS if plan.strategy == zlib.Z_DEFAULT_STRATEGY]
            goal = _FILTER_GAIN * min(sizes[plan] for plan in plans)
    return next(plan for plan in plans if sizes[plan] <= goal)


def _sample(raster: Raster) -> ArrayRaster:
    """Return patches from all over the picture, stacked, each with the row above it."""
    full_height, full_width = raster.size
    width = min(full_width, max(_MIN_ROW, min(384, full_width // 4)))
    height = min(full_height, _PATCH + 1)
    sample = np.zeros((_PATCHES, _PATCH + 1, width, raster.channels), raster.dtype)
    for patch in range(_PATCHES):
        left = (full_width - width) * (patch * 7 % _PATCHES) // (_PATCHES - 1)
        top = (full_height - height) * patch // (_PATCHES - 1)
        sample[patch, :height] = raster.read(top, top + height)[:, left : left + width]
    return ArrayRaster(sample.reshape(-1, width, raster.channels))


def _compressed(plan: Plan, pieces: Iterable[Samples], flush: int) -> bytes:
    # The negative window size gives deflate data without zlib's header and checksum.
    compressor = zlib.compressobj(plan.level, zlib.DEFLATED, -15, 9, plan.strategy)
    parts = [compressor.compress(piece.data) for piece in pieces]
    return b"".join([*parts, compressor.flush(flush)])


class _Band(NamedTuple):
    data: bytes = b""
    checksum: int = 1
    size: int = 0


def write_pixels(
    raster: Raster,
    file: BinaryIO,
    plan: Plan,
    threads: int,
    numbers: Iterator[int] | None = None,
) -> None:
    """Compress bands in parallel and write them in order, ``2 * threads`` in memory at most.

    ``numbers`` are those of the chunks of a later frame of an animation.
    """
    height, width = raster.size
    row = width * raster.channels * raster.dtype.itemsize
    rows = -(-height // -(-height * row // BAND))
    bands = -(-height // rows)
    ready: dict[int, _Band] = {}
    changed = threading.Condition()

    def make_compressor() -> Callable[[int], None]:
        filtered = row_filter(raster, rows)

        def compress(index: int) -> None:
            band = _Band()  # left by a failure too, because take() may be waiting for it
            try:
                data = filtered(index * rows, min(height, (index + 1) * rows), plan.filters)
                flush = zlib.Z_SYNC_FLUSH if index < bands - 1 else zlib.Z_FINISH
                compressed = _compressed(plan, [data], flush)
                band = _Band(compressed, zlib.adler32(data.data), data.size)
            finally:
                with changed:
                    ready[index] = band
                    changed.notify()

        return compress

    def take(index: int) -> _Band:
        with changed:
            changed.wait_for(lambda: index in ready)
            return ready.pop(index)

    chunks = _pixel_chunks(map(take, range(bands)), bands, numbers)

    def indices() -> Iterator[int]:
        for index in range(bands):
            if index >= 2 * threads:
                file.write(next(chunks))
            yield index

    share(make_compressor, indices(), min(threads, bands))
    file.writelines(chunks)


def _pixel_chunks(
    bands: Iterable[_Band], last: int, numbers: Iterator[int] | None
) -> Iterator[bytes]:
    """Yield the IDAT chunks, one for each band, which together are one zlib stream (RFC 1950).

    With ``numbers`` they are fdAT chunks, each with a number.

    A sync flush ends at a byte boundary without ending the stream (with an empty stored block, RFC
    1951, 3.2.4), so that the output of several compressors can be concatenated.
    """
    checksum = 1
    for index, (data, band_checksum, size) in enumerate(bands):
        checksum = joined_adler32(checksum, band_checksum, size)
        # 0x78: deflate with a window of 32 KB; 0x01 makes both bytes a multiple of 31.
        head = b"\x78\x01" if index == 0 else b""
        tail = checksum.to_bytes(4) if index == last - 1 else b""
        if numbers is None:
            yield chunk(b"IDAT", head + data + tail)
        else:
            yield chunk(b"fdAT", next(numbers).to_bytes(4) + head + data + tail)


def joined_adler32(first: int, second: int, size: int) -> int:
    """Return the Adler-32 of two concatenated pieces from theirs, the second of ``size`` bytes.

    RFC 1950: a = 1 + the sum of all bytes, b = the sum of a after each byte, modulo 65521.
    Continued from the first piece, each a of the second is larger by (a of the first - 1).
    """
    more = (first & 0xFFFF) - 1
    low = (more + (second & 0xFFFF)) % 65521
    high = ((first >> 16) + (second >> 16) + more * size) % 65521
    return high << 16 | low
