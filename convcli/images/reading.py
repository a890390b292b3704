"""Files to pictures."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from convcli.errors import ImageError, ImageWarning
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
_ORIENTATION = 0x0112  # the EXIF tag
_STORED = ("L", "LA", "RGB", "RGBA", "CMYK")


def read_image(
    source: str | os.PathLike[str] | BinaryIO | bytes,
    *,
    mode: str | None = None,
    max_pixels: int | None = None,
) -> Picture:
    """Read an image file, or a ``.npy`` array.

    ``source`` is a path, a binary file or the bytes themselves; ``mode`` (L, RGB, RGBA, CMYK)
    converts. The picture comes upright (an EXIF orientation is applied), palettes expanded,
    16-bit grey with all its bits. A file of more than ``max_pixels`` pixels (by default Pillow's
    limit against decompression bombs) is refused.

    Raises :class:`ImageError` where the file cannot be read; warns with :class:`ImageWarning`
    of what is not kept.
    """
    with _opened(source) as file:
        head = file.read(len(NPY_MAGIC))
        file.seek(0)
        if not head:
            raise ImageError("the file is empty")
        if head == NPY_MAGIC:
            return _read_array(file)
        return _read_picture(file, mode, max_pixels)


@contextmanager
def _opened(source: str | os.PathLike[str] | BinaryIO | bytes) -> Iterator[BinaryIO]:
    """Give the binary file to read; errors of the block name the path, where there is one."""
    if isinstance(source, bytes):
        yield BytesIO(source)
        return
    if not isinstance(source, (str, os.PathLike)):
        yield source
        return
    path = Path(source)
    try:
        if os.path.isdir(path):
            raise ImageError("it is a folder, not an image")
        with path.open("rb") as file:
            yield file if file.seekable() else BytesIO(file.read())
    except FileNotFoundError:
        raise ImageError(f"{path}: there is no such file") from None
    except OSError as error:
        raise ImageError(f"{path}: it cannot be read: {error.strerror or error}") from error
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error.__cause__


def _read_array(file: BinaryIO) -> Picture:
    try:
        array = np.load(file, allow_pickle=False)
    # A broken header makes NumPy raise nearly anything.
    except Exception as error:
        raise ImageError(f"not a NumPy array that can be read: {error}") from error
    return Picture.from_array(array)


def _read_picture(file: BinaryIO, mode: str | None, max_pixels: int | None) -> Picture:
    limit = max_pixels or Image.MAX_IMAGE_PIXELS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file) as image:
                if limit and image.width * image.height > limit:
                    raise ImageError(_too_large(f"{image.width}×{image.height}", limit))
                _check_frames(image)
                is_reduced = _is_reduced(image)
                image.load()
                upright = ImageOps.exif_transpose(image)
                metadata = _metadata(image, upright)
                format_name = image.format or ""
                frame = _frame(upright, format_name, mode)
    except UnidentifiedImageError:
        raise ImageError("it is not an image, or of a format that Pillow does not know") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise ImageError(_too_large("", limit)) from None
    except (ImageError, MemoryError):
        raise
    # Pillow's decoders raise whatever comes up in a broken file: OSError, SyntaxError,
    # struct.error, ValueError, EOFError, IndexError, …
    except Exception as error:
        raise ImageError(f"the image is broken: {error or type(error).__name__}") from error
    if is_reduced:
        warnings.warn(
            "16 bits a channel, of which Pillow reads 8 in colour pictures", ImageWarning, 2
        )
    return Picture((frame,), format_name, metadata)


def _too_large(size: str, limit: int | None) -> str:
    return f"it is too large: {size or 'its size'} is more than the limit of {limit or 0:,} pixels"


def _check_frames(image: Image.Image) -> None:
    count = getattr(image, "n_frames", 1)
    if count == 1:
        return
    if image.format == "MPO":  # a camera's JPEG with a preview or a second view behind it
        warnings.warn(f"only the first of {count} pictures is used", ImageWarning, 4)
        return
    raise ImageError(
        f"it has {count} frames, and animations and pages are not supported yet: save one alone"
    )


def _is_reduced(image: Image.Image) -> bool:
    """Tell whether the file has 16 bits a channel and Pillow gives 8."""
    if image.mode not in ("RGB", "RGBA", "LA", "CMYK"):
        return False
    tiles = getattr(image, "tile", ())
    return any(";16" in part for tile in tiles for part in _texts(tile[3]))


def _texts(arguments: Any) -> Iterator[str]:
    items = arguments if isinstance(arguments, (tuple, list)) else (arguments,)
    return (item for item in items if isinstance(item, str))


def _metadata(image: Image.Image, upright: Image.Image) -> dict[str, Any]:
    """Return what an encoder can be handed again; the EXIF without the orientation just applied."""
    kept = {key: image.info[key] for key in ("icc_profile", "dpi") if image.info.get(key)}
    exif = upright.getexif()
    exif.pop(_ORIENTATION, None)
    if len(exif):
        kept["exif"] = exif.tobytes()
    return kept


def _frame(image: Image.Image, format_name: str, mode: str | None) -> Frame:
    # Pillow gives a 16-bit PGM as wide integers, scaled to 0-65535.
    if image.mode.startswith("I;16") or (image.mode == "I" and format_name == "PPM"):
        if mode in (None, "L"):
            samples = np.asarray(image).astype(np.uint16)
            return Frame.of(samples[:, :, np.newaxis], "L")
        raise ImageError(f"16-bit grey has no {mode} in Pillow: convert to 8 bits first")
    if image.mode in ("I", "F"):
        if mode in (None, "L"):
            return Frame.of(np.asarray(image).astype(np.float32)[:, :, np.newaxis], "L")
        raise ImageError(f"a picture of unscaled numbers has no {mode}: leave --mode out")
    wanted = _FRAME_MODE.get(image.mode, image.mode)
    if image.mode == "P":
        wanted = "RGB"
    if image.has_transparency_data:
        wanted = "LA" if wanted in ("L", "LA") else "RGBA"
    wanted = mode or wanted
    if wanted not in _STORED:
        raise ImageError(f"pictures of Pillow's mode {image.mode} are not supported")
    return Frame(PillowRaster(image if image.mode == wanted else image.convert(wanted)), wanted)
