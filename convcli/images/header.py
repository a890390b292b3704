"""The header of an image file: its picture without pixels, and the warnings to expect."""

from __future__ import annotations

import os
from typing import BinaryIO, NamedTuple

from convcli.images.conversion.changes import Loss
from convcli.images.decoding.array_files import array_header, array_picture
from convcli.images.decoding.deep_files import deep_file, deep_picture
from convcli.images.decoding.opened import Opened, limit_of
from convcli.images.decoding.pictures import predict_picture
from convcli.images.decoding.profiles import check_profile, in_srgb
from convcli.images.picture import Picture
from convcli.images.read import opened_source


class Header(NamedTuple):
    """A picture before its pixels are read.

    ``stored`` is the mode in the file, or the dtype of an array; ``size`` is (H, W), upright;
    ``channels`` is the number of channels to filter, and ``mode`` is the frame's ("" for an array).
    All describe the first frame. ``picture`` has every frame, without samples, and the metadata.
    ``losses`` are the warnings that depend on pixels.
    """

    format: str
    stored: str
    size: tuple[int, int]
    channels: int
    mode: str
    frames: int
    picture: Picture
    losses: tuple[Loss, ...]


def read_header(
    source: str | os.PathLike[str] | BinaryIO | bytes,
    *,
    mode: str | None = None,
    profile: str = "keep",
    frames: str = "all",
    max_pixels: int | None = None,
) -> Header:
    """Read the header of an image file or array.

    Arguments, errors and warnings are those of ``read_image``, except for those that need pixels.
    """
    only_first = frames == "first"
    losses: list[Loss] = []  # an array loses nothing
    with opened_source(source) as (file, place, is_array):
        check_profile(profile, mode)
        if is_array:
            header = array_header(file, limit_of(max_pixels))
            stored = str(header[1])
            picture = array_picture(file, header, mode, only_first, decode=False)
        elif (deep := deep_file(file)) is not None:
            limit = limit_of(max_pixels)
            picture = deep_picture(deep, mode, only_first, limit, losses=losses)
            stored = deep.pages[0].mode
        else:
            opened = Opened(place, max_pixels)
            stored = opened.image.mode
            picture, losses = predict_picture(opened, file, mode, only_first=only_first)
        if profile == "srgb":
            picture = in_srgb(picture)
    first = picture.frames[0]
    return Header(
        picture.format,
        stored,
        first.size,
        first.raster.channels,
        first.mode,
        len(picture.frames),
        picture,
        tuple(losses),
    )
