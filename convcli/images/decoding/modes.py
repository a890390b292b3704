"""Decoded Pillow images, of any mode, to frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convcli.errors import ImageError
from convcli.images.conversion.changes import Change, Loss, changed
from convcli.images.conversion.icc import mode_changes
from convcli.images.conversion.sample_changes import SampleChange, all_made, sample_mode_changes
from convcli.images.decoding.wide_samples import with_transparent_colour
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

    ``changes`` convert the image to the mode that the user asked for, ``sample_changes`` samples of
    16 bits or floats.
    """

    mode: str
    dtype: np.dtype[Any]
    changes: tuple[Change, ...] = ()
    sample_changes: tuple[SampleChange, ...] = ()

    def unread(self, size: tuple[int, int]) -> Frame:
        """Return the frame (H, W) without its samples."""
        channels = Image.getmodebands(self.mode)
        return Frame(UnreadRaster(size, channels, self.dtype), self.mode)

    def losses(self) -> Iterator[Loss]:
        """Yield the losses that depend on samples."""
        for change in self.changes:
            yield from change.losses
        for sample_change in self.sample_changes:
            yield from sample_change.losses


def frame_kind(
    image: Image.Image, format_name: str, mode: str | None, profile: bytes | None, wide: str = ""
) -> FrameKind:
    """Decide mode and dtype of the frame of an image; needs no samples.

    The image is in a file of ``format_name``. ``mode`` (L, RGB, RGBA, CMYK) converts, by the ICC
    ``profile``. ``wide`` is the mode of 16-bit colour that is decoded apart from the image, by
    :mod:`~convcli.images.decoding.wide_colour`. Raises :class:`ImageError`; warns with
    :class:`ImageWarning` of what is lost.
    """
    natural = wide or _wide_grey_mode(image, format_name)
    if natural:
        return deep_kind(natural, np.dtype(np.uint16), mode, profile)
    if image.mode in ("I", "F"):
        if mode not in (None, "L"):
            raise ImageError(f"a picture of unscaled numbers cannot become {mode}: give no mode")
        return FrameKind("L", np.dtype(np.float32))
    natural = _natural_mode(image)
    by_pillow = mode_changes(natural, mode, profile) if mode else ()
    return FrameKind(mode or natural, np.dtype(np.uint8), tuple(by_pillow))


def deep_kind(
    natural: str, dtype: np.dtype[Any], mode: str | None, profile: bytes | None
) -> FrameKind:
    """Decide as :func:`frame_kind` for samples of 16 bits, or floats, of the mode ``natural``."""
    changes = sample_mode_changes(natural, mode or natural, profile)
    if changes is not None:
        return FrameKind(mode or natural, dtype, (), tuple(changes))
    if dtype.kind == "f":
        raise ImageError(f"floats of {natural} are not converted to {mode}: give no mode")
    warn(f"16 bits become 8: colours are converted to {mode} with 8")
    by_pillow = mode_changes(natural, mode, profile) if mode else ()
    return FrameKind(mode or natural, np.dtype(np.uint8), tuple(by_pillow))


def frame_of(
    image: Image.Image, format_name: str, mode: str | None, profile: bytes | None, *, own: bool
) -> Frame:
    """Return a decoded image as the frame that :func:`frame_kind` decides.

    An image that is the caller's ``own`` may become part of the frame; its metadata is then
    removed, because an encoder would write it into the result.
    """
    kind = frame_kind(image, format_name, mode, profile)
    natural = _wide_grey_mode(image, format_name)
    if natural:
        return deep_frame(_wide_grey(image), natural, kind)
    if kind.dtype == np.float32:
        return Frame.of(np.asarray(image).astype(np.float32)[:, :, np.newaxis], kind.mode)
    natural = _natural_mode(image)
    stored = image if image.mode == natural else _colours(image, natural)
    stored = changed(stored, kind.changes)
    if stored is image and not own:
        stored = image.copy()
    _forget(stored)
    return Frame(PillowRaster(stored), kind.mode)


def wide_frame_of(
    image: Image.Image,
    format_name: str,
    mode: str | None,
    profile: bytes | None,
    wide: str,
    samples: NDArray[np.uint16],
) -> Frame:
    """Return 16-bit colour (H, W, C) of ``wide``, a mode of frames, as :func:`frame_kind` has it.

    ``image`` has the header of their page; it need not be decoded.
    """
    return deep_frame(samples, wide, frame_kind(image, format_name, mode, profile, wide))


def deep_frame(samples: NDArray[Any], natural: str, kind: FrameKind) -> Frame:
    """Return the frame of samples (H, W, C) of 16 bits or floats, as ``kind`` has it."""
    if kind.dtype != np.uint8:
        return Frame.of(all_made(samples, kind.sample_changes), kind.mode)
    shallow = np.rint(samples / np.float32(257)).astype(np.uint8)
    height, width = shallow.shape[:2]
    image = Image.frombytes(natural, (width, height), shallow.tobytes())
    return Frame(PillowRaster(changed(image, kind.changes)), kind.mode)


def _wide_grey_mode(image: Image.Image, format_name: str) -> str:
    """Return the mode of a grey image with 16 bits, L or LA, or "" for other images."""
    # Pillow reads a 16-bit PGM as 32-bit integers, scaled to 0-65535.
    if not (image.mode.startswith("I;16") or (image.mode == "I" and format_name == "PPM")):
        return ""
    return "LA" if isinstance(image.info.get("transparency"), int) else "L"


def _wide_grey(image: Image.Image) -> NDArray[np.uint16]:
    """Return 16-bit grey (H, W, 1), or with alpha where one grey is transparent."""
    samples = _wide_samples(image)[:, :, np.newaxis]
    transparent = image.info.get("transparency")
    if not isinstance(transparent, int):
        return samples
    return with_transparent_colour(samples, (transparent,))


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
