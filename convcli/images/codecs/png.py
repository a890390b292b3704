"""PNG files, compressed by several threads.

The format is defined by the W3C PNG specification (third edition), its compression by RFC 1950
(zlib) and 1951 (deflate). Pillow encodes in one thread, with one setting for all kinds of pictures.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import BytesIO
from typing import Any, BinaryIO, NamedTuple

from PIL import Image

from convcli.images.codecs.png_filters import AVERAGE, NONE, PAETH, SUB, UP, Samples, row_filter
from convcli.images.raster import PillowRaster
from convcli.system.threads import share

BAND = 1 << 20
"""Bytes that are compressed independently of others. This does not depend on the number of threads,
so that the bytes of the file do not either."""

_MIN_SAMPLES = 1_000_000  # with fewer, choosing a plan takes as long as Pillow's encoder
_MIN_ROW = 64  # bytes; for shorter rows, NumPy's overhead for each row dominates
_METADATA = {"dpi", "exif", "icc_profile", "pnginfo"}


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
_PATCHES, _PATCH = 20, 8  # number of patches in the sample, and their rows


def can_write(image: Image.Image, options: Mapping[str, Any]) -> bool:
    """Return whether :func:`write_png` can write the image, and is faster than Pillow."""
    if image.mode not in ("L", "LA", "RGB", "RGBA") or not options.keys() <= _METADATA:
        return False
    row = image.width * len(image.getbands())
    return row >= _MIN_ROW and row * image.height >= _MIN_SAMPLES


def write_png(image: Image.Image, file: BinaryIO, options: Mapping[str, Any], threads: int) -> None:
    """Write an image of mode L, LA, RGB or RGBA; ``options`` are Pillow's for metadata.

    The bytes are the same for any number of ``threads``. ``file`` need not be seekable.
    """
    before, after = _around_pixels(image, options)
    plan = _choose_plan(image, threads)
    file.write(before)
    _write_pixels(image, file, plan, threads)
    file.write(after)


def _around_pixels(image: Image.Image, options: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """Return the bytes before the pixel data and after it, as Pillow writes them for a pixel."""
    stub = BytesIO()
    stub.name = "stub.png"  # Pillow then imports one plugin, not all
    image.crop((0, 0, 1, 1)).save(stub, **options)
    data = stub.getvalue()
    header = image.width.to_bytes(4) + image.height.to_bytes(4) + data[24:29]
    parts = [data[:8] + _chunk(b"IHDR", header), b""]
    start, is_after = 33, False  # after signature and IHDR, where bytes 16 to 23 are the size
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


def _choose_plan(image: Image.Image, threads: int) -> Plan:
    """Return the fastest plan that compresses a sample about as well as the last plan."""
    sample = _sample(image)
    sizes: dict[Plan, int] = {}

    def make_measure() -> Callable[[Plan], None]:
        filtered = row_filter(PillowRaster(sample), _PATCH)

        def measure(plan: Plan) -> None:
            starts = range(1, sample.height, _PATCH + 1)
            pieces = (filtered(start, start + _PATCH, plan.filters) for start in starts)
            sizes[plan] = len(_compressed(plan, pieces, zlib.Z_FINISH))

        return measure

    # The last plan takes as long as the others together.
    share(make_measure, reversed(PLANS), min(threads, 2))
    return next(plan for plan in PLANS if sizes[plan] <= _TOLERANCE * sizes[PLANS[-1]])


def _sample(image: Image.Image) -> Image.Image:
    """Return patches from all over the image, stacked, each with the row above it."""
    width = min(image.width, max(_MIN_ROW, min(384, image.width // 4)))
    height = min(image.height, _PATCH + 1)
    sample = Image.new(image.mode, (width, _PATCHES * (_PATCH + 1)))
    for patch in range(_PATCHES):
        left = (image.width - width) * (patch * 7 % _PATCHES) // (_PATCHES - 1)
        top = (image.height - height) * patch // (_PATCHES - 1)
        piece = image.crop((left, top, left + width, top + height))
        sample.paste(piece, (0, patch * (_PATCH + 1)))
    return sample


def _compressed(plan: Plan, pieces: Iterable[Samples], flush: int) -> bytes:
    # The negative window size gives deflate data without zlib's header and checksum.
    compressor = zlib.compressobj(plan.level, zlib.DEFLATED, -15, 9, plan.strategy)
    parts = [compressor.compress(piece.data) for piece in pieces]
    return b"".join([*parts, compressor.flush(flush)])


class _Band(NamedTuple):
    data: bytes = b""
    checksum: int = 1
    size: int = 0


def _write_pixels(image: Image.Image, file: BinaryIO, plan: Plan, threads: int) -> None:
    """Compress bands in parallel and write them in order, ``2 * threads`` in memory at most."""
    height, row = image.height, image.width * len(image.getbands())
    rows = -(-height // -(-height * row // BAND))
    count = -(-height // rows)
    raster = PillowRaster(image)
    ready: dict[int, _Band] = {}
    changed = threading.Condition()

    def make_compressor() -> Callable[[int], None]:
        filtered = row_filter(raster, rows)

        def compress(index: int) -> None:
            band = _Band()  # left by a failure too, because take() may be waiting for it
            try:
                data = filtered(index * rows, min(height, (index + 1) * rows), plan.filters)
                flush = zlib.Z_SYNC_FLUSH if index < count - 1 else zlib.Z_FINISH
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

    chunks = _pixel_chunks(map(take, range(count)), count)

    def indices() -> Iterator[int]:
        for index in range(count):
            if index >= 2 * threads:
                file.write(next(chunks))
            yield index

    share(make_compressor, indices(), min(threads, count))
    file.writelines(chunks)


def _pixel_chunks(bands: Iterable[_Band], count: int) -> Iterator[bytes]:
    """Yield the IDAT chunks, one for each band, which together are one zlib stream (RFC 1950).

    A sync flush ends at a byte boundary without ending the stream (with an empty stored block, RFC
    1951, 3.2.4), so that the output of several compressors can be concatenated.
    """
    checksum = 1
    for index, (data, band_checksum, size) in enumerate(bands):
        checksum = joined_adler32(checksum, band_checksum, size)
        # 0x78: deflate with a window of 32 KB; 0x01 makes both bytes a multiple of 31.
        head = b"\x78\x01" if index == 0 else b""
        tail = checksum.to_bytes(4) if index == count - 1 else b""
        yield _chunk(b"IDAT", head + data + tail)


def joined_adler32(first: int, second: int, size: int) -> int:
    """Return the Adler-32 of two concatenated pieces from theirs, the second of ``size`` bytes.

    RFC 1950: a = 1 + the sum of all bytes, b = the sum of a after each byte, modulo 65521.
    Continued from the first piece, each a of the second is larger by (a of the first - 1).
    """
    more = (first & 0xFFFF) - 1
    low = (more + (second & 0xFFFF)) % 65521
    high = ((first >> 16) + (second >> 16) + more * size) % 65521
    return high << 16 | low
