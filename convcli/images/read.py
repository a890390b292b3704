"""Files to pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import BinaryIO

from convcli.errors import ImageError
from convcli.images.decoding.array_files import array_header, array_picture
from convcli.images.decoding.deep_files import deep_file, deep_picture
from convcli.images.decoding.opened import Opened, limit_of
from convcli.images.decoding.pictures import decode_picture
from convcli.images.decoding.profiles import check_profile, in_srgb
from convcli.images.picture import Picture

_NPY_MAGIC = b"\x93NUMPY"


def read_image(
    source: str | os.PathLike[str] | BinaryIO | bytes,
    *,
    mode: str | None = None,
    profile: str = "keep",
    frames: str = "all",
    max_pixels: int | None = None,
    decoding: Opened | None = None,
) -> Picture:
    r"""Read an image file, or a ``.npy`` array.

    ``source`` is a path, a binary file or the bytes themselves; ``mode`` (L, RGB, RGBA, CMYK)
    converts; ``frames`` is "all" or "first". The picture comes upright (an EXIF orientation is
    applied), palettes expanded; 16 bits a channel stay 16 bits. A file of more than ``max_pixels``
    pixels (by default Pillow's limit against decompression bombs) is refused.

    ``profile`` is "keep" or "srgb", which converts colours to sRGB by the embedded ICC profile, in
    relative colorimetric intent with black point compensation, and drops it. CMYK becomes RGB.
    Colours of 16 bits stay so by a profile of curves and a matrix, and become 8 bits by another.
    Floats with a profile other than sRGB's are refused.

    An array is (H, W), (C, H, W) or (N, C, H, W). Floats are taken as they are. uint8 and uint16
    are pixels: they are divided by 255 and 65535, as those of an image file are, which an
    :class:`ImageWarning` says; a result of them is float32 on the 0-1 scale.

    ``decoding`` is what :func:`~convcli.images.decoding.ahead.decode_ahead` returned for
    ``source``: the file is then not opened again.

    Raises :class:`ImageError` where the file cannot be read; warns with :class:`ImageWarning`
    of what is not kept.

    >>> from convcli import read_image
    >>> picture = read_image(b"P5 3 1 255 \x00\x33\xff")  # the bytes of a PGM file
    >>> picture.format, picture.tensor.shape
    ('PPM', (1, 1, 3))
    >>> picture.tensor
    array([[[0. , 0.2, 1. ]]], dtype=float32)
    """
    only_first = frames == "first"
    with opened_source(source) as (file, place, is_array):
        check_profile(profile, mode)
        if is_array:
            header = array_header(file, limit_of(max_pixels))
            picture = array_picture(file, header, mode, only_first, decode=True)
        elif (deep := deep_file(file)) is not None:
            picture = deep_picture(deep, mode, only_first, limit_of(max_pixels))
        else:
            is_begun = decoding is not None and decoding.path == place
            opened = decoding if decoding is not None and is_begun else Opened(place, max_pixels)
            picture = decode_picture(opened, file, mode, only_first=only_first)
        return in_srgb(picture) if profile == "srgb" else picture


@contextmanager
def opened_source(
    source: str | os.PathLike[str] | BinaryIO | bytes,
) -> Iterator[tuple[BinaryIO, str | BinaryIO, bool]]:
    """Yield a seekable file, the source for Pillow to open, and whether the file is an array.

    Errors in the block get the path in front, if there is one.
    """
    with _naming(source), _readable(source) as (file, place):
        head = file.read(len(_NPY_MAGIC))
        file.seek(0)
        if not head:
            raise ImageError("the file is empty")
        yield file, place, head == _NPY_MAGIC


@contextmanager
def _naming(source: object) -> Iterator[None]:
    """Put the path, if there is one, in front of errors in the block."""
    if not isinstance(source, (str, os.PathLike)):
        yield
        return
    path = os.fspath(source)
    try:
        yield
    except FileNotFoundError:
        raise ImageError(f"{path}: there is no such file") from None
    except OSError as error:
        raise ImageError(f"{path}: it cannot be read: {error.strerror or error}") from error
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error.__cause__
    except ValueError as error:
        if "\0" not in str(path):
            raise
        raise ImageError(f"{path!r}: {error}") from None


@contextmanager
def _readable(
    source: str | os.PathLike[str] | BinaryIO | bytes,
) -> Iterator[tuple[BinaryIO, str | BinaryIO]]:
    """Yield a seekable file, and the source for Pillow: of a path it tries the extension first."""
    if isinstance(source, bytes):
        file: BinaryIO = BytesIO(source)
        yield file, file
    elif not isinstance(source, (str, os.PathLike)):
        yield source, source
    elif os.path.isdir(source):
        raise ImageError("it is a folder, not an image")
    else:
        with open(source, "rb") as file:
            if file.seekable():
                yield file, os.fspath(source)
            else:
                buffer = BytesIO(file.read())
                yield buffer, buffer
