"""One frame through its steps, a strip of rows at a time.

No frame is ever held as floats as a whole: rows are read where they lie, a strip goes through
all steps at once with as many rows around it as they reach, and becomes samples again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.images import Frame
from convcli.images.picture import full_scale, tensor_of
from convcli.images.raster import Raster
from convcli.kernel.arrays import FloatArray
from convcli.kernel.geometry import Geometry, Pair
from convcli.kernel.threads import processors, share
from convcli.light import linear_planes
from convcli.steps import Convolution, Step, shown_index

STRIP_ROWS = 192
"""Rows of a strip, where steps do not reach so far that it pays to take more."""

STRIP_SAMPLES = 1 << 20
"""Samples of a strip of a narrow picture, which has more rows: each strip costs some calls."""

WORTH_A_THREAD = 500_000
"""Samples of a result below which a second thread costs more than it saves."""


class Route(Enum):
    """What a step does about transparency."""

    OPAQUE = "there is none"
    WEIGHTED = "colour, weighted by it, and transparency itself are filtered alike"
    SAMPLED = "colour is filtered alone; transparency is what stands under the kernel's centre"
    STORED = "it is one of the channels that the filter reads and writes"
    ANSWERED = "colour is filtered alone, and the last of its answers is transparency"
    DROPPED = "colour is filtered alone, and transparency has no place in the result"


class Stage(NamedTuple):
    """A step at its place: what it reads, and ``size`` and ``colours`` of what it leaves."""

    step: Step
    route: Route
    geometry: Geometry
    size: Pair
    colours: int


class Layers(NamedTuple):
    """The channels of some rows in flight, (C, rows, W), with transparency apart, (1, rows, W)."""

    colour: FloatArray
    alpha: FloatArray | None

    def take(self, index: NDArray[np.intp]) -> Layers:
        """Return the rows of ``index``; -1 stands for a row of zeros."""
        alpha = None if self.alpha is None else _taken(self.alpha, index)
        return Layers(_taken(self.colour, index), alpha)


def _taken(planes: FloatArray, index: NDArray[np.intp]) -> FloatArray:
    if len(index) == planes.shape[1] and (index == np.arange(len(index))).all():
        return planes
    rows = planes[:, index]
    rows[:, index < 0] = 0
    return rows


class Pipeline:
    """The stages of a frame, for one thread; ``linear`` takes its samples to linear light."""

    def __init__(self, frame: Frame, stages: Sequence[Stage], linear: bool) -> None:
        self._stages = stages
        self._has_alpha, self._linear = frame.has_alpha, linear
        self._runners = [stage.step.runner(stage.geometry) for stage in stages]

    def rows(self, source: Source, start: int, stop: int) -> Layers:
        """Return some rows of the result."""
        return self._rows(source, len(self._stages), start, stop)

    def _rows(self, source: Source, stages: int, start: int, stop: int) -> Layers:
        """Return some rows of what the first ``stages`` stages leave."""
        if not stages:
            return self._layers(source(start, stop))
        stage, runner = self._stages[stages - 1], self._runners[stages - 1]
        index = rows_read(stage, start, stop, _height_read(stage))
        runs = _runs_needed(stage, start, stop)
        parts = [self._rows(source, stages - 1, first, past) for first, past in runs]
        below = parts[0] if len(parts) == 1 else _joined(parts)
        # Where the rows of the image stand in what was computed of it.
        known = np.concatenate([np.arange(first, past) for first, past in runs])
        place = np.where(index < 0, -1, np.searchsorted(known, index))
        return _through(stage, runner, below.take(place), below, known, start, stop)

    def _layers(self, samples: NDArray[Any]) -> Layers:
        colours = samples.shape[2] - self._has_alpha
        planes = linear_planes(samples, colours) if self._linear else tensor_of(samples)
        return Layers(planes[:colours], planes[colours:] if self._has_alpha else None)


Source = Callable[[int, int], NDArray[Any]]
"""``source(start, stop)``: some rows of samples, (rows, W, C)."""


def rows_read(stage: Stage, start: int, stop: int, height: int) -> NDArray[np.intp]:
    """Return which row of an image each row is that some rows of the result read; -1 for zeros."""
    first, past = stage.step.reads(stage.geometry, start, stop)
    return shown_index(first, past, height, stage.step.filter.pad_mode)


def _runs_needed(stage: Stage, start: int, stop: int) -> list[tuple[int, int]]:
    """Return the runs of rows that go into some rows of the result, for colour or for alpha."""
    index = rows_read(stage, start, stop, _height_read(stage))
    if stage.route is Route.SAMPLED:
        index = np.concatenate([index, stage.step.centres(stage.geometry, 0)[start:stop]])
    return list(runs_of(index))


def runs_of(index: NDArray[np.intp]) -> Iterator[tuple[int, int]]:
    """Give the runs of rows, first and past, that ``index`` names; one row if it names none."""
    needed = np.sort(index[index >= 0])
    if not needed.size:
        yield 0, 1
        return
    ends = np.flatnonzero(np.diff(needed) > 1)
    firsts = needed[np.concatenate([[0], ends + 1])]
    lasts = needed[np.concatenate([ends, [-1]])]
    for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
        yield first, last + 1


def _joined(parts: Sequence[Layers]) -> Layers:
    colour = np.concatenate([part.colour for part in parts], 1)
    alphas = [part.alpha for part in parts if part.alpha is not None]
    return Layers(colour, np.concatenate(alphas, 1) if alphas else None)


def _height_read(stage: Stage) -> int:
    geometry = stage.geometry
    return (geometry.image if isinstance(stage.step, Convolution) else geometry.output)[0]


def _through(
    stage: Stage,
    runner: Any,
    seen: Layers,
    below: Layers,
    known: NDArray[np.intp],
    start: int,
    stop: int,
) -> Layers:
    """Return the rows start to stop of a stage, from the rows ``seen`` that they read."""
    step = stage.step

    def by_channel(planes: FloatArray, biased: bool = True) -> FloatArray:
        answers = runner(planes[:, np.newaxis], start, stop, biased)
        return _reduced(answers, step.filter.reduce)

    def sampled() -> FloatArray:
        assert below.alpha is not None
        rows = step.centres(stage.geometry, 0)[start:stop]
        columns = step.centres(stage.geometry, 1)
        alpha = below.alpha[:, np.searchsorted(known, rows)[:, np.newaxis], columns]
        alpha[:, rows < 0] = 0
        alpha[:, :, columns < 0] = 0
        return alpha

    def across(planes: FloatArray) -> FloatArray:
        answers: FloatArray = runner(planes[np.newaxis], start, stop, True)[0]
        return answers

    run = across if step.filter.mixes_channels else by_channel
    match stage.route:
        case Route.OPAQUE | Route.DROPPED:
            return Layers(run(seen.colour), None)
        case Route.SAMPLED:
            return Layers(run(seen.colour), sampled())
        case Route.ANSWERED:
            answers = across(seen.colour)
            return Layers(answers[:-1], answers[-1:])
        case Route.STORED:
            assert seen.alpha is not None
            answers = across(np.concatenate([seen.colour, seen.alpha]))
            if len(answers) == stage.colours:
                return Layers(answers, None)
            return Layers(answers[:-1], answers[-1:])
    # Colour weighs as much as it is opaque, so that none leaks out of transparent pixels.
    assert seen.alpha is not None
    alpha = by_channel(seen.alpha, biased=False)
    is_bank = step.filter.reduce is not None
    colour = by_channel(seen.colour * seen.alpha, biased=is_bank)
    visible = np.abs(alpha) > 1e-6
    colour = np.divide(colour, alpha, out=np.zeros_like(colour), where=visible)
    if not is_bank:
        colour += np.float32(step.filter.offsets[0])
    return Layers(colour, alpha)


def _reduced(answers: FloatArray, reduce: str | None) -> FloatArray:
    """Return (C, rows, W) of answers (C, F, rows, W): the answers of a bank made one."""
    if reduce is None:
        return answers[:, 0]
    reduced: FloatArray = _REDUCTIONS[reduce](answers)
    return reduced


_REDUCTIONS = {
    "magnitude": lambda answers: np.sqrt(np.square(answers).sum(1)),
    "max": lambda answers: answers.max(1),
    "sum": lambda answers: answers.sum(1),
}


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
        low, high = _rows_of_source(stages, start, stop)
        fresh = source.take(past, high) if high > past else held[:0]
        held = fresh if low >= past else np.concatenate([held[low - first :], fresh])
        first, past = low, max(high, past)
        yield start, stop, _holding(held, first)


def _holding(samples: NDArray[Any], first: int) -> Source:
    return lambda start, stop: samples[start - first : stop - first]


def _reach(stages: Sequence[Stage]) -> int:
    """Return about how many rows around a row of the result go into it."""
    return sum(stage.geometry.kernel[0] * stage.geometry.dilation[0] // 2 for stage in stages)


def _rows_of_source(stages: Sequence[Stage], start: int, stop: int) -> tuple[int, int]:
    """Return the first row of the source that goes into some rows of the result, and the last."""
    for stage in reversed(stages):
        runs = _runs_needed(stage, start, stop)
        start, stop = runs[0][0], runs[-1][1]
    return start, stop


def for_each_strip(
    source: Raster,
    stages: Sequence[Stage],
    height: int,
    make_worker: Callable[[], Callable[[Strip], None]],
    in_place: bool = False,
) -> None:
    """Do every strip of a result ``height`` rows high, on as many threads as are worth it."""
    row = stages[-1].size[1] * stages[-1].colours
    workers = processors() if height * row > WORTH_A_THREAD else 1
    most = height if workers == 1 else height // (4 * workers)
    rows = max(STRIP_ROWS, 2 * _reach(stages), min(STRIP_SAMPLES // row, most))
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
            rows = _taken(seen, np.where(index < 0, -1, np.searchsorted(known, index)))
            answers = np.empty((1, stop - start, stage.size[1] * pixel), source.dtype)
            run(rows, answers, 0, 0, stop - start)
            target.write(start, answers.reshape(stop - start, stage.size[1], pixel))

        return work

    for_each_strip(source, [stage], stage.size[0], make_worker, in_place)


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

    for_each_strip(frame.raster, stages, target.size[0], make_worker, in_place)


def extremes(frame: Frame, stages: Sequence[Stage], linear: bool) -> tuple[float, float]:
    """Return the least and the greatest colour value of the result."""
    found: list[tuple[float, float]] = []

    def make_worker() -> Callable[[Strip], None]:
        pipeline = Pipeline(frame, stages, linear)

        def work(strip: Strip) -> None:
            colour = pipeline.rows(strip[2], strip[0], strip[1]).colour
            found.append((float(colour.min()), float(colour.max())))

        return work

    for_each_strip(frame.raster, stages, stages[-1].size[0], make_worker)
    return min(low for low, _ in found), max(high for _, high in found)
