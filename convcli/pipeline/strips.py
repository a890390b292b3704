"""Processing a frame in strips of rows.

A frame is never held as floats as a whole: each strip is read with the halo of rows that the stages
need around it, passes through all stages, and is converted back to samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from convcli.images import Frame
from convcli.images.picture import full_scale
from convcli.images.raster import Raster
from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine.method import Method
from convcli.pipeline.evaluate import Evaluator, Layers
from convcli.pipeline.operators import Convolution
from convcli.pipeline.selection import ReadRows, Selection, padded_index, read_rows
from convcli.pipeline.shapes import Stage
from convcli.pipeline.two_passes import convolve_reduced, reducers_of
from convcli.system.threads import processors, share


class StripSizes(NamedTuple):
    """How a result is divided into strips; independent of the number of threads.

    (The position of a sum within a strip may affect its rounding.) ``rows`` is the usual height of
    a strip of integer samples, ``layered_rows`` that of one computed as floats, which take more
    memory. Strips of narrow pictures are higher, to have ``least_samples``, as each strip costs
    some calls, but not more than ``most_rows``, and there are ``least_strips``, or as many as have
    half of those samples each, and two; those of wide pictures are lower, to have ``most_samples``
    at most. A strip is at least ``halo_multiple`` times as high as its halo. Below
    ``worth_a_thread`` samples of a result, a second thread costs more than it saves. ``threads``
    is None for all processors.

    Where a row has more than ``most_row`` samples, a frame is cut into columns too: parts of about
    ``part_samples``, but for ``least_columns``.
    """

    rows: int = 192
    layered_rows: int = 96
    least_samples: int = 1 << 20
    most_rows: int = 1 << 16
    most_samples: int = 1 << 22
    least_strips: int = 8
    worth_a_thread: int = 500_000
    halo_multiple: int = 2
    most_row: int = 1 << 16
    part_samples: int = 1 << 20
    least_columns: int = 1 << 9
    threads: int | None = None

    def rows_of(self, stages: Sequence[Stage], height: int, rows: int) -> int:
        """Return the height of strips whose usual height is ``rows``."""
        row = self._samples_a_row(stages)
        most = height
        if self._is_worth_it(stages, height):
            halves = 2 * height * row // max(self.least_samples, 1)
            most = -(-height // min(max(halves, 2), self.least_strips))
        least = min(self.least_samples // row, most, self.most_rows)
        rows = max(min(rows, self.most_samples // row), least)
        halo = sum(stage.geometry.kernel[0] * stage.geometry.dilation[0] // 2 for stage in stages)
        return max(rows, self.halo_multiple * halo, 1)

    def threads_for(self, stages: Sequence[Stage], height: int) -> int:
        """Return how many threads to use."""
        if not self._is_worth_it(stages, height):
            return 1
        return processors() if self.threads is None else self.threads

    def _is_worth_it(self, stages: Sequence[Stage], height: int) -> bool:
        return height * self._samples_a_row(stages) > self.worth_a_thread

    @staticmethod
    def _samples_a_row(stages: Sequence[Stage]) -> int:
        return stages[-1].size[1] * stages[-1].colours


STRIP_SIZES = StripSizes()


class StripReader(Protocol):
    """Something that computes strips of a result, and knows which source rows they read."""

    def source_rows(self, start: int, stop: int) -> tuple[int, int]:
        """Return the half-open range of source rows that some rows of the result read."""


Strip = tuple[int, int, ReadRows]
"""The rows start to stop of a result, and the function that reads the source for them."""

Shortcut = Callable[[ReadRows, int, int], NDArray[Any] | None]
"""Returns the rows start to stop of a result if there is a faster way to them."""


def strips_of(
    source: Raster, reader: StripReader, height: int, rows: int, in_place: bool
) -> Iterator[Strip]:
    """Yield the strips of a result, ``rows`` high, each with the function that reads its source.

    ``in_place``: the result overwrites the source, so each strip comes with a copy of the rows that
    it reads, made before any later strip can be written over them. That is right only because
    :func:`~convcli.system.threads.share` takes one strip at a time from this iterator, in order:
    a strip is written after it was yielded, and so after the rows of all strips before it were
    copied; the rows that it shares with the next one are kept here.
    """
    held, first, past = np.empty(0), 0, 0
    for start in range(0, height, rows):
        stop = min(start + rows, height)
        if not in_place:
            yield start, stop, source.read
            continue
        low, high = reader.source_rows(start, stop)
        fresh = source.take(past, high) if high > past else held[:0]
        held = fresh if low >= past else np.concatenate([held[low - first :], fresh])
        first, past = low, max(high, past)
        yield start, stop, _reading(held, first)


def _reading(samples: NDArray[Any], first: int) -> ReadRows:
    return lambda start, stop: samples[start - first : stop - first]


def convolve_samples(
    frame: Frame,
    stage: Stage,
    operator: Convolution,
    target: Raster,
    *,
    in_place: bool,
    sizes: StripSizes = STRIP_SIZES,
) -> None:
    """Convolve integer samples directly, each channel independently: the fast path."""
    reader = _SampleStrips(frame, stage, operator)
    threads = sizes.threads_for([stage], stage.size[0])
    if reducers := reducers_of(reader.method):
        convolve_reduced(frame, stage, reducers, target, threads)
        return

    def compute(strip: Strip) -> None:
        start, stop, read = strip
        target.write(start, reader.samples(read, start, stop))

    height = stage.size[0]
    rows = sizes.rows_of([stage], height, sizes.rows)
    # A method takes as long for a part of the rows that it computes at once.
    step = reader.method.step
    rows = max(round(rows / step), 1) * step
    strips = strips_of(frame.raster, reader, height, rows, in_place)
    share(lambda: compute, strips, threads)


class _SampleStrips:
    """A convolution of the interleaved integer samples of a frame."""

    def __init__(self, frame: Frame, stage: Stage, operator: Convolution) -> None:
        raster = frame.raster
        self._stage = stage
        self._prepared = operator.prepare_samples(
            stage.geometry, raster.channels, full_scale(raster.dtype)
        )

    @property
    def method(self) -> Method:
        return self._prepared.method

    def source_rows(self, start: int, stop: int) -> tuple[int, int]:
        return Selection(padded_index(self._stage, self._prepared, start, stop)).span

    def samples(self, read: ReadRows, start: int, stop: int) -> NDArray[Any]:
        """Return the rows start to stop of the result, (rows, W, C)."""
        index = padded_index(self._stage, self._prepared, start, stop)
        return self._prepared.samples(read_rows(read, index), stop - start)


def write_layers(
    frame: Frame,
    stages: Sequence[Stage],
    target: Raster,
    finish: Callable[[Layers], NDArray[Any]],
    *,
    linear: bool,
    in_place: bool,
    shortcut: Shortcut | None = None,
    sizes: StripSizes = STRIP_SIZES,
) -> None:
    """Compute every strip through all stages, and write it as the samples of ``finish``.

    ``finish`` turns layers into samples (C, rows, W). Strips for which ``shortcut`` returns
    samples (rows, W, C) are not computed.
    """
    evaluator = Evaluator(frame, stages, linear)

    def compute(strip: Strip) -> None:
        start, stop, read = strip
        samples = None if shortcut is None else shortcut(read, start, stop)
        if samples is not None:
            target.write(start, samples)
            return
        target.write(start, interleaved(finish(evaluator.rows(read, start, stop))))

    height = target.size[0]
    rows = sizes.rows_of(stages, height, sizes.layered_rows)
    strips = strips_of(frame.raster, evaluator, height, rows, in_place)
    share(lambda: compute, strips, sizes.threads_for(stages, height))


def interleaved(planes: NDArray[Any]) -> NDArray[Any]:
    """Return planes (C, rows, W) as (rows, W, C)."""
    samples = np.empty((*planes.shape[1:], len(planes)), planes.dtype)
    # Plane by plane: NumPy would copy the few samples of a pixel at a time.
    for channel, plane in enumerate(planes):
        samples[..., channel] = plane
    return samples


def extremes(
    frame: Frame, stages: Sequence[Stage], linear: bool, sizes: StripSizes = STRIP_SIZES
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return min and max of the visible, finite values of each colour channel of the result.

    A channel without such values has the min infinity and the max -infinity.
    """
    evaluator = Evaluator(frame, stages, linear)
    found: list[tuple[FloatArray, FloatArray]] = []

    def measure(strip: Strip) -> None:
        start, stop, read = strip
        colour, alpha = evaluator.rows(read, start, stop)
        visible = colour.reshape(len(colour), -1) if alpha is None else colour[:, alpha[0] > 0]
        if np.isfinite(visible.sum()):
            found.append((visible.min(1, initial=math.inf), visible.max(1, initial=-math.inf)))
            return
        finite = np.isfinite(visible)
        found.append(
            (
                visible.min(1, initial=math.inf, where=finite),
                visible.max(1, initial=-math.inf, where=finite),
            )
        )

    height = stages[-1].size[0]
    rows = sizes.rows_of(stages, height, sizes.layered_rows)
    strips = strips_of(frame.raster, evaluator, height, rows, in_place=False)
    share(lambda: measure, strips, sizes.threads_for(stages, height))
    lows = np.min([lows for lows, _ in found], 0).astype(np.float64)
    return lows, np.max([highs for _, highs in found], 0).astype(np.float64)
