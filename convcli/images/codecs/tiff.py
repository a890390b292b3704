"""TIFF of 16 bits or floats in colour, by tifffile, which is imported here alone."""

from __future__ import annotations

import logging
import zlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from io import BytesIO
from typing import Any, BinaryIO, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin, TiffTags

from convcli.errors import ImageError
from convcli.images.codecs.tiff_predictors import FLOATING, differences, floats_of, predictor_of
from convcli.images.raster import Raster
from convcli.system.threads import processors

KNOWN = frozenset({"compression", "dpi", "exif", "icc_profile", "save_all"})
"""The options of Pillow's encoder that :func:`write_tiff` takes."""

_COMPRESSIONS = {"raw": 1, "tiff_adobe_deflate": 8}
_KEPT_AS_DEFLATE = ("tiff_lzw", "tiff_deflate", "packbits", "zstd", "lzma")

_NO_LOG = logging.NullHandler()

_STRIP = 1 << 18
"""Bytes of a strip before compression, about."""

_CAMERA_TABLE, _POSITION = 0x8769, 0x8825
_STANDING_IN = {_CAMERA_TABLE: _CAMERA_TABLE + 1, _POSITION: _POSITION + 1}
"""Numbers under which tifffile writes the places of these tables: it refuses their own."""

_OF_PIXELS = frozenset({*range(254, 260), 262, 273, *range(277, 280), 284, 296, 282, 283, 317})
_OF_PIXELS |= {322, 323, 324, 325, 338, 339, 34675}
"""Tags that tifffile writes."""


class TiffPage(NamedTuple):
    """The samples of a page, of a mode of frames, and their ICC profile."""

    raster: Raster
    mode: str
    profile: bytes | None


def write_tiff(
    pages: Sequence[TiffPage], file: BinaryIO, options: Mapping[str, Any], *, compressed: bool
) -> None:
    """Write pages; ``options`` are Pillow's, and ``compressed`` is the default for them.

    Raises :class:`ImageError` for a compression that is not written.
    """
    if not file.readable():  # tags are read again
        buffer = BytesIO()
        write_tiff(pages, buffer, options, compressed=compressed)
        file.write(buffer.getbuffer())
        return
    import tifffile

    named = options.get("compression", "tiff_adobe_deflate" if compressed else "raw")
    named = "tiff_adobe_deflate" if named in _KEPT_AS_DEFLATE else named
    if named not in _COMPRESSIONS:
        known = ", ".join(_COMPRESSIONS)
        raise ImageError(f"TIFF of 16 bits or floats has no compression {named!r}: it has {known}")
    compression = _COMPRESSIONS[named]
    register_float_predictor()
    size = sum(page.raster.size[0] * page.raster.size[1] * _pixel(page) for page in pages)
    with tifffile.TiffWriter(file, bigtiff=size > 4_000_000_000, byteorder="<") as writer:
        exif = options.get("exif")
        tags = [] if exif is None else list(_extra_tags(exif, file))
        for number, page in enumerate(pages):
            _write_page(writer, page, compression, options, tags if number == 0 else [])
    if any(tag[0] in _STANDING_IN.values() for tag in tags):
        _rename_tags(file, {inside: tag for tag, inside in _STANDING_IN.items()})


def _pixel(page: TiffPage) -> int:
    return page.raster.channels * page.raster.dtype.itemsize


def _write_page(
    writer: Any, page: TiffPage, compression: int, options: Mapping[str, Any], tags: list[Any]
) -> None:
    raster, mode = page.raster, page.mode
    height, width = raster.size
    rows = max(1, min(height, _STRIP // (width * _pixel(page))))
    is_packed = compression != 1
    colours = {"CMYK": "separated", "RGB": "rgb", "RGBA": "rgb"}.get(mode, "minisblack")
    dpi = options.get("dpi")
    writer.write(
        _strips(raster, rows, is_packed=is_packed),
        shape=(height, width, raster.channels) if raster.channels > 1 else (height, width),
        dtype=raster.dtype,
        photometric=colours,
        planarconfig="contig" if raster.channels > 1 else None,
        extrasamples=["unassalpha"] if mode in ("LA", "RGBA") else None,
        rowsperstrip=rows,
        compression=compression if is_packed else None,
        iccprofile=page.profile,
        resolution=None if dpi is None else tuple(dpi),
        resolutionunit=None if dpi is None else "inch",
        predictor=predictor_of(raster.dtype) if is_packed else None,
        extratags=tags,
        software=False,
        metadata=None,
    )


def _strips(raster: Raster, rows: int, *, is_packed: bool) -> Iterator[bytes]:
    """Yield strips of ``rows`` as they are stored; those ahead are compressed by threads."""
    height = raster.size[0]
    starts = range(0, height, rows)

    def strip(top: int) -> bytes:
        samples = raster.read(top, min(top + rows, height))
        if not is_packed:
            return samples.astype(samples.dtype.newbyteorder("<"), copy=False).tobytes()
        return zlib.compress(differences(samples), 4)

    if not is_packed or processors() == 1:
        yield from map(strip, starts)
        return
    with ThreadPoolExecutor(processors()) as pool:
        ahead: deque[Future[bytes]] = deque()
        for top in starts:
            ahead.append(pool.submit(strip, top))
            if len(ahead) > 4 * processors():
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _extra_tags(exif: Image.Exif, file: BinaryIO) -> Iterator[tuple[int, int, int, Any, bool]]:
    """Yield the tags of EXIF for tifffile; tables within the table are written here."""
    for tag, value in sorted(exif.items()):
        if tag not in _OF_PIXELS and tag not in (_CAMERA_TABLE, _POSITION):
            known = TiffTags.lookup(tag)
            packed = _packed(value, known.type)
            if packed is not None:
                yield (tag, *packed, True)
    for tag in (_CAMERA_TABLE, _POSITION):
        table = exif.get_ifd(tag) if tag in exif else {}
        if table:
            yield _STANDING_IN[tag], 4, 1, _write_table(table, tag, file), True


def _write_table(table: Mapping[int, Any], group: int, file: BinaryIO) -> int:
    """Write a table of tags to where the file is; return its place."""
    directory = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\0\0\0\0", group=group)
    for tag, value in table.items():
        directory[tag] = value
    start = file.tell() + file.tell() % 2
    file.seek(start)
    file.write(directory.tobytes(start))
    file.seek(file.tell() + file.tell() % 2)
    return start


def _rename_tags(file: BinaryIO, names: Mapping[int, int]) -> None:
    """Give tags of the first table other numbers, which leave the tags in order."""
    file.seek(0)
    is_big = file.read(4)[2] == 43
    file.seek(8 if is_big else 4)
    start = int.from_bytes(file.read(8 if is_big else 4), "little")
    width, entry = (8, 20) if is_big else (2, 12)
    file.seek(start)
    count = int.from_bytes(file.read(width), "little")
    for place in range(start + width, start + width + count * entry, entry):
        file.seek(place)
        name = int.from_bytes(file.read(2), "little")
        if name in names:
            file.seek(place)
            file.write(names[name].to_bytes(2, "little"))
    file.seek(0, 2)


def _packed(value: Any, kind: int | None) -> tuple[int, int, Any] | None:
    """Return type, count and value of a tag as tifffile takes them; None for an unknown kind."""
    if isinstance(value, str):
        data = value.encode("utf-8") + b"\0"
        return 2, len(data), data
    if isinstance(value, bytes):
        return (kind if kind in (1, 7) else 7), len(value), value
    values = value if isinstance(value, tuple) else (value,)
    if all(isinstance(one, int) for one in values):
        small = kind == 3 and all(0 <= one < 65536 for one in values)
        if any(not 0 <= one < 1 << 32 for one in values):
            return None
        return (3 if small else 4), len(values), values if len(values) > 1 else values[0]
    try:
        pairs = [(one.numerator, one.denominator) for one in values]
    except AttributeError:
        return None
    if any(not 0 <= part < 1 << 32 for pair in pairs for part in pair):
        return None
    return 5, len(pairs), tuple(part for pair in pairs for part in pair)


def open_tiff(file: BinaryIO) -> Any:
    """Return tifffile's object for an open file. Raises errors of many kinds.

    Of tags that are broken tifffile writes a log, which would appear on standard error.
    """
    import tifffile

    logging.getLogger("tifffile").addHandler(_NO_LOG)
    file.seek(0)
    return tifffile.TiffFile(file)


def read_page(page: Any) -> NDArray[Any]:
    """Return the samples (H, W, C) of a page of tifffile. Raises errors of many kinds."""
    register_float_predictor()
    shape = (page.imagelength, page.imagewidth, page.samplesperpixel)
    samples: NDArray[Any] = page.asarray(maxworkers=processors())
    if page.planarconfig == 2 and page.samplesperpixel > 1:
        samples = np.moveaxis(samples.reshape(shape[2], *shape[:2]), 0, -1)
    return samples.reshape(shape)


def register_float_predictor() -> None:
    """Let tifffile know the predictor of floats, which it has from the package imagecodecs alone.

    (Seen in tifffile 2026.3.3. Its tables have no public way to add a function; where they are
    made otherwise, files with that predictor need imagecodecs, as tifffile says.)
    """
    import tifffile

    for table, function in (
        (tifffile.TIFF.PREDICTORS, encoded_before),
        (tifffile.TIFF.UNPREDICTORS, floats_of),
    ):
        known = getattr(table, "_codecs", None)
        if isinstance(known, dict):
            known.setdefault(FLOATING, function)


def encoded_before(*arguments: object, **options: object) -> NoReturn:
    """Stand for an encoder that is never called: strips come encoded."""
    raise AssertionError("strips are encoded before tifffile has them")
