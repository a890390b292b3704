"""Which format a file has, by its contents; only the formats of :data:`formats.OPENED` are opened.

Needs no NumPy, as :mod:`convcli.images.decoding.opened` does not.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from PIL import Image, UnidentifiedImageError

from convcli.images.formats import COMMON, OPENED

if TYPE_CHECKING:
    from PIL import ImageFile

_PRE_INITIALIZED = ("BMP", "DIB", "GIF", "JPEG", "PNG", "PPM")

_EXPECTED = COMMON | {
    **dict.fromkeys(("pgm", "pbm", "pnm", "pfm"), "PPM"),
    **dict.fromkeys(("jp2", "j2k", "jpx"), "JPEG2000"),
    **{name.lower(): name for name in ("AVIF", "DDS", "ICO", "PCX", "PSD", "QOI", "SGI", "TGA")},
}
"""What a file probably is, by its extension; a wrong guess costs some milliseconds."""


def open_identified(source: str | BinaryIO) -> ImageFile.ImageFile:
    """Open an image file by Pillow, which tries only :data:`formats.OPENED`.

    ``source`` is a path, or a file that seeks. Raises Pillow's ``UnidentifiedImageError`` where
    the contents are of no such format, and whatever its decoders raise.
    """
    for candidates in _attempts(source):
        try:
            return Image.open(source, formats=candidates)
        except UnidentifiedImageError:
            continue
    raise UnidentifiedImageError


def _attempts(source: str | BinaryIO) -> Iterator[list[str]]:
    """Give the formats to try, in groups, before each of which Pillow has what it needs.

    ``Image.open(formats=...)`` imports every plugin at the first name that it does not know yet.
    It has imported that of the file's extension before (from Pillow 12.1 on).
    """
    extension = os.path.splitext(source)[1] if isinstance(source, str) else ""
    expected = _EXPECTED.get(extension.lower().removeprefix("."), "")
    if expected in OPENED:
        yield [expected]
    Image.preinit()
    yield [name for name in _PRE_INITIALIZED if name in Image.OPEN and name != expected]
    Image.init()
    # In Pillow's own order: formats without a signature are recognised by trying.
    yield [name for name in Image.ID if name in OPENED and name not in _PRE_INITIALIZED]
