"""Files to pictures."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from convcli.errors import ImageError, ImageWarning
from convcli.images.opening import Opened, check_pixels, limit_of, open_image
from convcli.images.picture import Frame, Picture
from convcli.images.raster import PillowRaster

NPY_MAGIC = b"\x93NUMPY"

# Pillow's modes, and the ones a frame can have: the same colours without a detour.
_FRAME_MODE = {
    "1": "L",
    "La": "LA",
    "PA": "RGBA",
    "RGBa": "RGBA",
    "RGBX": "RGB",
    "YCbCr": "RGB",
    "HSV": "RGB",
}
ORIENTATION = 0x0112  # the EXIF tag

_ABOUT_THE_PICTURE = {
    *(0x010E, 0x010F, 0x0110),  # description, make, model
    *(0x011A, 0x011B, 0x0128),  # resolution and its unit
    *(0x0131, 0x0132, 0x013B, 0x013C),  # software, date, artist, host
    *(0x8298, 0x8769, 0x8825),  # copyright, the camera's own table, position
}
"""EXIF tags to keep. In a TIFF the same table tells how its pixels lie, which is no longer true."""

_STORED = ("L", "LA", "RGB", "RGBA", "CMYK")


def read_image(
    source: str | os.PathLike[str] | BinaryIO | bytes,
    *,
    mode: str | None = None,
    frames: str = "all",
    max_pixels: int | None = None,
) -> Picture:
    """Read an image file, or a ``.npy`` array.

    ``source`` is a path, a binary file or the bytes themselves; ``mode`` (L, RGB, RGBA, CMYK)
    converts; ``frames`` is "all" or "first". The picture comes upright (an EXIF orientation is
    applied), palettes expanded, 16-bit grey with all its bits. A file of more than ``max_pixels``
    pixels (by default Pillow's limit against decompression bombs) is refused.

    Raises :class:`ImageError` where the file cannot be read; warns with :class:`ImageWarning`
    of what is not kept.
    """
    with naming(source), readable(source) as (file, place):
        head = file.read(len(NPY_MAGIC))
        file.seek(0)
        if not head:
            raise ImageError("the file is empty")
        if head == NPY_MAGIC:
            return _read_array(file, limit_of(max_pixels))
        return _read_picture(open_image(place, max_pixels), mode, frames == "first")


@contextmanager
def naming(source: object) -> Iterator[None]:
    """Name the path, where there is one, in errors of the block."""
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
def readable(
    source: str | os.PathLike[str] | BinaryIO | bytes,
) -> Iterator[tuple[BinaryIO, str | BinaryIO]]:
    """Give a file that seeks, and what Pillow shall open: a path tells it the format."""
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


def array_header(file: BinaryIO, limit: int) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and type of a ``.npy`` array, and leave ``file`` at its start.

    Raises an ImageError for one that is broken, or has more than ``limit`` pixels.
    """
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else _second_header
        shape, _, dtype = read(file)
    # A broken header makes NumPy raise nearly anything.
    except Exception as error:
        raise ImageError(f"not a NumPy array that can be read: {error}") from error
    file.seek(0)
    height, width = (1, 1, *shape)[-2:]
    check_pixels((width, height), limit, math.prod(shape[:-3]))
    return shape, dtype


def _second_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    return np.lib.format.read_array_header_2_0(file)


def _read_array(file: BinaryIO, limit: int) -> Picture:
    array_header(file, limit)
    try:
        array = np.load(file, allow_pickle=False)
    except (MemoryError, OSError):
        raise
    # A broken file makes NumPy raise nearly anything.
    except Exception as error:
        raise ImageError(f"not a NumPy array that can be read: {error}") from error
    return Picture.from_array(array)


def _read_picture(opened: Opened, mode: str | None, only_first: bool) -> Picture:
    frames: list[Frame] = []
    metadata: dict[str, Any] = {}
    durations: list[float] = []
    format_name = opened.image.format or ""
    try:
        with opened.image:  # closes the file and leaves the pixels
            for image in opened.frames():
                upright = _upright(image)
                # A frame shares its memory with the next one, unless it is the only one.
                own = upright if opened.count == 1 or only_first else upright.copy()
                frames.append(_frame(own, format_name, mode))
                durations.append(image.info.get("duration", 0))
                if len(frames) == 1:
                    metadata = _metadata(image, upright)
                if only_first:
                    break
    except (ImageError, MemoryError):
        raise
    # Broken metadata and palettes raise whatever comes up, as broken pixels do.
    except Exception as error:
        raise ImageError(f"the image is broken: {error or type(error).__name__}") from error
    if len(frames) > 1:
        metadata |= {"duration": durations} if any(durations) else {}
        metadata |= {"loop": opened.image.info["loop"]} if "loop" in opened.image.info else {}
    if opened.is_reduced:
        warnings.warn(
            "16 bits a channel, of which Pillow reads 8 in colour pictures", ImageWarning, 3
        )
    return Picture(tuple(frames), format_name, metadata)


def _upright(image: Image.Image) -> Image.Image:
    # exif_transpose() copies a picture that is upright already.
    if image.getexif().get(ORIENTATION, 1) == 1:
        return image
    from PIL import ImageOps  # seldom needed, and not for nothing

    return ImageOps.exif_transpose(image)


def _metadata(image: Image.Image, upright: Image.Image) -> dict[str, Any]:
    """Return what an encoder can be handed again; without what EXIF says of how pixels lie."""
    kept = {key: image.info[key] for key in ("icc_profile", "dpi") if image.info.get(key)}
    exif = upright.getexif()
    for tag in set(exif) - _ABOUT_THE_PICTURE:
        del exif[tag]
    if len(exif):
        kept["exif"] = exif.tobytes()
    return kept


def frame_mode(image: Image.Image, format_name: str, mode: str | None) -> str:
    """Return the mode that an image's frame will have, if ``mode`` is asked for; needs no pixels.

    Raises :class:`ImageError` where there is no such conversion.
    """
    if is_wide(image, format_name):
        if mode in (None, "L"):
            return "L"
        raise ImageError(f"16-bit grey has no {mode} in Pillow: convert to 8 bits first")
    if image.mode in ("I", "F"):
        if mode in (None, "L"):
            return "L"
        raise ImageError(f"a picture of unscaled numbers has no {mode}: leave --mode out")
    wanted = _FRAME_MODE.get(image.mode, image.mode)
    if image.mode == "P":
        wanted = "RGB"
    # A palette image from an ICNS file comes without its palette, which Pillow then asks for.
    has_palette = image.mode != "P" or image.palette is not None
    if has_palette and image.has_transparency_data:
        wanted = "LA" if wanted in ("L", "LA") else "RGBA"
    wanted = mode or wanted
    if wanted not in _STORED:
        raise ImageError(f"pictures of Pillow's mode {image.mode} are not supported")
    return wanted


def is_wide(image: Image.Image, format_name: str) -> bool:
    """Tell whether an image is grey with 16 bits."""
    # Pillow gives a 16-bit PGM as wide integers, scaled to 0-65535.
    return image.mode.startswith("I;16") or (image.mode == "I" and format_name == "PPM")


def _frame(image: Image.Image, format_name: str, mode: str | None) -> Frame:
    wanted = frame_mode(image, format_name, mode)
    if is_wide(image, format_name):
        return Frame.of(np.asarray(image).astype(np.uint16)[:, :, np.newaxis], wanted)
    if image.mode in ("I", "F"):
        return Frame.of(np.asarray(image).astype(np.float32)[:, :, np.newaxis], wanted)
    return Frame(PillowRaster(image if image.mode == wanted else image.convert(wanted)), wanted)
