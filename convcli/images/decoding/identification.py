"""The format of a file, by its contents; only those of :data:`formats.OPENED` are opened.

Does not import NumPy, like :mod:`convcli.images.decoding.opened`.
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
"""The format to try first, by the extension; a wrong guess costs some milliseconds."""


def open_identified(source: str | BinaryIO) -> ImageFile.ImageFile:
    """Open an image file in Pillow, as one of :data:`formats.OPENED` only.

    ``source`` is a path or a seekable file. Raises Pillow's ``UnidentifiedImageError`` if the
    contents are of no such format, and any error of its decoders.
    """
    for candidates in _attempts(source):
        try:
            return Image.open(source, formats=candidates)
        except UnidentifiedImageError:
            continue
    raise UnidentifiedImageError


def _attempts(source: str | BinaryIO) -> Iterator[list[str]]:
    """Yield the formats to try, in groups whose plugins are imported by then.

    ``Image.open(formats=...)`` imports all plugins if it meets a format whose plugin is not
    imported yet. For the file's extension it imports the one plugin first (pull request 9398, in
    Pillow 12.2).
    """
    extension = os.path.splitext(source)[1] if isinstance(source, str) else ""
    expected = _EXPECTED.get(extension.lower().removeprefix("."), "")
    if expected in OPENED:
        yield [expected]
    Image.preinit()
    yield [name for name in _PRE_INITIALIZED if name in Image.OPEN and name != expected]
    Image.init()
    # In Pillow's own order, since formats without a signature are identified by trying them.
    yield [name for name in Image.ID if name in OPENED and name not in _PRE_INITIALIZED]
