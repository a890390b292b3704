"""Blurring a frame in two passes: one reads and reduces it, the other writes the result.

Strips that are computed one by one read the rows around them as well, which for a large kernel are
most of what they read. Here each row is read once, and nothing is written before all are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from convcli.images import Frame
from convcli.images.raster import Raster
from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine.decimated import Decimated
from convcli.kernel.engine.method import Method
from convcli.kernel.padding import source_index
from convcli.pipeline.evaluate import Selection, take_rows
from convcli.pipeline.shapes import Stage
from convcli.system.threads import share

LEAST_REDUCTION = 16
"""Samples that become one, from which on a reduced frame of floats takes little memory."""


def reduces(method: Method) -> TypeGuard[Decimated]:
    """Return whether ``method`` reduces a frame to a small part of it."""
    if not isinstance(method, Decimated):
        return False
    return method.reduction.vertical.stride * method.reduction.horizontal.stride >= LEAST_REDUCTION


def convolve_reduced(
    frame: Frame, stage: Stage, method: Decimated, target: Raster, threads: int
) -> None:
    """Convolve 8-bit samples, each channel alone; ``target`` may be the frame's raster."""
    low = _reduced(frame.raster, stage, method, threads)
    width, channels = stage.size[1], frame.raster.channels

    def make_writer() -> Callable[[int], None]:
        synthesise = method.synthesiser()

        def write(start: int) -> None:
            rows = min(method.step, stage.size[0] - start)
            samples = np.empty((1, rows, width * channels), frame.raster.dtype)
            synthesise(low, start, samples)
            target.write(start, samples.reshape(rows, width, channels))

        return write

    share(make_writer, range(0, stage.size[0], method.step), threads)


def _reduced(source: Raster, stage: Stage, method: Decimated, threads: int) -> FloatArray:
    """Return ``low`` of the whole frame. Parts are added in order, whichever thread made them."""
    height = stage.size[0]
    reduction = method.reduction
    first = -stage.geometry.pads[0] - reduction.vertical.lead
    pad_mode = stage.operator.filter.pad_mode
    positions = reduction.positions(height)
    index = source_index(first, first + positions, source.size[0], pad_mode)
    starts = range(0, positions, reduction.strip)
    parts: dict[int, FloatArray] = {}

    def make_reducer() -> Callable[[int], None]:
        analyse = method.analyser()

        def reduce(start: int) -> None:
            parts[start] = analyse(_rows(source, index[start : start + reduction.strip]))

        return reduce

    share(make_reducer, starts, threads)
    low = reduction.empty_low(height)
    for start in starts:
        reduction.add(low, parts.pop(start), start)
    return reduction.rows_of(low)


def _rows(source: Raster, index: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Return the rows of ``index`` as (rows, samples)."""
    selection = Selection(index)
    read = [source.read(*interval) for interval in selection.intervals]
    rows = read[0] if len(read) == 1 else np.concatenate(read)
    taken: NDArray[np.uint8] = take_rows(rows, selection.place(index), 0)
    return taken.reshape(len(index), -1)
