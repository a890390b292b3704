"""Netpbm files that Pillow does not have: colour of 16 bits (PPM) and of floats (PFM).

The formats are those of Netpbm's manual pages ppm(5) and of Paul Debevec's PFM: a header of text,
and samples in rows, those of PFM from the bottom to the top.
"""

from __future__ import annotations

import re
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from convcli.errors import ImageError
from convcli.images.raster import Raster

_BAND = 256  # rows


def write_ppm(raster: Raster, file: BinaryIO) -> None:
    """Write uint16 RGB samples as PPM, the high bytes first."""
    height, width = raster.size
    file.write(b"P6\n%d %d\n65535\n" % (width, height))
    for top in range(0, height, _BAND):
        file.write(raster.read(top, min(top + _BAND, height)).astype(">u2").tobytes())


def write_pfm(raster: Raster, file: BinaryIO) -> None:
    """Write float32 samples of 1 or 3 channels as PFM, the low bytes first."""
    height, width = raster.size
    file.write(b"%s\n%d %d\n-1.0\n" % (b"PF" if raster.channels == 3 else b"Pf", width, height))
    for bottom in range(height, 0, -_BAND):
        rows = raster.read(max(0, bottom - _BAND), bottom)
        file.write(rows[::-1].astype("<f4").tobytes())


def full_range(samples: NDArray[np.uint16], greatest: int) -> NDArray[np.uint16]:
    """Return samples of 0 to ``greatest`` brought to 0 to 65535, to the nearest."""
    if greatest == 65535:
        return samples
    values = np.minimum(samples, greatest).astype(np.uint32)
    return ((values * 65535 + greatest // 2) // greatest).astype(np.uint16)


def plain_samples(text: bytes, count: int) -> NDArray[np.uint16]:
    """Return the ``count`` numbers of a plain PPM. Raises ValueError."""
    numbers = re.sub(rb"#[^\r\n]*", b"", text).split(maxsplit=count)[:count]
    if len(numbers) < count:
        raise ValueError("image file is truncated")
    return np.array(numbers).astype(np.uint32).clip(0, 65535).astype(np.uint16)


class PfmHeader:
    """The header of a colour PFM: ``size`` is (H, W), ``start`` where its samples are."""

    def __init__(self, file: BinaryIO) -> None:
        """Read it. Raises ImageError."""
        file.seek(0)
        match = re.match(rb"PF\s+(\d{1,9})\s+(\d{1,9})\s+([-+.\deE]{1,32})\s", file.read(128))
        try:
            if match is None:
                raise ValueError("its header")
            scale = float(match[3])
            if scale == 0 or not np.isfinite(scale):
                raise ValueError("its scale")
        except ValueError as error:
            raise ImageError(f"the image is broken: {error} is none of PFM") from None
        self.size = int(match[2]), int(match[1])
        self.start, self._order = match.end(), "<" if scale < 0 else ">"
        if 0 in self.size:
            raise ImageError("the image is broken: it has no pixels")

    def samples(self, file: BinaryIO) -> NDArray[np.float32]:
        """Return (H, W, 3) float32. Raises ImageError."""
        count = self.size[0] * self.size[1] * 3
        file.seek(self.start)
        data = file.read(4 * count)
        if len(data) < 4 * count:
            raise ImageError("the image is broken: it is truncated")
        rows = np.frombuffer(data, f"{self._order}f4").reshape(*self.size, 3)
        return rows[::-1].astype(np.float32)
