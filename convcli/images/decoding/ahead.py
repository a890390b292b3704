"""A picture decoded ahead: in a thread, while the rest of the program is imported.

Does not import NumPy, nor Pillow before there is something to decode.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from convcli.errors import ImageError
from convcli.system.thread_warnings import collect_warnings

if TYPE_CHECKING:
    from convcli.images.decoding.opened import Opened

_ENDINGS = (".jpg", ".jpeg", ".png", ".tif", ".tiff")

_begun: dict[tuple[str, int], Opened] = {}
"""By path and limit of pixels."""


def is_decoded_ahead(path: str) -> bool:
    """Return whether a path is a file in one of the formats that are decoded ahead."""
    return path.lower().endswith(_ENDINGS) and os.path.isfile(path)


def begin(path: str) -> None:
    """Start to decode a file for the next :func:`decode_ahead` of its path."""
    if (opened := decode_ahead(path)) is not None:
        _begun[path, opened.limit] = opened


def decode_ahead(path: str, max_pixels: int | None = None) -> Opened | None:
    """Start to decode a file in a thread, and return it for ``read_image``.

    Returns None for rare formats, and for any error, which ``read_image`` will then report.
    """
    if not is_decoded_ahead(path):
        return None
    from convcli.images.decoding.opened import Opened, limit_of

    if (begun := _begun.pop((path, limit_of(max_pixels)), None)) is not None:
        return begun
    texts: list[str] = []
    try:
        with collect_warnings(texts):
            opened = Opened(path, max_pixels)
    except (ImageError, MemoryError):
        return None
    opened.path = path
    opened.warnings += texts
    opened.start_decoding()
    return opened
