"""Rows of a result on demand, computed through all stages as floats.

Each stage requests the rows that it reads from the stage before it; the first reads samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.images import Frame
from convcli.images.picture import tensor_of
from convcli.kernel.arrays import FloatArray
from convcli.pipeline.prepared import Prepared
from convcli.pipeline.selection import ReadRows, Selection, padded_index, take_rows
from convcli.pipeline.shapes import AlphaPolicy, Stage
from convcli.pipeline.srgb import linear_planes


class Layers(NamedTuple):
    """Some rows as colour (C, rows, W) and alpha (1, rows, W)."""

    colour: FloatArray
    alpha: FloatArray | None


class Evaluator:
    """The stages of a frame, prepared for its size; threads may share it.

    ``linear`` converts samples to linear light.
    """

    def __init__(self, frame: Frame, stages: Sequence[Stage], linear: bool) -> None:
        self._stages = [(stage, stage.operator.prepare(stage.geometry)) for stage in stages]
        self._has_alpha, self._linear = frame.has_alpha, linear

    def rows(self, read: ReadRows, start: int, stop: int) -> Layers:
        """Return some rows of the result."""
        return self._rows(read, len(self._stages), start, stop)

    def source_rows(self, start: int, stop: int) -> tuple[int, int]:
        """Return the half-open range of source rows that some rows of the result read."""
        for stage, prepared in reversed(self._stages):
            index = padded_index(stage, prepared, start, stop)
            start, stop = _selection(stage, index, start, stop).span
        return start, stop

    def _rows(self, read: ReadRows, count: int, start: int, stop: int) -> Layers:
        """Return some rows of the result of the first ``count`` stages."""
        if not count:
            return self._layers(read(start, stop))
        stage, prepared = self._stages[count - 1]
        index = padded_index(stage, prepared, start, stop)
        selection = _selection(stage, index, start, stop)
        below = _joined([self._rows(read, count - 1, *each) for each in selection.intervals])
        place = selection.place(index)
        alpha = None if below.alpha is None else take_rows(below.alpha, place, 1)
        padded = Layers(take_rows(below.colour, place, 1), alpha)
        apply = _Application(stage, prepared, start, stop)
        if stage.alpha_policy is not AlphaPolicy.SAMPLED:
            return apply(padded)
        assert below.alpha is not None
        sampled = _sampled_alpha(stage, below.alpha, selection, start, stop)
        return Layers(apply.to_colour(padded.colour), sampled)

    def _layers(self, samples: NDArray[Any]) -> Layers:
        colours = samples.shape[2] - self._has_alpha
        planes = linear_planes(samples, colours) if self._linear else tensor_of(samples)
        return Layers(planes[:colours], planes[colours:] if self._has_alpha else None)


def _selection(stage: Stage, index: NDArray[np.intp], start: int, stop: int) -> Selection:
    """Return the rows that some rows of the result read, for colour or for alpha."""
    if stage.alpha_policy is not AlphaPolicy.SAMPLED:
        return Selection(index)
    return Selection(index, stage.operator.centres(stage.geometry, 0, start, stop))


def _joined(parts: Sequence[Layers]) -> Layers:
    if len(parts) == 1:
        return parts[0]
    colour = np.concatenate([part.colour for part in parts], 1)
    alphas = [part.alpha for part in parts if part.alpha is not None]
    return Layers(colour, np.concatenate(alphas, 1) if alphas else None)


def _sampled_alpha(
    stage: Stage, alpha: FloatArray, selection: Selection, start: int, stop: int
) -> FloatArray:
    """Return alpha (1, rows, W) at the kernel's centre for some rows of the result."""
    rows = stage.operator.centres(stage.geometry, 0, start, stop)
    columns = stage.operator.centres(stage.geometry, 1)
    sampled = alpha[:, selection.place(rows)[:, np.newaxis], columns]
    sampled[:, rows < 0] = 0
    sampled[:, :, columns < 0] = 0
    return sampled


class _Application:
    """One stage applied to the padded rows that the rows start to stop of its result read."""

    def __init__(self, stage: Stage, prepared: Prepared, start: int, stop: int) -> None:
        self._stage, self._prepared = stage, prepared
        self._start, self._stop = start, stop
        self._filter = stage.operator.filter

    def __call__(self, padded: Layers) -> Layers:
        match self._stage.alpha_policy:
            case AlphaPolicy.PREMULTIPLIED:
                return self._to_premultiplied(padded)
            case AlphaPolicy.OUTPUT:
                outputs = self._across_channels(padded.colour)
                return Layers(outputs[:-1], outputs[-1:])
            case AlphaPolicy.STORED:
                assert padded.alpha is not None
                outputs = self._across_channels(np.concatenate([padded.colour, padded.alpha]))
                if len(outputs) == self._stage.colours:
                    return Layers(outputs, None)
                return Layers(outputs[:-1], outputs[-1:])
        return Layers(self.to_colour(padded.colour), None)

    def to_colour(self, planes: FloatArray) -> FloatArray:
        if self._filter.is_cross_channel:
            return self._across_channels(planes)
        return self._by_channel(planes)

    def _across_channels(self, planes: FloatArray) -> FloatArray:
        outputs: FloatArray = self._outputs(planes[np.newaxis], biased=True)[0]
        return outputs

    def _by_channel(self, planes: FloatArray, *, biased: bool = True) -> FloatArray:
        outputs = self._outputs(planes[:, np.newaxis], biased=biased)
        if self._filter.reduce is None:
            return outputs[:, 0]
        reduced: FloatArray = _REDUCTIONS[self._filter.reduce](outputs)
        return reduced

    def _outputs(self, stack: FloatArray, *, biased: bool) -> FloatArray:
        return self._prepared.rows(stack, self._start, self._stop, biased=biased)

    def _to_premultiplied(self, padded: Layers) -> Layers:
        """Filter colour times alpha, and alpha, so that transparent pixels add no colour."""
        assert padded.alpha is not None
        alpha = self._by_channel(padded.alpha, biased=False)
        is_bank = self._filter.reduce is not None
        colour = self._by_channel(padded.colour * padded.alpha, biased=is_bank)
        visible = np.abs(alpha) > 1e-6
        colour = np.divide(colour, alpha, out=np.zeros_like(colour), where=visible)
        if not is_bank:
            colour += np.float32(self._filter.offsets[0])
        return Layers(colour, alpha)


_REDUCTIONS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "magnitude": lambda outputs: np.sqrt(np.square(outputs).sum(1)),
    "max": lambda outputs: outputs.max(1),
    "sum": lambda outputs: outputs.sum(1),
}
"""From (C, F, rows, W), the F results of a bank for each channel, to (C, rows, W)."""
