"""The ways to compute the frame of a result, from the most special to the one for everything.

Each is a function that writes the target of a :class:`FrameTask`, or returns False if it does not
apply. All give the same samples; they differ in the time and the memory that they take.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from convcli.images import Frame
from convcli.images.raster import Raster
from convcli.pipeline.interleaved import (
    OpaqueStrips,
    can_be_interleaved,
    convolve_interleaved,
    extremes_interleaved,
)
from convcli.pipeline.interleaved_stages import can_be_staged, convolve_stages
from convcli.pipeline.operators import Convolution, FrameOperator, TransposedConvolution
from convcli.pipeline.shapes import AlphaPolicy, Stage
from convcli.pipeline.strips import StripSizes, convolve_samples, extremes, write_layers
from convcli.pipeline.value_range import range_mapping, samples_of, unchanged
from convcli.pipeline.whole_frames import write_whole


class FrameTask(NamedTuple):
    """A frame, the stages that it goes through, and where the result is written.

    ``linear`` converts to linear light and back, ``is_float`` leaves results unclipped floats.
    """

    frame: Frame
    stages: Sequence[Stage]
    target: Raster
    linear: bool
    is_float: bool
    in_place: bool
    strips: StripSizes

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
    if (
        not isinstance(operator, Convolution)
        or len(task.stages) > 1
        or task.linear
        or not task.keeps_dtype
        or not can_be_interleaved(frame, stage)
    ):
        return False
    find = partial(extremes_interleaved, frame, stage, operator, task.strips)
    mapping = range_mapping(frame, task.stages, find)
    convolve_interleaved(
        frame, stage, operator, task.target, mapping, in_place=task.in_place, sizes=task.strips
    )
    return True


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
    find = partial(extremes, frame, stages, task.linear, task.strips)
    in_range = unchanged if task.is_float else range_mapping(frame, stages, find)
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
