"""Arrays of 16-bit colour from what two decoding passes gave."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convcli.images.codecs.netpbm import full_range, plain_samples
from convcli.images.decoding.stored_samples import Stored
from convcli.images.raster import PillowRaster
from convcli.system.threads import processors, share

_BAND = 128  # rows

Wide = NDArray[np.uint16]
"""(H, W, C) uint16."""


def joined(high: Image.Image | None, low: Image.Image) -> Wide:
    """Return samples from images of their high and of their low bytes.

    Without ``high``, each pixel of ``low`` holds the bytes of two samples, the high one first.
    """
    raster = PillowRaster(low)
    height, width = raster.size
    channels = raster.channels if high is not None else raster.channels // 2
    samples = np.empty((height, width, channels), np.uint16)
    parts = samples.view(np.uint8).reshape(height, width, channels, 2)
    places = (1, 0) if sys.byteorder == "little" else (0, 1)
    upper = None if high is None else PillowRaster(high)

    def make_worker() -> Callable[[int], None]:
        def join(top: int) -> None:
            bottom = min(top + _BAND, height)
            lower = raster.read(top, bottom)
            if upper is None:
                samples[top:bottom] = lower.view(">u2")
                return
            parts[top:bottom, ..., places[0]] = upper.read(top, bottom)
            parts[top:bottom, ..., places[1]] = lower

        return join

    share(make_worker, range(0, height, _BAND), processors())
    return samples


def of_bytes(data: Stored | bytes, size: tuple[int, int], *, big_endian: bool) -> Wide:
    """Return the samples of an image of ``size`` (H, W) that are stored pixel by pixel.

    They stay in the memory of ``data``, which can be written to.
    """
    samples: Wide = np.frombuffer(data, np.uint16).reshape(*size, -1)
    if big_endian is (sys.byteorder == "little"):
        _swap_bytes(samples)
    return samples


def _swap_bytes(samples: Wide) -> None:
    def swap(top: int) -> None:
        samples[top : top + _BAND].byteswap(inplace=True)

    share(lambda: swap, range(0, len(samples), _BAND), processors())


def of_netpbm(
    data: Stored | bytes, size: tuple[int, int], greatest: int, *, is_plain: bool
) -> Wide:
    """Return the samples of an RGB image of ``size`` (H, W) in a PPM. Raises ValueError."""
    if is_plain:
        samples = plain_samples(bytes(data), 3 * size[0] * size[1]).reshape(*size, 3)
    else:
        samples = of_bytes(data, size, big_endian=True)
    return full_range(samples, greatest)


def of_sgi(data: Stored | bytes, size: tuple[int, int]) -> Wide:
    """Return the samples of an SGI of ``size`` (H, W): a channel after the other, from the bottom.

    The format is that of Paul Haeberli's "The SGI Image File Format".
    """
    planes = np.frombuffer(data, ">u2").reshape(-1, *size)
    return planes[:, ::-1].transpose(1, 2, 0).astype(np.uint16)


def with_transparent_colour(samples: Wide, transparent: Sequence[int]) -> Wide:
    """Return colours with alpha: 0 for pixels of the one ``transparent`` colour."""
    alpha = np.where((samples == np.array(transparent)).all(2, keepdims=True), 0, 65535)
    return np.concatenate([samples, alpha.astype(np.uint16)], 2)


def unmultiplied(samples: NDArray[Any]) -> NDArray[Any]:
    """Return premultiplied colours with alpha divided by it; where it is 0, integers are black.

    Integers are rounded, and 65535 at most; floats where alpha is 0 stay as they are.
    """
    colour, alpha = samples[..., :-1], samples[..., -1:]
    result = samples.copy()
    if samples.dtype.kind == "f":
        np.divide(colour, alpha, out=result[..., :-1], where=(alpha != 0) & (alpha != 1))
        return result
    scaled = colour.astype(np.float64) * 65535
    divided = np.divide(scaled, alpha, out=np.zeros_like(scaled), where=alpha > 0)
    result[..., :-1] = np.minimum(np.rint(divided), 65535)
    return result


_TURNS: dict[Image.Transpose, Callable[[Wide], Wide]] = {
    Image.Transpose.FLIP_LEFT_RIGHT: lambda samples: samples[:, ::-1],
    Image.Transpose.FLIP_TOP_BOTTOM: lambda samples: samples[::-1],
    Image.Transpose.ROTATE_180: lambda samples: samples[::-1, ::-1],
    Image.Transpose.ROTATE_90: lambda samples: np.rot90(samples),
    Image.Transpose.ROTATE_270: lambda samples: np.rot90(samples, -1),
    Image.Transpose.TRANSPOSE: lambda samples: samples.transpose(1, 0, 2),
    Image.Transpose.TRANSVERSE: lambda samples: samples[::-1, ::-1].transpose(1, 0, 2),
}


def turned(samples: Wide, turn: Image.Transpose | None) -> Wide:
    """Return samples as Pillow's ``transpose`` turns images."""
    return samples if turn is None else np.ascontiguousarray(_TURNS[turn](samples))
