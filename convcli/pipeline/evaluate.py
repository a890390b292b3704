"""Some rows of a frame through all of its stages, as floats.

A stage asks the one before it for the rows that it reads, and so on down to the samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.images import Frame
from convcli.images.picture import tensor_of
from convcli.kernel.arrays import FloatArray
from convcli.pipeline.operators import Convolution, shown_index
from convcli.pipeline.shapes import Route, Stage
from convcli.pipeline.srgb import linear_planes


class Layers(NamedTuple):
    """The channels of some rows in flight, (C, rows, W), with transparency apart, (1, rows, W)."""

    colour: FloatArray
    alpha: FloatArray | None

    def take(self, index: NDArray[np.intp]) -> Layers:
        """Return the rows of ``index``; -1 stands for a row of zeros."""
        alpha = None if self.alpha is None else taken(self.alpha, index)
        return Layers(taken(self.colour, index), alpha)


def taken(planes: FloatArray, index: NDArray[np.intp]) -> FloatArray:
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


def rows_of_source(stages: Sequence[Stage], start: int, stop: int) -> tuple[int, int]:
    """Return the first row of the source that goes into some rows of the result, and the last."""
    for stage in reversed(stages):
        runs = _runs_needed(stage, start, stop)
        start, stop = runs[0][0], runs[-1][1]
    return start, stop
