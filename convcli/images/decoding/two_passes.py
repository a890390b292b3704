"""16-bit samples from Pillow's decoders of 8-bit colour, which are run twice.

Of samples of 16 bits Pillow keeps the high byte (seen in versions 11.3 to 13.0; the feature is
https://github.com/python-pillow/Pillow/issues/1888). A decoder set to the other byte order
keeps the low byte instead: so a file is decoded twice, in two threads. Grey with alpha is decoded
as RGBA, whose four bytes are the two samples.

That depends on how Pillow names its unpackers, so each kind is tried on a tiny known picture
before it is used. Does not import NumPy, like :mod:`convcli.images.decoding.opened`.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from functools import cache
from io import BytesIO
from typing import Any, BinaryIO, NamedTuple

from PIL import Image

from convcli.images.decoding.known_pictures import known_png, known_tiff

Reopen = Callable[[], Image.Image]
"""Opens the file of an image once more, at the same page."""

NATIVE = "L" if sys.byteorder == "little" else "B"
"""The letter of this machine's byte order in names of raw modes."""


class _Passes(NamedTuple):
    """Raw modes that give the high and the low bytes, and the mode of what they give."""

    high: str
    low: str
    decoded: str


def _passes(colours: str, order: str) -> _Passes:
    other = {"L": "B", "B": "L"}[order]
    decoded = {"RGBX": "RGB", "RGBa": "RGBA"}.get(colours, colours)
    # Premultiplied colours are divided when all their bits are there.
    unpacked = colours.replace("a", "A")
    return _Passes(f"{unpacked};16{order}", f"{unpacked};16{other}", decoded)


PASSES = {
    f"{colours};16{order}": _passes(colours, order.replace("N", NATIVE))
    for colours in ("RGB", "RGBA", "RGBX", "RGBa", "CMYK")
    for order in "LBN"
} | {"LA;16B": _Passes("RGBA", "", "RGBA")}
"""By the raw mode that Pillow chooses for a file."""


def raw_mode(image: Image.Image) -> str:
    """Return the raw mode of all tiles of an image, or ""."""
    found = set()
    for tile in getattr(image, "tile", ()):
        arguments = tile[3] if isinstance(tile[3], (tuple, list)) else (tile[3],)
        found.add(arguments[0] if arguments else "")
    return found.pop() if len(found) == 1 else ""


class TwoPasses:
    """Both bytes of the samples of an image, in two images."""

    def __init__(self, image: Image.Image, raw: str, reopen: Reopen) -> None:
        """Take an image that is not decoded, of a raw mode of :data:`PASSES`."""
        self.image, self.low = image, image
        self._passes, self._reopen = PASSES[raw], reopen
        self.is_one = not self._passes.low
        """Whether ``low`` has both bytes of each sample, in pairs."""

    def load(self) -> None:
        """Decode. Raises whatever Pillow raises."""
        failures: list[Exception] = []

        def decode_low() -> None:
            try:
                image: Any = self._reopen()
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


def _with_raw_mode(tile: Any, raw: str) -> Any:
    arguments = tile.args
    is_one = isinstance(arguments, str)
    return tile._replace(args=raw if is_one else (raw, *arguments[1:]))


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
        passes = TwoPasses(image, raw, open_known)
        if raw_mode(image) != raw:
            return False
        passes.load()
        return passes.pairs() == _without_padding(samples, colours)
    except Exception:  # whatever another Pillow raises, or one without libtiff: not trusted
        return False


def _unpacks(raw: str, samples: list[tuple[int, int]]) -> bool:
    """Return whether Pillow's unpackers, as used for uncompressed tiles, give samples."""
    passes = PASSES[raw]
    data = b"".join(bytes(pair if raw.endswith("B") else pair[::-1]) for pair in samples)
    high, low = (
        Image.frombytes(passes.decoded, (2, 2), data, "raw", each, 0, 1).tobytes()
        for each in (passes.high, passes.low)
    )
    expected = _without_padding(samples, raw.partition(";")[0])
    return list(zip(high, low, strict=True)) == expected


def _without_padding(samples: list[tuple[int, int]], colours: str) -> list[tuple[int, int]]:
    return [pair for k, pair in enumerate(samples) if colours != "RGBX" or k % 4 < 3]
