"""Animations of 16 bits as APNG (W3C PNG specification, third edition, 11.3.6).

Pillow writes those of 8 bits.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import count
from typing import Any, BinaryIO, NamedTuple

from PIL import Image

from convcli.images.codecs.png import around_pixels, plan_for, write_pixels
from convcli.images.codecs.png_chunks import chunk
from convcli.images.raster import Raster


class Timing(NamedTuple):
    """Milliseconds of each frame, how often all are shown (0: without end), and ``has_poster``.

    That says that the first picture is none of the animation.
    """

    durations: Sequence[float]
    plays: int
    has_poster: bool

    def delay(self, frame: int) -> tuple[int, int]:
        """Return the time of a frame in seconds, as numerator and denominator."""
        milliseconds = self.durations[frame] if frame < len(self.durations) else 0
        seconds = Fraction(milliseconds / 1000).limit_denominator(65535)
        return min(seconds.numerator, 65535), seconds.denominator


def write_animation(
    rasters: Sequence[Raster],
    mode: str,
    file: BinaryIO,
    options: Mapping[str, Any],
    timing: Timing,
    threads: int,
) -> None:
    """Write frames of one size; ``options`` are those of a still PNG.

    Every frame replaces all of the one before it.
    """
    before, after = around_pixels(rasters[0], Image.new(mode, (1, 1)), options)
    height, width = rasters[0].size
    frames = len(rasters) - timing.has_poster
    file.write(before)
    file.write(chunk(b"acTL", struct.pack(">II", frames, timing.plays)))
    numbers = count()  # of the chunks fcTL and fdAT together
    for index, raster in enumerate(rasters):
        if index or not timing.has_poster:
            delay = timing.delay(index - timing.has_poster)
            fields = (next(numbers), width, height, 0, 0, *delay, 0, 0)
            file.write(chunk(b"fcTL", struct.pack(">5I2H2B", *fields)))
        plan = plan_for(raster, options, threads)
        write_pixels(raster, file, plan, threads, numbers if index else None)
    file.write(after)
