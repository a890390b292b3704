"""16-bit colour with all its bits: which images have it, and what reads its samples.

Uncompressed samples are read as they are stored; others by two passes of Pillow's decoders
(:mod:`~convcli.images.decoding.two_passes`). Imports NumPy only when samples are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PIL import Image

from convcli.images.decoding.stored_samples import Stored, fill, is_uncompressed, memory, strips
from convcli.images.decoding.two_passes import (
    NATIVE,
    PASSES,
    Reopen,
    TwoPasses,
    is_trusted,
    raw_mode,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PLANAR = 284  # TIFF 6.0


def wide_mode(image: Image.Image) -> str:
    """Return the mode of frames of an image that has 16-bit colour, if all bits can be had.

    LA, RGB, RGBA or CMYK, and "" for every other image. ``image`` is opened and not decoded.
    """
    if _greatest(image) or _is_plain_sgi(image):
        return image.mode
    raw = raw_mode(image)
    if raw not in PASSES or image.format not in ("PNG", "TIFF") or _planes(image) != 1:
        return ""
    if not (is_uncompressed(image) or is_trusted(image.format, raw)):
        return ""
    if raw == "LA;16B":  # of which Pillow makes RGBA
        return "LA"
    return "RGBA" if _has_transparent_colour(image) else image.mode


def _greatest(image: Image.Image) -> int:
    """Return the maximum value of a PPM with more than 8 bits; 0 for other images."""
    tiles = getattr(image, "tile", ())
    if image.format != "PPM" or image.mode != "RGB" or not tiles:
        return 0
    codec, greatest = tiles[0][0], tiles[0][3][-1]
    return greatest if codec.startswith("ppm") and greatest > 255 else 0


def _is_plain_sgi(image: Image.Image) -> bool:
    """Return whether an image is an SGI of 16 bits without compression."""
    return image.format == "SGI" and [tile[0] for tile in getattr(image, "tile", ())] == ["SGI16"]


def _has_transparent_colour(image: Image.Image) -> bool:
    return image.mode == "RGB" and isinstance(image.info.get("transparency"), tuple)


def _planes(image: Image.Image) -> int:
    """Return 2 if the channels of a TIFF are stored in separate planes."""
    return int(getattr(image, "tag_v2", {}).get(_PLANAR, 1))


class WideImage:
    """The samples of a page with 16-bit colour; :func:`wide_mode` said that it has them."""

    def __init__(self, image: Image.Image, reopen: Reopen) -> None:
        """Note what the header says: ``image`` loses that when it is decoded."""
        self.mode = wide_mode(image)
        self._image: Any = image  # of a plugin, whose attributes the base class does not declare
        self._raw = raw_mode(image)
        transparent: Any = image.info.get("transparency")
        self._transparent = transparent if _has_transparent_colour(image) else None
        self._stored: Stored | bytes | None = None
        self._greatest = _greatest(image)
        self.size = image.size[::-1]
        """Height and width, as they are stored."""
        self._is_sgi = _is_plain_sgi(image)
        is_stored = self._greatest or self._is_sgi or is_uncompressed(image)
        self._passes = None if is_stored else TwoPasses(image, self._raw, reopen)

    def load(self) -> None:
        """Decode. Raises whatever Pillow raises, and OSError for a truncated file."""
        if self._passes is not None:
            self._passes.load()
        elif not (self._greatest or self._is_sgi):
            self._stored, self.size = strips(self._image)
        elif self._is_plain:
            self._image.fp.seek(self._image.tile[0].offset)
            self._stored = self._image.fp.read()
        else:
            self._stored = memory(2 * len(self.mode) * self.size[0] * self.size[1])
            fill(memoryview(self._stored), self._image.fp, self._image.tile[0].offset)

    @property
    def _is_plain(self) -> bool:
        """Whether a PPM has its samples as text."""
        return bool(self._image.tile[0].codec_name == "ppm_plain")

    def samples(self) -> NDArray[np.uint16]:
        """Return (H, W, C) uint16; can be called once."""
        from convcli.images.decoding import wide_samples  # which needs NumPy

        passes, stored = self._passes, self._stored
        self._passes = self._stored = None
        if passes is not None:
            samples = wide_samples.joined(None if passes.is_one else passes.image, passes.low)
        elif self._is_sgi:
            assert stored is not None
            samples = wide_samples.of_sgi(stored, self.size)
        elif self._greatest:
            assert stored is not None
            samples = wide_samples.of_netpbm(
                stored, self.size, self._greatest, is_plain=self._is_plain
            )
        else:
            assert stored is not None
            big = self._raw.replace("N", NATIVE).endswith("B")
            samples = wide_samples.of_bytes(stored, self.size, big_endian=big)
            samples = samples[:, :, :3] if self._raw.startswith("RGBX") else samples
        if self._raw.startswith("RGBa"):
            samples = wide_samples.unmultiplied(samples)
        if self._transparent is not None:
            samples = wide_samples.with_transparent_colour(samples, self._transparent)
        return samples
