"""The ways to compute the frame of a result, from the most special to the one for everything.

Each is a function that writes the target of a :class:`FrameTask`, or returns False if it does not
apply. All give the same samples; they differ in the time and the memory that they take.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from convcli.images import Frame
from convcli.images.raster import ArrayRaster, Raster
from convcli.pipeline.interleaved import (
    InRange,
    OpaqueStrips,
    can_be_interleaved,
    convolve_interleaved,
    extremes_interleaved,
)
from convcli.pipeline.interleaved_stages import can_be_staged, convolve_stages
from convcli.pipeline.operators import Convolution, FrameOperator, TransposedConvolution
from convcli.pipeline.shapes import AlphaPolicy, Stage
from convcli.pipeline.strips import StripSizes, convolve_samples, extremes, write_layers
from convcli.pipeline.value_range import Floats, range_mapping, samples_of, unchanged
from convcli.pipeline.whole_frames import write_whole
from convcli.pipeline.wide_frames import Part, columns_at_once, parts_of
from convcli.system.threads import share

Extremes = tuple[Floats, Floats]
"""Min and max of each channel of a result."""


class FrameTask(NamedTuple):
    """A frame, the stages that it goes through, and where the result is written.

    ``linear`` converts to linear light and back, ``is_float`` leaves results unclipped floats.
    ``in_range`` brings colour to 0-1, where that is known already.
    """

    frame: Frame
    stages: Sequence[Stage]
    target: Raster
    linear: bool
    is_float: bool
    in_place: bool
    strips: StripSizes
    in_range: InRange | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the result."""
        return self.target.dtype

    @property
    def keeps_dtype(self) -> bool:
        """Whether the result has the dtype of the picture."""
        return self.dtype == self.frame.raster.dtype

    @property
    def to_srgb(self) -> bool:
        """Whether results are converted back from linear light."""
        return self.linear and not self.is_float


def write_result(task: FrameTask) -> None:
    """Compute all samples of ``task.target``."""
    columns = columns_at_once(task.stages, task.frame.raster.channels, task.strips)
    if columns is None:
        _write(task)
    else:
        _write_columns(task, columns)


def _write_columns(task: FrameTask, columns: int) -> None:
    """Compute a very wide frame in parts of so many columns, each by a thread."""
    frame, stages = task.frame, task.stages
    threads = task.strips.threads_for(stages, task.target.size[0])

    def of_part(part: Part) -> FrameTask:
        size = task.target.size[0], part.stop - part.start
        target = ArrayRaster(np.empty((*size, task.target.channels), task.dtype))
        return task._replace(
            frame=part.frame(frame.mode), stages=part.stages, target=target, in_place=False
        )

    def write(part: Part) -> None:
        one = of_part(part)
        _write(one)
        samples = one.target.read(0, one.target.size[0])[:, part.known :]
        task.target.columns(part.start + part.known, part.stop).write(0, samples)

    def find() -> Extremes:
        found: list[Extremes] = []
        parts = parts_of(frame.raster, stages, columns, in_place=False)
        share(lambda: lambda part: found.append(_extremes(of_part(part))), parts, threads)
        lows, highs = (np.array(each) for each in zip(*found, strict=True))
        return lows.min(0), highs.max(0)

    task = task._replace(in_range=_in_range(task, find))
    parts = parts_of(frame.raster, stages, columns, task.in_place)
    share(lambda: write, parts, threads)


def _write(task: FrameTask) -> None:
    for route in (_whole_frames, _enlarged, _samples, _interleaved, _staged):
        if route(task):
            return
    _layers(task)


def _whole_frames(task: FrameTask) -> bool:
    operator = task.stages[-1].operator
    if not isinstance(operator, FrameOperator):
        return False
    finish = partial(samples_of, in_range=unchanged, dtype=task.dtype, to_srgb=task.to_srgb)
    write_whole(
        task.frame,
        task.stages,
        operator,
        task.target,
        finish,
        linear=task.linear,
        sizes=task.strips,
    )
    return True


def _enlarged(task: FrameTask) -> bool:
    """Transposed convolutions whose output comes in order."""
    operator = task.stages[-1].operator
    if not isinstance(operator, TransposedConvolution):
        return False
    from convcli.pipeline import enlarge  # modules that apply does not need

    if not enlarge.can_enlarge_samples(task.frame, task.stages, task.dtype):
        return False
    enlarge.enlarge_samples(
        task.frame,
        task.stages[-1],
        operator,
        task.target,
        linear=task.linear,
        to_srgb=task.to_srgb,
        sizes=task.strips,
    )
    return True


def _samples(task: FrameTask) -> bool:
    """One kernel on the samples as they are: what most runs need."""
    stage, operator = task.stages[-1], task.stages[-1].operator
    if (
        not isinstance(operator, Convolution)
        or task.linear
        or not task.keeps_dtype
        or not can_convolve_samples(task.frame, task.stages)
    ):
        return False
    convolve_samples(
        task.frame, stage, operator, task.target, in_place=task.in_place, sizes=task.strips
    )
    return True


def can_convolve_samples(frame: Frame, stages: Sequence[Stage]) -> bool:
    """Return whether integer samples can be convolved directly, without conversion to floats."""
    stage = stages[-1]
    filter = stage.operator.filter
    return (
        len(stages) == 1
        and stage.alpha_policy is AlphaPolicy.OPAQUE
        and not filter.is_cross_channel
        and filter.reduce is None
        and filter.range == "clip"
        and stage.geometry.stride[1] == 1
        and frame.raster.dtype.kind == "u"
    )


def _interleaved(task: FrameTask) -> bool:
    """One filter with a reduction, a range, or alpha that is kept, on interleaved samples."""
    frame, stage, operator = task.frame, task.stages[-1], task.stages[-1].operator
    if not isinstance(operator, Convolution) or not _is_interleaved(task):
        return False
    in_range = _in_range(task, partial(_extremes, task))
    convolve_interleaved(
        frame, stage, operator, task.target, in_range, in_place=task.in_place, sizes=task.strips
    )
    return True


def _is_interleaved(task: FrameTask) -> bool:
    return (
        len(task.stages) == 1
        and not task.linear
        and task.keeps_dtype
        and can_be_interleaved(task.frame, task.stages[-1])
    )


def _in_range(task: FrameTask, find: Callable[[], Extremes]) -> InRange:
    """Return what brings colour to 0-1; ``find`` returns min and max of each channel."""
    if task.is_float:
        return unchanged
    if task.in_range is not None:
        return task.in_range
    return range_mapping(task.frame, task.stages, find)


def _extremes(task: FrameTask) -> Extremes:
    stage, operator = task.stages[-1], task.stages[-1].operator
    if isinstance(operator, Convolution) and _is_interleaved(task):
        return extremes_interleaved(task.frame, stage, operator, task.strips)
    return extremes(task.frame, task.stages, task.linear, task.strips)


def _staged(task: FrameTask) -> bool:
    """Several filters, filters across channels, and linear light, on interleaved samples."""
    if (
        task.is_float
        or not task.keeps_dtype
        or not can_be_staged(task.frame, task.stages, linear=task.linear)
    ):
        return False
    convolve_stages(
        task.frame,
        task.stages,
        task.target,
        linear=task.linear,
        in_place=task.in_place,
        sizes=task.strips,
    )
    return True


def _layers(task: FrameTask) -> None:
    """Everything, as planes of floats: colour, premultiplied or not, and alpha."""
    frame, stages = task.frame, task.stages
    in_range = _in_range(task, partial(_extremes, task))
    finish = partial(samples_of, in_range=in_range, dtype=task.dtype, to_srgb=task.to_srgb)
    opaque = None
    if task.keeps_dtype and not task.linear:
        opaque = OpaqueStrips.of(frame, stages)
    write_layers(
        frame,
        stages,
        task.target,
        finish,
        linear=task.linear,
        in_place=task.in_place,
        shortcut=None if opaque is None else opaque.samples,
        sizes=task.strips,
    )
