"""Decoded Pillow images, of any mode, to frames."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convcli.errors import ImageError
from convcli.images.conversion.changes import Change, changed
from convcli.images.conversion.icc import mode_changes
from convcli.images.picture import Frame
from convcli.images.raster import PillowRaster, UnreadRaster
from convcli.system.warn import warn

# The mode of a frame for each of Pillow's other modes.
_FRAME_MODE = {
    "1": "L",
    "La": "LA",
    "P": "RGB",
    "PA": "RGBA",
    "RGBa": "RGBA",
    "RGBX": "RGB",
    "YCbCr": "RGB",
    "HSV": "RGB",
    "LAB": "RGB",
}
_BITS, _MEANING, _WHITE_IS_ZERO = 258, 262, 0  # tags of a TIFF, and a value of the latter
_STORED = ("L", "LA", "RGB", "RGBA", "CMYK")


class FrameKind(NamedTuple):
    """Mode and dtype of the frame that an image becomes, decided from its header.

    ``changes`` convert the image to the mode that the user asked for.
    """

    mode: str
    dtype: np.dtype[Any]
    changes: tuple[Change, ...] = ()

    def unread(self, size: tuple[int, int]) -> Frame:
        """Return the frame (H, W) without its samples."""
        channels = Image.getmodebands(self.mode)
        return Frame(UnreadRaster(size, channels, self.dtype), self.mode)


def frame_kind(
    image: Image.Image, format_name: str, mode: str | None, profile: bytes | None
) -> FrameKind:
    """Decide mode and dtype of the frame of an image; needs no samples.

    The image is in a file of ``format_name``. ``mode`` (L, RGB, RGBA, CMYK) converts, by the ICC
    ``profile``. Raises :class:`ImageError`; warns with :class:`ImageWarning` of what is lost.
    """
    if _is_wide(image, format_name):
        if "transparency" in image.info:
            warn("one grey is transparent, which is lost: Pillow has no 16-bit grey with alpha")
        if mode in (None, "L"):
            return FrameKind("L", np.dtype(np.uint16))
        warn(f"16 bits become 8: {mode} has no more in Pillow")
        natural = "L"
    elif image.mode in ("I", "F"):
        if mode not in (None, "L"):
            raise ImageError(f"a picture of unscaled numbers cannot become {mode}: give no mode")
        return FrameKind("L", np.dtype(np.float32))
    else:
        natural = _natural_mode(image)
    changes = mode_changes(natural, mode, profile) if mode else ()
    return FrameKind(mode or natural, np.dtype(np.uint8), tuple(changes))


def frame_of(
    image: Image.Image, format_name: str, mode: str | None, profile: bytes | None, *, own: bool
) -> Frame:
    """Return a decoded image as the frame that :func:`frame_kind` decides.

    An image that is the caller's ``own`` may become part of the frame; its metadata is then
    removed, because an encoder would write it into the result.
    """
    kind = frame_kind(image, format_name, mode, profile)
    if _is_wide(image, format_name):
        samples = _wide_samples(image)
        if kind.dtype == np.uint16:
            return Frame.of(samples[:, :, np.newaxis], "L")
        image = Image.fromarray(np.rint(samples / np.float32(257)).astype(np.uint8))
    if kind.dtype == np.float32:
        return Frame.of(np.asarray(image).astype(np.float32)[:, :, np.newaxis], kind.mode)
    natural = _natural_mode(image)
    stored = image if image.mode == natural else _colours(image, natural)
    stored = changed(stored, kind.changes)
    if stored is image and not own:
        stored = image.copy()
    _forget(stored)
    return Frame(PillowRaster(stored), kind.mode)


def _is_wide(image: Image.Image, format_name: str) -> bool:
    """Return whether an image is 16-bit grey."""
    # Pillow reads a 16-bit PGM as 32-bit integers, scaled to 0-65535.
    return image.mode.startswith("I;16") or (image.mode == "I" and format_name == "PPM")


def _wide_samples(image: Image.Image) -> NDArray[np.uint16]:
    """Return 16-bit grey (H, W), 0 for black and 65535 for white.

    Of a TIFF, Pillow neither scales 12 bits to 16 nor inverts samples whose 0 is white (seen in
    Pillow 13.0, no issue known; pull request 6642 is about reading the latter. To see whether it is
    still so: open a TIFF of 16-bit grey saved with ``tiffinfo={262: 0}``).
    """
    samples = np.asarray(image).astype(np.uint16)
    tags = getattr(image, "tag_v2", {})
    if tags.get(_BITS) == (12,):
        samples = samples * np.uint16(16) + samples // np.uint16(256)
    return ~samples if tags.get(_MEANING) == _WHITE_IS_ZERO else samples


def _natural_mode(image: Image.Image) -> str:
    """Return the mode of a frame that holds an 8-bit image without loss."""
    natural = _FRAME_MODE.get(image.mode, image.mode)
    if natural not in _STORED:
        raise ImageError(f"pictures of Pillow's mode {image.mode} are not supported")
    # Pillow opens a palette image in an ICNS file without its palette, and has_transparency_data
    # then raises an AttributeError (seen in Pillow 13.0; no issue known, but pull request 7798
    # fixed the same for ICO).
    has_palette = image.mode != "P" or image.palette is not None
    if has_palette and image.has_transparency_data and natural != "CMYK":
        return "LA" if natural in ("L", "LA") else "RGBA"
    return natural


def _colours(image: Image.Image, natural: str) -> Image.Image:
    """Return an image of any mode converted to a mode of frames."""
    if image.mode != "LAB":
        return image.convert(natural)
    try:
        return image.convert("RGB")
    except Exception as error:  # Pillow was built without Little CMS
        raise ImageError(f"Lab colours cannot be converted: {error}") from error


def _forget(image: Image.Image) -> None:
    """Remove the metadata of its file from an image."""
    image.info = {}
    for name in ("tag", "tag_v2"):  # of TIFF
        if hasattr(image, name):
            delattr(image, name)
