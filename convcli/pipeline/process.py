"""One picture through its operators: computed, or predicted from its header."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from convcli.errors import ImageError
from convcli.images import Frame, Picture
from convcli.images.picture import dtype_of
from convcli.images.raster import ArrayRaster, Raster, UnreadRaster, new_raster
from convcli.kernel.geometry import Pair
from convcli.pipeline.operators import FrameOperator, Operator, TransposedConvolution
from convcli.pipeline.routes import FrameTask, write_result
from convcli.pipeline.shapes import (
    MAX_PIXELS,
    FrameShapes,
    Stage,
    check_sum,
    result_mode,
    shapes_of_frame,
)
from convcli.pipeline.strips import STRIP_SIZES, StripSizes
from convcli.pipeline.whole_frames import check_whole_frames
from convcli.system.progress import part_of
from convcli.system.warn import warn


class Processing(NamedTuple):
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
    write_result(
        FrameTask(frame, stages, target, linear, processing.is_float, in_place, processing.strips)
    )
    return Frame(target, mode)


def _fits(raster: Raster, size: Pair, channels: int, dtype: np.dtype[np.generic]) -> bool:
    has_room = (raster.size, raster.channels, raster.dtype) == (size, channels, dtype)
    return has_room and raster.is_writable


def _is_local(stage: Stage, size: Pair) -> bool:
    """Return whether each pixel of a result is computed from the one it replaces and its halo."""
    return (
        stage.size == size
        and stage.geometry.stride == (1, 1)
        and stage.operator.filter.pad_mode != "circular"
    )
