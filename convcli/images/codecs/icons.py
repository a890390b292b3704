"""Icon files with one picture at its own size; by default Pillow adds all usual sizes."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from io import BytesIO
from typing import Any, BinaryIO

from PIL import Image

from convcli.errors import ImageError

_ICNS_TYPES = {
    16: b"icp4",
    32: b"icp5",
    64: b"icp6",
    128: b"ic07",
    256: b"ic08",
    512: b"ic09",
    1024: b"ic10",
}


def check_icon(size: tuple[int, int], format_name: str) -> None:
    """Raise an ImageError for a size (H, W) that an icon of the format cannot have."""
    height, width = size
    if format_name == "ICNS" and (width not in _ICNS_TYPES or width != height):
        sizes = ", ".join(map(str, _ICNS_TYPES))
        raise ImageError(
            f"ICNS holds squares of {sizes} pixels a side, and this is "
            f"{width}×{height}: write png or tif"
        )


def write_icon(
    image: Image.Image, file: BinaryIO, format_name: str, options: Mapping[str, Any]
) -> None:
    """Write an image as ICO or ICNS, of a size that :func:`check_icon` allows."""
    if format_name == "ICO":
        image.save(file, "ICO", **{"sizes": [image.size], **options})
        return
    kind = _ICNS_TYPES[image.width]
    picture = BytesIO()
    image.save(picture, "PNG", **options)
    size = 8 + len(picture.getvalue())
    file.write(b"icns" + struct.pack(">I", 8 + size) + kind + struct.pack(">I", size))
    file.write(picture.getvalue())
