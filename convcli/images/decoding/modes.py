"""Decoded Pillow images of any mode to frames."""

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

# Pillow's modes, and the ones a frame can have: the same colours without a detour.
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
    """What an image becomes as a frame: decided from its header.

    ``changes`` are those that --mode asks for, after which ``size`` and samples are the frame's.
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
    """Decide what an image of a file of ``format_name`` becomes as a frame; needs no samples.

    ``mode`` (L, RGB, RGBA, CMYK) converts, by way of the ICC ``profile``. Raises
    :class:`ImageError`, warns with :class:`ImageWarning`.
    """
    if _is_wide(image, format_name):
        if "transparency" in image.info:
            warn("one grey is transparent: lost, for Pillow holds no 16-bit grey with transparency")
        if mode in (None, "L"):
            return FrameKind("L", np.dtype(np.uint16))
        warn(f"16 bits become 8: {mode} has no more in Pillow")
        natural = "L"
    elif image.mode in ("I", "F"):
        if mode not in (None, "L"):
            raise ImageError(f"a picture of unscaled numbers has no {mode}: give no mode")
        return FrameKind("L", np.dtype(np.float32))
    else:
        natural = _natural_mode(image)
    changes = mode_changes(natural, mode, profile) if mode else ()
    return FrameKind(mode or natural, np.dtype(np.uint8), tuple(changes))


def frame_of(
    image: Image.Image, format_name: str, mode: str | None, profile: bytes | None, *, own: bool
) -> Frame:
    """Return a decoded image as a frame, as :func:`frame_kind` has it.

    An image that is the caller's ``own`` may become part of the frame; it then loses what it has
    beside its pixels, for an encoder would take that for said of the result.
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
    """Tell whether an image is grey with 16 bits."""
    # Pillow gives a 16-bit PGM as wide integers, scaled to 0-65535.
    return image.mode.startswith("I;16") or (image.mode == "I" and format_name == "PPM")


def _wide_samples(image: Image.Image) -> NDArray[np.uint16]:
    """Return 16-bit grey (H, W); of a TIFF that has 12 bits, or 0 for white, as others have it."""
    samples = np.asarray(image).astype(np.uint16)
    tags = getattr(image, "tag_v2", {})
    if tags.get(_BITS) == (12,):
        samples = samples * np.uint16(16) + samples // np.uint16(256)
    return ~samples if tags.get(_MEANING) == _WHITE_IS_ZERO else samples


def _natural_mode(image: Image.Image) -> str:
    """Return the mode of frames that holds all of an 8-bit image."""
    natural = _FRAME_MODE.get(image.mode, image.mode)
    if natural not in _STORED:
        raise ImageError(f"pictures of Pillow's mode {image.mode} are not supported")
    # A palette image from an ICNS file comes without its palette, which Pillow then asks for.
    has_palette = image.mode != "P" or image.palette is not None
    if has_palette and image.has_transparency_data and natural != "CMYK":
        return "LA" if natural in ("L", "LA") else "RGBA"
    return natural


def _colours(image: Image.Image, natural: str) -> Image.Image:
    """Return an image of any mode in that of frames with the same colours."""
    if image.mode != "LAB":
        return image.convert(natural)
    try:
        return image.convert("RGB")
    except Exception as error:  # a Pillow that was built without Little CMS
        raise ImageError(f"Lab colours cannot be converted: {error}") from error


def _forget(image: Image.Image) -> None:
    """Take from an image what its file said beside the pixels."""
    image.info = {}
    for name in ("tag", "tag_v2"):  # of TIFF
        if hasattr(image, name):
            delattr(image, name)
