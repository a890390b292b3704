"""The frames of an APNG with 16-bit colour, composed with all their bits.

Pillow composes frames of 8 bits. Here each frame becomes a PNG of its own, which is decoded as
every PNG with 16 bits is, and drawn as the W3C PNG specification (third edition, 11.3.6) says. Does
not import NumPy before samples are read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from PIL import Image

from convcli.images.codecs.png_chunks import SIGNATURE, chunk, chunks
from convcli.images.decoding.two_passes import reopening
from convcli.images.decoding.wide_colour import WideImage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BACKGROUND, _PREVIOUS = 1, 2
_OVER = 1


class _Control(NamedTuple):
    """Where a frame lies, and how it is drawn and disposed of: the fields of fcTL."""

    number: int = 0
    width: int = 0
    height: int = 0
    left: int = 0
    top: int = 0
    delay: int = 0
    scale: int = 0
    dispose: int = 0
    blend: int = 0


class WideAnimation:
    """An APNG whose frames have 16-bit colour; they are drawn in order."""

    def __init__(self, source: str | BinaryIO) -> None:
        """Take the file apart. Raises errors of many kinds if it is broken."""
        self._frames = list(_frames(_bytes(source)))
        if not self._frames:
            raise ValueError("frames are missing")
        self._canvas: NDArray[np.uint16] | None = None
        self._before: NDArray[np.uint16] | None = None
        self._last = _Control()
        first = _image(self._frames[0][1])
        self.mode, self._size = first.mode, first.size

    def frame(self, number: int) -> WideFrame:
        """Return a frame, to be drawn after those before it."""
        return WideFrame(self, number)

    def draw(self, number: int) -> NDArray[np.uint16]:
        """Return the samples (H, W, C) of the frame that follows the one drawn last."""
        import numpy as np

        if number >= len(self._frames):
            raise ValueError("frames are missing")
        control, data = self._frames[number]
        image = _image(data)
        image.load()
        samples = image.samples()
        if control is None:  # a still picture before the animation
            return samples
        if self._canvas is None:
            self._canvas = np.zeros((*self._size, samples.shape[2]), np.uint16)
        elif self._last.dispose == _PREVIOUS and self._before is not None:
            self._canvas = self._before
        elif self._last.dispose:
            self._canvas[_area(self._last)] = 0
        self._before = self._canvas.copy() if control.dispose == _PREVIOUS else None
        here = self._canvas[_area(control)]
        is_over = control.blend == _OVER and self.mode.endswith("A")
        here[:] = _over(samples, here) if is_over else samples
        self._last = control
        return self._canvas.copy()


class WideFrame:
    """A frame of an animation, as :class:`~convcli.images.decoding.wide_colour.WideImage` is."""

    def __init__(self, animation: WideAnimation, number: int) -> None:
        self.mode = animation.mode
        self._animation, self._number = animation, number
        self._samples: NDArray[np.uint16] | None = None

    def load(self) -> None:
        """Decode and draw it. Raises errors of many kinds."""
        self._samples = self._animation.draw(self._number)

    def samples(self) -> NDArray[np.uint16]:
        """Return (H, W, C) uint16; can be called once."""
        samples, self._samples = self._samples, None
        assert samples is not None
        return samples


def _bytes(source: str | BinaryIO) -> bytes:
    if isinstance(source, str):
        with open(source, "rb") as file:
            return file.read()
    place = source.tell()
    source.seek(0)
    data = source.read()
    source.seek(place)
    return data


def _frames(data: bytes) -> Iterator[tuple[_Control | None, bytes]]:
    """Yield each frame as a PNG, with its fields; a still picture before them has none."""
    header, shared, parts = b"", b"", list[bytes]()
    control: _Control | None = None
    for kind, body in chunks(data):
        if kind == b"IHDR":
            header = body
        elif kind == b"tRNS":
            shared = chunk(kind, body)
        elif kind == b"IDAT":
            parts.append(body)
        elif kind == b"fdAT":
            parts.append(body[4:])
        elif kind in (b"fcTL", b"IEND"):
            if parts:
                yield control, _png(header, control, shared, parts)
            parts = []
            control = _Control(*struct.unpack(">5I2H2B", body)) if kind == b"fcTL" else None


def _png(header: bytes, control: _Control | None, shared: bytes, parts: list[bytes]) -> bytes:
    width, height = struct.unpack(">II", header[:8])
    if control is not None:
        if control.left + control.width > width or control.top + control.height > height:
            raise ValueError("a frame reaches beyond the picture")
        width, height = control.width, control.height
    size = struct.pack(">II", width, height)
    return b"".join(
        [
            SIGNATURE,
            chunk(b"IHDR", size + header[8:]),
            shared,
            chunk(b"IDAT", b"".join(parts)),
            chunk(b"IEND", b""),
        ]
    )


def _image(data: bytes) -> WideImage:
    image = Image.open(BytesIO(data), formats=["PNG"])
    return WideImage(image, reopening(BytesIO(data), "PNG", 0))


def _area(control: _Control) -> tuple[slice, slice]:
    return (
        slice(control.top, control.top + control.height),
        slice(control.left, control.left + control.width),
    )


def _over(above: NDArray[np.uint16], below: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Return colours with alpha drawn over others (PNG, 13.16)."""
    import numpy as np

    front, back = above[..., -1:] / 65535, below[..., -1:] / 65535
    alpha = front + back * (1 - front)
    weighted = above[..., :-1] * front + below[..., :-1] * (back * (1 - front))
    colour: NDArray[np.float64] = np.divide(
        weighted, alpha, out=np.zeros_like(weighted), where=alpha > 0
    )
    drawn: NDArray[np.float64] = np.concatenate([colour, 65535 * alpha], 2)
    return np.rint(drawn).astype(np.uint16)
