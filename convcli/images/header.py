"""What a file's header tells of its picture, without its pixels."""

from __future__ import annotations

import math
import os
from typing import BinaryIO, NamedTuple

from PIL import Image

from convcli.errors import ImageError
from convcli.images.decode import Opened, limit_of
from convcli.images.formats import ARRAY_FORMAT
from convcli.images.modes import frame_mode
from convcli.images.picture import check_array
from convcli.images.read import (
    ORIENTATION,
    array_header,
    check_array_mode,
    opened_source,
)

_LYING = (5, 6, 7, 8)
"""Values of the EXIF orientation that swap width and height."""


class Header(NamedTuple):
    """A picture before its pixels are read.

    ``stored`` is the mode in the file, or the type of an array; ``size`` is (H, W), upright;
    ``channels`` counts those that filters will see, and ``mode`` is that of a frame ("" of an
    array).
    """

    format: str
    stored: str
    size: tuple[int, int]
    channels: int
    mode: str
    frames: int


def read_header(
    source: str | os.PathLike[str] | BinaryIO | bytes,
    *,
    mode: str | None = None,
    frames: str = "all",
    max_pixels: int | None = None,
) -> Header:
    """Read the header of an image file or array; arguments and errors as for ``read_image``."""
    with opened_source(source) as (file, place, is_array):
        if is_array:
            return _of_array(file, limit_of(max_pixels), mode, frames == "first")
        opened = Opened(place, max_pixels)
        with opened.image:
            try:
                return _of_image(opened, mode, 1 if frames == "first" else opened.count)
            except ImageError:
                raise
            # Broken metadata and palettes raise whatever comes up.
            except Exception as error:
                raise ImageError(f"the image is broken: {error or type(error).__name__}") from error


def _of_image(opened: Opened, mode: str | None, frames: int) -> Header:
    image, format_name = opened.image, opened.image.format or ""
    wanted = frame_mode(image, format_name, mode)
    width, height = image.size
    size = (width, height) if _is_lying(image) else (height, width)
    channels = Image.getmodebands(wanted)
    return Header(format_name, image.mode, size, channels, wanted, frames)


def _is_lying(image: Image.Image) -> bool:
    # A TIFF tells the size that it will have upright. A PNG's own getexif() would decode it.
    return image.format != "TIFF" and Image.Image.getexif(image).get(ORIENTATION) in _LYING


def _of_array(file: BinaryIO, limit: int, mode: str | None, only_first: bool) -> Header:
    shape, dtype = array_header(file, limit)
    check_array(shape, dtype)
    check_array_mode(shape, mode)
    channels, height, width = (1, 1, 1, *shape)[-3:]
    count = 1 if only_first else math.prod(shape[:-3])
    return Header(ARRAY_FORMAT, str(dtype), (height, width), channels, "", count)
