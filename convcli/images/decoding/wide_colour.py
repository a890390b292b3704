"""16-bit colour with all its bits, by Pillow's decoders of 8-bit colour.

Of samples of 16 bits Pillow keeps the high byte (seen in versions 11.3 to 13.0; the feature is
https://github.com/python-pillow/Pillow/issues/1888). A decoder set to the other byte order
keeps the low byte instead: so a file is decoded twice, in two threads. Grey with alpha is decoded
as RGBA, whose four bytes are the two samples. Uncompressed samples are read as they are.

That depends on how Pillow names its unpackers, so each kind is tried on a tiny known picture
before it is used. Imports NumPy only when samples are read.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from PIL import Image

from convcli.images.decoding.known_pictures import known_png, known_tiff

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Reopen = Callable[[], Image.Image]
"""Opens the file of an image once more, at the same page."""


class _Passes(NamedTuple):
    """Raw modes that give the high and the low bytes, and the mode of what they give."""

    high: str
    low: str
    decoded: str


_NATIVE = "L" if sys.byteorder == "little" else "B"


def _passes(colours: str, order: str) -> _Passes:
    other = {"L": "B", "B": "L"}[order]
    decoded = {"RGBX": "RGB", "RGBa": "RGBA"}.get(colours, colours)
    # Premultiplied colours are divided when all their bits are there.
    unpacked = colours.replace("a", "A")
    return _Passes(f"{unpacked};16{order}", f"{unpacked};16{other}", decoded)


_PASSES = {
    f"{colours};16{order}": _passes(colours, order.replace("N", _NATIVE))
    for colours in ("RGB", "RGBA", "RGBX", "RGBa", "CMYK")
    for order in "LBN"
} | {"LA;16B": _Passes("RGBA", "", "RGBA")}
"""By the raw mode that Pillow chooses for a file."""


def wide_mode(image: Image.Image) -> str:
    """Return the mode of frames of an image that has 16-bit colour, if all bits can be had.

    LA, RGB, RGBA or CMYK, and "" for every other image. ``image`` is opened and not decoded.
    """
    if _greatest(image):
        return image.mode
    raw = _raw_mode(image)
    if raw not in _PASSES or image.format not in ("PNG", "TIFF"):
        return ""
    if _planes(image) != 1:
        return ""
    if not (_is_uncompressed(image) or is_trusted(image.format, raw)):
        return ""
    if raw == "LA;16B":  # of which Pillow makes RGBA
        return "LA"
    return "RGBA" if _has_transparent_colour(image) else image.mode


def _raw_mode(image: Image.Image) -> str:
    """Return the raw mode of all tiles of an image, or ""."""
    found = set()
    for tile in getattr(image, "tile", ()):
        arguments = tile[3] if isinstance(tile[3], (tuple, list)) else (tile[3],)
        found.add(arguments[0] if arguments else "")
    return found.pop() if len(found) == 1 else ""


def _greatest(image: Image.Image) -> int:
    """Return the maximum value of a PPM with more than 8 bits; 0 for other images."""
    tiles = getattr(image, "tile", ())
    if image.format != "PPM" or image.mode != "RGB" or not tiles:
        return 0
    codec, greatest = tiles[0][0], tiles[0][3][-1]
    return greatest if codec.startswith("ppm") and greatest > 255 else 0


def _has_transparent_colour(image: Image.Image) -> bool:
    return image.mode == "RGB" and isinstance(image.info.get("transparency"), tuple)


# TIFF 6.0.
_PLANAR, _STRIP_OFFSETS, _STRIP_BYTES, _COMPRESSION, _TILE_WIDTH = 284, 273, 279, 259, 322
_SAMPLES, _ROWS = 277, 278


def _planes(image: Image.Image) -> int:
    """Return 2 if the channels of a TIFF are stored in separate planes."""
    return int(getattr(image, "tag_v2", {}).get(_PLANAR, 1))


def _is_uncompressed(image: Image.Image) -> bool:
    tags = getattr(image, "tag_v2", None)
    return (
        tags is not None
        and tags.get(_COMPRESSION, 1) == 1
        and _TILE_WIDTH not in tags
        and _STRIP_OFFSETS in tags
    )


class _TwoPasses:
    """Both bytes of the samples of an image, in two images."""

    def __init__(self, image: Image.Image, raw: str, reopen: Reopen) -> None:
        self.image, self.low = image, image
        self._passes, self._reopen = _PASSES[raw], reopen
        self.is_one = not self._passes.low
        """Whether ``low`` has both bytes of each sample, in pairs."""

    def load(self) -> None:
        """Decode. Raises whatever Pillow raises."""
        failures: list[Exception] = []

        def decode_low() -> None:
            try:
                image = self._reopen()
                image._mode = self._passes.decoded
                self.low = _decoded(image, self._passes.low or self._passes.high)
            except Exception as failure:  # raised below
                failures.append(failure)

        thread = threading.Thread(target=decode_low, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system has no room for another
            decode_low()
        # Metadata behind the pixels comes with them, so this image is decoded in any case.
        _decoded(self.image, None if self.is_one else self._passes.high)
        if thread.ident is not None:
            thread.join()
        if failures:
            raise failures[0]

    def pairs(self) -> list[tuple[int, int]]:
        """Return the high and the low byte of each sample, of a tiny picture."""
        low = self.low.tobytes()
        if self.is_one:
            return list(zip(low[::2], low[1::2], strict=True))
        return list(zip(self.image.tobytes(), low, strict=True))


def _decoded(image: Any, raw: str | None) -> Image.Image:
    """Return an opened image, decoded by the unpacker ``raw``."""
    if raw is not None:
        image.tile = [_with_raw_mode(tile, raw) for tile in image.tile]
    image.load()
    decoded: Image.Image = image
    return decoded


class WideImage:
    """The samples of a page with 16-bit colour; :func:`wide_mode` said that it has them."""

    def __init__(self, image: Image.Image, reopen: Reopen) -> None:
        """Note what the header says: ``image`` loses that when it is decoded."""
        self.mode = wide_mode(image)
        self._image: Any = image  # of a plugin, whose attributes the base class does not declare
        self._raw = _raw_mode(image)
        transparent: Any = image.info.get("transparency")
        self._transparent = transparent if _has_transparent_colour(image) else None
        self._stored: bytearray | bytes | None = None
        self._greatest = _greatest(image)
        self._passes = None if self._greatest else _TwoPasses(image, self._raw, reopen)

    def load(self) -> None:
        """Decode. Raises whatever Pillow raises."""
        if self._passes is None:
            self._image.fp.seek(self._image.tile[0].offset)
            self._stored = self._image.fp.read()
        elif _is_uncompressed(self._image):
            self._stored = _uncompressed(self._image)
        else:
            self._passes.load()

    def samples(self) -> NDArray[np.uint16]:
        """Return (H, W, C) uint16; can be called once."""
        from convcli.images.decoding import wide_samples  # which needs NumPy

        if self._passes is None:
            assert self._stored is not None
            samples = wide_samples.of_netpbm(
                self._stored,
                self._image.size[::-1],
                self._greatest,
                is_plain=self._image.tile[0].codec_name == "ppm_plain",
            )
        elif self._stored is not None:
            tags = self._image.tag_v2
            big = self._raw.replace("N", _NATIVE).endswith("B")
            samples = wide_samples.of_bytes(self._stored, (tags[257], tags[256]), big_endian=big)
            samples = samples[:, :, :3] if self._raw.startswith("RGBX") else samples
        else:
            passes = self._passes
            samples = wide_samples.joined(None if passes.is_one else passes.image, passes.low)
        del self._stored, self._passes
        if self._raw.startswith("RGBa"):
            samples = wide_samples.unmultiplied(samples)
        if self._transparent is not None:
            samples = wide_samples.with_transparent_colour(samples, self._transparent)
        return samples


def _with_raw_mode(tile: Any, raw: str) -> Any:
    arguments = tile.args
    is_one = isinstance(arguments, str)
    return tile._replace(args=raw if is_one else (raw, *arguments[1:]))


def _uncompressed(image: Any) -> bytearray:
    """Return the samples of a TIFF that compresses none, as they are stored, in strips."""
    tags, file = image.tag_v2, image.fp
    width, height = tags[256], tags[257]
    data = bytearray(width * height * tags[_SAMPLES] * 2)
    view = memoryview(data)
    offsets, counts = tags[_STRIP_OFFSETS], tags.get(_STRIP_BYTES, (len(data),))
    rows = min(tags.get(_ROWS, height), height) or height
    size = rows * width * tags[_SAMPLES] * 2
    for number, offset in enumerate(offsets):
        part = view[number * size : (number + 1) * size]
        if number < len(counts) and counts[number] < len(part):
            raise OSError("image file is truncated: a strip is shorter than its rows")
        file.seek(offset)
        while part:
            count = file.readinto(part)
            if not count:
                raise OSError(f"image file is truncated ({len(part)} bytes not read)")
            part = part[count:]
    if len(offsets) * size < len(data):
        raise OSError("image file is truncated: strips are missing")
    return data


def reopening(source: str | BinaryIO, format_name: str, page: int) -> Reopen:
    """Return what opens a file again, for a second decoder at the same time."""

    def reopen() -> Image.Image:
        again: Any
        if isinstance(source, (str, os.PathLike)):
            again = source
        else:
            place = source.tell()
            source.seek(0)
            again = BytesIO(source.read())
            source.seek(place)
        image = Image.open(again, formats=[format_name])
        if page:
            image.seek(page)
        return image

    return reopen


@cache
def is_trusted(format_name: str | None, raw: str) -> bool:
    """Return whether the passes of ``raw`` give a tiny known picture of a format."""
    colours = raw.partition(";")[0]
    count = 4 * len(colours)
    samples = [(37 * k % 256, 255 - 11 * k) for k in range(count)]
    try:
        if format_name == "TIFF" and not raw.endswith("N"):
            return _unpacks(raw, samples)
        make = known_png if format_name == "PNG" else known_tiff
        data = make(colours, [high << 8 | low for high, low in samples])

        def open_known() -> Image.Image:
            return Image.open(BytesIO(data), formats=[str(format_name)])

        image = open_known()
        passes = _TwoPasses(image, raw, open_known)
        if _raw_mode(image) != raw:
            return False
        passes.load()
        return passes.pairs() == _without_padding(samples, colours)
    # Whatever another Pillow raises, or one without libtiff, the kind is not trusted.
    except Exception:
        return False


def _unpacks(raw: str, samples: list[tuple[int, int]]) -> bool:
    """Return whether Pillow's unpackers, as used for uncompressed tiles, give samples."""
    passes = _PASSES[raw]
    data = b"".join(bytes(pair if raw.endswith("B") else pair[::-1]) for pair in samples)
    high, low = (
        Image.frombytes(passes.decoded, (2, 2), data, "raw", each, 0, 1).tobytes()
        for each in (passes.high, passes.low)
    )
    expected = _without_padding(samples, raw.partition(";")[0])
    return list(zip(high, low, strict=True)) == expected


def _without_padding(samples: list[tuple[int, int]], colours: str) -> list[tuple[int, int]]:
    return [pair for k, pair in enumerate(samples) if colours != "RGBX" or k % 4 < 3]
