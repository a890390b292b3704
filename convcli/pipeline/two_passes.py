"""Blurring a frame in two passes: one reads and reduces it, the other writes the result.

Strips that are computed one by one read the rows around them as well, which for a large kernel are
most of what they read. Here each row is read once, and nothing is written before all are.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from convcli.images import Frame
from convcli.images.raster import Raster
from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine.column_ranges import ColumnRanges
from convcli.kernel.engine.decimated import Decimated
from convcli.kernel.engine.method import Method
from convcli.kernel.padding import source_index
from convcli.pipeline.selection import read_rows
from convcli.pipeline.shapes import Stage
from convcli.system.threads import share

LEAST_REDUCTION = 16
"""Samples that become one, from which on a reduced frame of floats takes little memory."""


MOST_SAMPLES = 1 << 22
"""Samples that are read or written at once, but for the least number of rows."""

Reducers = list[tuple[slice, Decimated]]
"""Ranges of samples of the rows of a result, each with the method that computes it."""


def reducers_of(method: Method) -> Reducers:
    """Return the methods that reduce a frame to a small part of it; none if ``method`` does not."""
    ranges = method.ranges if isinstance(method, ColumnRanges) else [(slice(None), method)]
    found = [(samples, one) for samples, one in ranges if isinstance(one, Decimated)]
    if not found:
        return []
    reduction = found[0][1].reduction
    is_small = reduction.vertical.stride * reduction.horizontal.stride >= LEAST_REDUCTION
    return found if is_small else []


def convolve_reduced(
    frame: Frame, stage: Stage, reducers: Reducers, target: Raster, threads: int
) -> None:
    """Convolve 8-bit samples, each channel alone; ``target`` may be the frame's raster."""
    lows = _reduced(frame.raster, stage, reducers, threads)
    width, channels = stage.size[1], frame.raster.channels
    reduction = reducers[0][1].reduction
    least = reduction.synthesis_block * reduction.vertical.stride
    step = _rows_at_once(reduction.step, least, width * channels)

    def make_writer() -> Callable[[int], None]:
        makers = [_keeping(method.synthesiser, reducers) for _, method in reducers]

        def write(start: int) -> None:
            rows = min(step, stage.size[0] - start)
            samples = np.empty((1, rows, width * channels), frame.raster.dtype)
            for (columns, _), low, make in zip(reducers, lows, makers, strict=True):
                make()(low, start, samples[..., columns])
            target.write(start, samples.reshape(rows, width, channels))

        return write

    share(make_writer, range(0, stage.size[0], step), threads)


def _rows_at_once(most: int, least: int, samples: int) -> int:
    """Return a multiple of ``least`` rows, ``most`` but for very wide frames."""
    return min(most, max(1, MOST_SAMPLES // samples // least) * least)


Made = TypeVar("Made")


def _keeping(make: Callable[[], Made], reducers: Reducers) -> Callable[[], Made]:
    """Return ``make``, or the one thing it made: many ranges would keep too many buffers."""
    return make if len(reducers) > 1 else cache(make)


def _reduced(source: Raster, stage: Stage, reducers: Reducers, threads: int) -> list[FloatArray]:
    """Return ``low`` of the whole frame, for every range of columns.

    Parts are added in order, whichever thread made them.
    """
    height, reduction = stage.size[0], reducers[0][1].reduction
    first = -stage.geometry.pads[0] - reduction.vertical.lead
    pad_mode = stage.operator.filter.pad_mode
    positions = reduction.positions(height)
    index = source_index(first, first + positions, source.size[0], pad_mode)
    least = reduction.block * reduction.vertical.stride
    strip = _rows_at_once(reduction.strip, least, source.size[1] * source.channels)
    starts = range(0, positions, strip)
    parts: dict[int, list[FloatArray]] = {}

    def make_reducer() -> Callable[[int], None]:
        makers = [_keeping(method.analyser, reducers) for _, method in reducers]

        def reduce(start: int) -> None:
            rows = _rows(source, index[start : start + strip])
            parts[start] = [make()(rows) for make in makers]

        return reduce

    share(make_reducer, starts, threads)
    lows = [reduction.empty_low(height) for _ in reducers]
    for start in starts:
        for low, part in zip(lows, parts.pop(start), strict=True):
            reduction.add(low, part, start)
    return [reduction.rows_of(low) for low in lows]


def _rows(source: Raster, index: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Return the rows of ``index`` as (rows, samples)."""
    return read_rows(source.read, index).reshape(len(index), -1)
