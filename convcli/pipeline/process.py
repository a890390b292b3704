"""One picture through its operators: computed, or predicted from its header."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from convcli.errors import ImageError
from convcli.images import Frame, Picture
from convcli.images.picture import dtype_of
from convcli.images.raster import ArrayRaster, Raster, UnreadRaster, new_raster
from convcli.kernel.geometry import Pair
from convcli.pipeline.interleaved import (
    OpaqueStrips,
    can_be_interleaved,
    convolve_interleaved,
    extremes_interleaved,
)
from convcli.pipeline.interleaved_stages import can_be_staged, convolve_stages
from convcli.pipeline.operators import (
    Convolution,
    FrameOperator,
    Operator,
    TransposedConvolution,
)
from convcli.pipeline.shapes import (
    MAX_PIXELS,
    AlphaPolicy,
    FrameShapes,
    Stage,
    check_sum,
    result_mode,
    shapes_of_frame,
)
from convcli.pipeline.strips import (
    STRIP_SIZES,
    StripSizes,
    convolve_samples,
    extremes,
    write_layers,
)
from convcli.pipeline.value_range import range_mapping, samples_of, unchanged
from convcli.pipeline.whole_frames import check_whole_frames, write_whole
from convcli.system.progress import part_of
from convcli.system.warn import warn


@dataclass(frozen=True, slots=True)
class Processing:
    """How a picture is processed, apart from its operators.

    ``linear`` converts colour from sRGB to linear light before, and back after. ``as_float``
    returns unclipped float32 samples. ``reuse`` lets the result overwrite the
    picture. ``max_pixels`` limits the size of results; ``strips`` says how they are divided.
    ``depth`` is that of the result, "8", "16" or "float", or None for the picture's; "float" is
    the same as ``as_float``.
    """

    linear: bool = False
    as_float: bool = False
    reuse: bool = False
    max_pixels: int = MAX_PIXELS
    strips: StripSizes = STRIP_SIZES
    depth: str | None = None

    @property
    def is_float(self) -> bool:
        """Whether results are unclipped floats."""
        return self.as_float or self.depth == "float"


PROCESSING = Processing()


def process(
    picture: Picture, operators: Sequence[Operator], processing: Processing = PROCESSING
) -> Picture:
    """Return ``picture`` after ``operators``; raises and warns as :func:`apply_filters`."""
    checked = _check_frames(picture, operators, processing)
    pending = iter(enumerate(checked))

    def processed(frame: Frame) -> Frame:
        number, (shapes, linear) = next(pending)
        with part_of(number, len(checked)):
            return _process_frame(frame, shapes, linear, processing)

    return picture.map(processed)


def predict(
    picture: Picture, operators: Sequence[Operator], processing: Processing = PROCESSING
) -> Picture:
    """Return the picture that :func:`process` would return, without samples; reads none.

    Raises and warns as :func:`process`, as far as sizes, channels and types decide.
    """
    pending = iter(_check_frames(picture, operators, processing))

    def predicted(frame: Frame) -> Frame:
        shapes = next(pending).shapes
        if not shapes.stages:
            return frame
        for stage in shapes.stages:
            stage.operator.check(stage.geometry)
        channels = shapes.colours + shapes.has_alpha
        raster = UnreadRaster(shapes.size, channels, _result_type(frame, processing))
        return Frame(raster, result_mode(frame.mode, shapes))

    return picture.map(predicted)


class _Checked(NamedTuple):
    """The shapes of a frame, and whether its samples are converted to linear light."""

    shapes: FrameShapes
    linear: bool


def _check_frames(
    picture: Picture, operators: Sequence[Operator], processing: Processing
) -> list[_Checked]:
    """Return the shapes of every frame, without reading samples. Raises and warns."""
    known: dict[tuple[Any, ...], _Checked] = {}
    checked: list[_Checked] = []
    for frame in picture.frames:
        raster = frame.raster
        kind = (frame.size, raster.channels, frame.mode, raster.dtype)
        if kind not in known:
            shapes = shapes_of_frame(
                operators, frame.size, raster.channels, frame.mode, processing.max_pixels
            )
            check_whole_frames(shapes.stages)
            linear = bool(shapes.stages) and processing.linear and _is_srgb(frame)
            known[kind] = _Checked(shapes, linear)
        checked.append(known[kind])
    check_sum([one.shapes for one in checked], processing.max_pixels)
    return checked


def _is_srgb(frame: Frame) -> bool:
    """Return whether the samples are sRGB values. Raises ImageError for CMYK."""
    if frame.mode == "CMYK":
        raise ImageError(
            'linear light is defined for sRGB, not for CMYK: mode="RGB" converts the picture'
        )
    if frame.raster.dtype.kind == "f":
        warn(
            "numbers without a scale are taken as linear light already: linear=True changes nothing"
        )
        return False
    return True


def _result_type(frame: Frame, processing: Processing) -> np.dtype[Any]:
    if processing.is_float:
        return np.dtype(np.float32)
    return frame.raster.dtype if processing.depth is None else dtype_of(processing.depth)


def _process_frame(
    frame: Frame, shapes: FrameShapes, linear: bool, processing: Processing
) -> Frame:
    stages = shapes.stages
    if not stages:
        return frame
    last, dtype = stages[-1], _result_type(frame, processing)
    channels = last.colours + shapes.has_alpha
    mode = result_mode(frame.mode, shapes)
    operator = last.operator
    # What is computed from whole frames is written after all of the frame was read.
    in_place = (
        processing.reuse
        and _fits(frame.raster, last.size, channels, dtype)
        and (
            isinstance(operator, FrameOperator)
            or all(_is_local(stage, frame.size) for stage in stages)
        )
    )
    if in_place:
        target = frame.raster
    elif isinstance(operator, TransposedConvolution):
        # Larger than its picture: an array has huge pages, and rows are written to it once.
        target = ArrayRaster(np.empty((*last.size, channels), dtype))
    else:
        target = new_raster(last.size, channels, dtype, mode)
    to_srgb = linear and not processing.is_float
    if isinstance(operator, FrameOperator):
        finish = partial(samples_of, in_range=unchanged, dtype=dtype, to_srgb=to_srgb)
        write_whole(frame, stages, operator, target, finish, linear=linear, sizes=processing.strips)
        return Frame(target, mode)
    if isinstance(operator, TransposedConvolution):
        from convcli.pipeline import enlarge  # modules that apply does not need

        if enlarge.can_enlarge_samples(frame, stages, dtype):
            enlarge.enlarge_samples(
                frame,
                last,
                operator,
                target,
                linear=linear,
                to_srgb=to_srgb,
                sizes=processing.strips,
            )
            return Frame(target, mode)
    if (
        isinstance(operator, Convolution)
        and not linear
        and can_convolve_samples(frame, stages)
        and dtype == frame.raster.dtype
    ):
        convolve_samples(frame, last, operator, target, in_place=in_place, sizes=processing.strips)
        return Frame(target, mode)
    if (
        isinstance(operator, Convolution)
        and len(stages) == 1
        and not linear
        and can_be_interleaved(frame, last)
        and dtype == frame.raster.dtype
    ):
        find = partial(extremes_interleaved, frame, last, operator, processing.strips)
        mapping = range_mapping(frame, stages, find)
        convolve_interleaved(
            frame, last, operator, target, mapping, in_place=in_place, sizes=processing.strips
        )
        return Frame(target, mode)
    if (
        not processing.is_float
        and can_be_staged(frame, stages, linear=linear)
        and dtype == frame.raster.dtype
    ):
        convolve_stages(
            frame, stages, target, linear=linear, in_place=in_place, sizes=processing.strips
        )
        return Frame(target, mode)
    find = partial(extremes, frame, stages, linear, processing.strips)
    in_range = unchanged if processing.is_float else range_mapping(frame, stages, find)
    finish = partial(samples_of, in_range=in_range, dtype=dtype, to_srgb=to_srgb)
    plain = not linear and dtype == frame.raster.dtype
    opaque = OpaqueStrips.of(frame, stages) if plain else None
    write_layers(
        frame,
        stages,
        target,
        finish,
        linear=linear,
        in_place=in_place,
        shortcut=None if opaque is None else opaque.samples,
        sizes=processing.strips,
    )
    return Frame(target, mode)


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


def _fits(raster: Raster, size: Pair, channels: int, dtype: np.dtype[np.generic]) -> bool:
    has_room = (raster.size, raster.channels, raster.dtype) == (size, channels, dtype)
    return has_room and raster.is_writable


def _is_local(stage: Stage, size: Pair) -> bool:
    """Return whether each row of a result is computed from the row it replaces and its halo."""
    return (
        stage.size == size
        and stage.geometry.stride[0] == 1
        and stage.operator.filter.pad_mode != "circular"
    )
