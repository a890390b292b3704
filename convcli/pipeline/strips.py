"""One frame through its steps, a strip of rows at a time.

No frame is ever held as floats as a whole: rows are read where they lie, a strip goes through
all steps at once with as many rows around it as they reach, and becomes samples again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.images import Frame
from convcli.images.picture import full_scale
from convcli.images.raster import Raster
from convcli.pipeline.evaluate import (
    Layers,
    Pipeline,
    Source,
    rows_of_source,
    rows_read,
    runs_of,
    taken,
)
from convcli.pipeline.operators import Convolution
from convcli.pipeline.shapes import Stage
from convcli.system.threads import processors, share

STRIP_ROWS = 192
"""Rows of a strip, where steps do not reach so far that it pays to take more."""

LAYERED_ROWS = 96
"""The same where it becomes floats in several layers, which take so much more memory."""

STRIP_SAMPLES = 1 << 20
"""Samples of a strip of a narrow picture, which has more rows: each strip costs some calls."""

MOST_SAMPLES = 1 << 22
"""Samples of a strip of a wide picture, which has fewer."""

LEAST_STRIPS = 8
"""Strips of a narrow picture, if they are not too low. However many threads there are, strips are
the same: a sum may be rounded otherwise where it stands elsewhere in a strip."""

WORTH_A_THREAD = 500_000
"""Samples of a result below which a second thread costs more than it saves."""


Strip = tuple[int, int, Source]


def each_strip(
    source: Raster, stages: Sequence[Stage], height: int, rows: int, in_place: bool
) -> Iterator[Strip]:
    """Give the strips of a result, of so many ``rows``, each with where to read what it needs.

    ``in_place``: the result replaces the source, so a strip comes with all rows that it reads,
    taken before any later strip can be written over them.
    """
    held, first, past = np.empty(0), 0, 0
    for start in range(0, height, rows):
        stop = min(start + rows, height)
        if not in_place:
            yield start, stop, source.read
            continue
        low, high = rows_of_source(stages, start, stop)
        fresh = source.take(past, high) if high > past else held[:0]
        held = fresh if low >= past else np.concatenate([held[low - first :], fresh])
        first, past = low, max(high, past)
        yield start, stop, _holding(held, first)


def _holding(samples: NDArray[Any], first: int) -> Source:
    return lambda start, stop: samples[start - first : stop - first]


def _reach(stages: Sequence[Stage]) -> int:
    """Return about how many rows around a row of the result go into it."""
    return sum(stage.geometry.kernel[0] * stage.geometry.dilation[0] // 2 for stage in stages)


def for_each_strip(
    source: Raster,
    stages: Sequence[Stage],
    height: int,
    make_worker: Callable[[], Callable[[Strip], None]],
    *,
    rows: int,
    in_place: bool = False,
) -> None:
    """Do every strip of a result ``height`` rows high, on as many threads as are worth it.

    A strip has about so many ``rows``.
    """
    row = stages[-1].size[1] * stages[-1].colours
    is_worth_it = height * row > WORTH_A_THREAD
    most = height // LEAST_STRIPS if is_worth_it else height
    rows = max(min(rows, MOST_SAMPLES // row), min(STRIP_SAMPLES // row, most))
    rows = max(rows, 2 * _reach(stages), 1)
    workers = processors() if is_worth_it else 1
    share(make_worker, each_strip(source, stages, height, rows, in_place), workers)


def write_samples(
    frame: Frame, stage: Stage, step: Convolution, target: Raster, in_place: bool
) -> None:
    """Convolve samples as they lie, each channel by itself, into samples: the shortest way."""
    source = frame.raster
    pixel, width = source.channels, frame.size[1]

    def make_worker() -> Callable[[Strip], None]:
        run = step.in_samples(stage.geometry, pixel, full_scale(source.dtype))

        def work(strip: Strip) -> None:
            start, stop, read = strip
            index = rows_read(stage, start, stop, frame.size[0])
            runs = list(runs_of(index))
            seen = np.concatenate([read(*run) for run in runs]) if len(runs) > 1 else read(*runs[0])
            known = np.concatenate([np.arange(*run) for run in runs])
            seen = seen.reshape(1, -1, width * pixel)
            rows = taken(seen, np.where(index < 0, -1, np.searchsorted(known, index)))
            answers = np.empty((1, stop - start, stage.size[1] * pixel), source.dtype)
            run(rows, answers, 0, 0, stop - start)
            target.write(start, answers.reshape(stop - start, stage.size[1], pixel))

        return work

    height = stage.size[0]
    for_each_strip(source, [stage], height, make_worker, rows=STRIP_ROWS, in_place=in_place)


def write_layers(
    frame: Frame,
    stages: Sequence[Stage],
    target: Raster,
    finish: Callable[[Layers], NDArray[Any]],
    *,
    linear: bool,
    in_place: bool,
) -> None:
    """Take every strip through all stages and write the samples (C, rows, W) ``finish`` makes."""

    def make_worker() -> Callable[[Strip], None]:
        pipeline = Pipeline(frame, stages, linear)

        def work(strip: Strip) -> None:
            start, stop, read = strip
            samples = finish(pipeline.rows(read, start, stop))
            target.write(start, samples.transpose(1, 2, 0))

        return work

    height = target.size[0]
    for_each_strip(frame.raster, stages, height, make_worker, rows=LAYERED_ROWS, in_place=in_place)


def extremes(frame: Frame, stages: Sequence[Stage], linear: bool) -> tuple[float, float]:
    """Return the least and the greatest colour value of the result, of what is to be seen.

    What is no finite number is none of them. Both are 0 where there is nothing to be seen.
    """
    found: list[tuple[float, float]] = [(math.inf, -math.inf)]

    def make_worker() -> Callable[[Strip], None]:
        pipeline = Pipeline(frame, stages, linear)

        def work(strip: Strip) -> None:
            colour, alpha = pipeline.rows(strip[2], strip[0], strip[1])
            if alpha is not None:
                colour = colour[:, alpha[0] > 0]
            if not np.isfinite(colour.sum()):
                colour = colour[np.isfinite(colour)]
            if colour.size:
                found.append((float(colour.min()), float(colour.max())))

        return work

    for_each_strip(frame.raster, stages, stages[-1].size[0], make_worker, rows=LAYERED_ROWS)
    low, high = min(low for low, _ in found), max(high for _, high in found)
    return (low, high) if low <= high else (0.0, 0.0)
