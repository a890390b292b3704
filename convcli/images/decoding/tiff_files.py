"""TIFF that Pillow does not read, or reads only in part.

That is TIFF of floats in colour, of 16 bits in planes, and of 16-bit grey with alpha. Samples are
read by tifffile, of an extra; tags by Pillow, as those of every TIFF.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convcli.errors import ImageError
from convcli.images.codecs.tiff import open_tiff, read_page
from convcli.images.decoding.orientation import upright_turn
from convcli.images.decoding.page import Page
from convcli.images.decoding.pillow_quirks import tags_end
from convcli.images.decoding.wide_samples import turned, unmultiplied
from convcli.images.metadata.read_metadata import read_metadata
from convcli.system.warn import warn

# TIFF 6.0.
_BITS, _COMPRESSION, _MEANING, _SAMPLES, _PLANES, _FORMAT = 258, 259, 262, 277, 284, 339
_PROFILE, _XMP = 34675, 700
_INTEGERS, _FLOATS = 1, 3
_GREY, _RGB, _INK = (0, 1), 2, 5
_WHITE_IS_ZERO, _PREMULTIPLIED = 0, 1
# Pillow's names of compressions.
_NAMES = {5: "tiff_lzw", 8: "tiff_adobe_deflate", 32946: "tiff_adobe_deflate", 32773: "packbits"}


def needs_tifffile(tags: Mapping[int, Any]) -> bool:
    """Return whether the tags of a page are of a kind that is read by tifffile."""
    bits = tags.get(_BITS, (1,))
    count, kind = tags.get(_SAMPLES, 1), tags.get(_FORMAT, (_INTEGERS,))[0]
    if len(set(bits)) != 1 or tags.get(_MEANING) not in (*_GREY, _RGB, _INK):
        return False
    if kind == _FLOATS:
        return bits[0] in (16, 32, 64) and (count > 1 or bits[0] != 32)
    in_planes = count > 1 and tags.get(_PLANES, 1) == 2
    return bool(kind == _INTEGERS and bits[0] == 16 and (count == 2 or in_planes))


class TiffFile:
    """A TIFF, opened by tifffile."""

    format = "TIFF"

    def __init__(self, file: BinaryIO, tags: Mapping[int, Any]) -> None:
        """Read the headers of all pages. Raises :class:`ImageError`."""
        self._file, self._tags = file, tags
        try:
            self._tiff = open_tiff(file)
            self._pages = list(self._tiff.pages)
            _check_last(self._pages[-1], file)
            self.pages = [_page(page) for page in self._pages]
        except (ImageError, MemoryError):
            raise
        except Exception as error:  # a broken table raises what comes up
            raise _broken(error) from error

    def metadata(self) -> dict[str, Any]:
        """Return what the first page says beside its pixels."""
        return read_metadata(self._image())

    def samples(self, page: int) -> NDArray[Any]:
        """Return the samples of a page, upright."""
        try:
            stored = read_page(self._pages[page])
        except (ImageError, MemoryError):
            raise
        except Exception as error:
            raise _broken(error) from error
        mode, dtype = self.pages[page].mode, self.pages[page].dtype
        samples = stored.astype(dtype)[:, :, : Image.getmodebands(mode)]
        if self._pages[page].photometric == _WHITE_IS_ZERO and dtype == np.uint16:
            samples[..., 0] = ~samples[..., 0]
        if mode in ("LA", "RGBA") and tuple(self._pages[page].extrasamples) == (_PREMULTIPLIED,):
            samples = unmultiplied(samples)
        turn = upright_turn(self._image()) if page == 0 else None
        return turned(samples, turn)

    def _image(self) -> Any:
        """Return an image of Pillow's with the tags of the first page, for their readers."""
        image: Any = Image.new("L", (1, 1))
        image.format, image.tag_v2 = "TIFF", self._tags
        self._file.seek(0)
        exif = Image.Exif()
        try:
            exif.load_from_fp(self._file)
        except Exception as error:
            warn(f"its EXIF is broken and left out: {error}")
            exif = Image.Exif()
        exif._loaded = True
        image._exif = exif
        for tag, name in ((_PROFILE, "icc_profile"), (_XMP, "xmp")):
            if self._tags.get(tag):
                image.info[name] = self._tags[tag]
        compression = self._tags.get(_COMPRESSION, 1)
        if compression != 1:
            image.info["compression"] = _NAMES.get(compression, "tiff_adobe_deflate")
        return image


def _check_last(page: Any, file: BinaryIO) -> None:
    """Raise :class:`ImageError` if there should be a page after the last one that was found."""
    end, following = tags_end(file, page.offset)
    size = file.seek(0, 2)
    if following >= size or end > size:
        raise ImageError("the image is broken: it is truncated, or pages are missing")


def _page(page: Any) -> Page:
    """Return what a page of tifffile says. Raises :class:`ImageError`."""
    count, extra = page.samplesperpixel, tuple(page.extrasamples)
    colours = {0: "L", 1: "L", 2: "RGB", 5: "CMYK"}.get(int(page.photometric), "")
    plain = count - len(extra)
    if not colours or plain != len(colours) or len(extra) > 1 or page.imagedepth != 1:
        raise ImageError(
            f"a TIFF of {count} channels that mean {page.photometric!s} is not read: "
            "convert it first, to a .npy array"
        )
    kind, dtype = page.sampleformat, page.dtype
    if dtype is None or dtype.kind not in "uf" or (dtype.kind == "u" and dtype != np.uint16):
        raise ImageError(f"a TIFF of {page.bitspersample} bits of kind {kind!s} is not read")
    if len(page.dataoffsets) != math.prod(page.chunked):
        raise ImageError("the image is broken: it has not as many strips or tiles as its size says")
    has_alpha = len(extra) == 1 and extra[0] in (1, 2) and colours != "CMYK"
    profile = page.iccprofile
    height, width = int(page.imagelength), int(page.imagewidth)  # of broken tags, tuples
    if min(height, width) < 1:
        raise ImageError("the image is broken: it has no pixels")
    orientation = page.tags.valueof(274, 1)
    size = (width, height) if orientation >= 5 and page.index == 0 else (height, width)
    return Page(
        size,
        colours + "A" * has_alpha,
        np.dtype(np.uint16 if dtype.kind == "u" else np.float32),
        bytes(profile) if profile else None,
    )


def _broken(error: Exception) -> ImageError:
    return ImageError(f"the image is broken: {error or type(error).__name__}")
