"""Sizes, channels and transparency before and after every operator, in integers.

All of it follows from the header of a picture, before samples are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from convcli.errors import ImageError, ShapeError
from convcli.filters.validate import shape_text
from convcli.images.decoding.opened import MOST_FRAMES
from convcli.images.picture import ALPHA_MODES
from convcli.kernel.geometry import LARGEST, Geometry, Pair
from convcli.pipeline.operators import Operator
from convcli.system.warn import warn

MAX_PIXELS = 89_478_485
"""As many pixels as fit 256 MiB at three bytes each: Pillow's limit, used for results here."""

MOST_CHANNELS = 4
"""Results with more channels are limited to fewer pixels, so that memory is limited."""


class AlphaPolicy(Enum):
    """What an operator does with alpha."""

    OPAQUE = "there is none"
    PREMULTIPLIED = "premultiplied colour and alpha are filtered alike"
    SAMPLED = "colour is filtered alone; alpha is sampled at the kernel's centre"
    STORED = "alpha is one of the channels that the filter reads and writes"
    OUTPUT = "colour is filtered alone, and the last output channel is alpha"
    DROPPED = "colour is filtered alone, and alpha is dropped"


class Stage(NamedTuple):
    """An operator for a frame: its geometry, and the size and colour channels of its result."""

    operator: Operator
    alpha_policy: AlphaPolicy
    geometry: Geometry
    size: Pair
    colours: int


class FrameShapes(NamedTuple):
    """The stages of a frame, and size and channels of the final result."""

    stages: list[Stage]
    size: Pair
    colours: int
    has_alpha: bool


def shapes_of_frames(
    operators: Sequence[Operator],
    size: Pair,
    channels: int,
    *,
    mode: str = "",
    frames: int = 1,
    max_pixels: int = MAX_PIXELS,
) -> FrameShapes:
    """Return the shapes of each of ``frames`` equal frames, from what a header says.

    ``size`` is (H, W), and ``mode`` a frame's. Raises and warns as computing does.
    """
    shapes = shapes_of_frame(operators, size, channels, mode, max_pixels)
    check_sum([shapes] * frames, max_pixels)
    return shapes


def result_mode(before: str, shapes: FrameShapes) -> str:
    """Return the mode of a result, or "" if none fits or the input was an array."""
    if shapes.has_alpha:
        return {1: "LA", 3: "RGBA"}.get(shapes.colours, "")
    if before == "" or shapes.colours == 4:
        return before if before == "CMYK" else ""
    return {1: "L", 3: "RGB"}.get(shapes.colours, "")


def shapes_of_frame(
    operators: Sequence[Operator], size: Pair, channels: int, mode: str, max_pixels: int
) -> FrameShapes:
    """Return the shapes of a frame. Raises :class:`ImageError` where one is too large."""
    stages: list[Stage] = []
    has_alpha = mode in ALPHA_MODES
    colours = channels - has_alpha
    for operator in operators:
        geometry = operator.geometry(size)
        after = operator.output_size(geometry)
        policy, colours = _alpha_policy(operator, colours, has_alpha, size == after)
        _check_size(geometry, after, colours + has_alpha, max_pixels)
        if policy is AlphaPolicy.DROPPED:
            warn("transparency is dropped: the filter's result has another size or channel count")
        if policy is AlphaPolicy.DROPPED:
            has_alpha = False
        elif policy is AlphaPolicy.STORED:
            has_alpha = operator.output_channels == operator.input_channels
        if mode == "RGBA" and colours == 4:  # an RGBA picture stays RGBA
            policy, colours, has_alpha = AlphaPolicy.OUTPUT, 3, True
        stages.append(Stage(operator, policy, geometry, after, colours))
        size = after
    return FrameShapes(stages, size, colours, has_alpha)


def _alpha_policy(
    operator: Operator, colours: int, has_alpha: bool, same_size: bool
) -> tuple[AlphaPolicy, int]:
    """Return what an operator does with alpha, and how many colour channels its result has."""
    if not operator.filter.is_cross_channel:
        if not has_alpha:
            return AlphaPolicy.OPAQUE, colours
        return (
            AlphaPolicy.SAMPLED if operator.filter.preserve_alpha else AlphaPolicy.PREMULTIPLIED
        ), colours
    if has_alpha and operator.input_channels == colours + 1:
        return (
            AlphaPolicy.STORED,
            colours
            if operator.output_channels == operator.input_channels
            else operator.output_channels,
        )
    if operator.input_channels != colours:
        _refuse_depthwise(operator, colours, has_alpha)
        raise ShapeError(
            f"filter {operator.name} reads {operator.input_channels} channels and the picture "
            f"has {colours}{' and transparency' if has_alpha else ''}: "
            "mode=MODE converts the picture (L has 1, RGB 3, RGBA and CMYK 4)"
        )
    if not has_alpha:
        return AlphaPolicy.OPAQUE, operator.output_channels
    keeps = operator.output_channels in (1, 3) and (same_size or operator.filter.preserve_alpha)
    return (AlphaPolicy.SAMPLED if keeps else AlphaPolicy.DROPPED), operator.output_channels


def _refuse_depthwise(operator: Operator, colours: int, has_alpha: bool) -> None:
    """Raise a ShapeError for [F][1][Hf][Wf] on F channels: a weight with groups in PyTorch."""
    filter = operator.filter
    count = filter.weight_shape[0]
    is_single = filter.weight_shape[1] == 1 and filter.groups == 1
    if is_single and count in (colours, colours + has_alpha):
        raise ShapeError(
            f"filter {operator.name} reads 1 channel and the picture has {count}: "
            f"its weight {shape_text(filter.weight_shape)} looks like that of a depthwise "
            f'convolution in PyTorch: add "groups": {count} to the filter. One kernel for every '
            "channel is written as [Hf][Wf]"
        )


def _check_size(geometry: Geometry, size: Pair, channels: int, max_pixels: int) -> None:
    """Refuse results, and padded images, that are too large."""
    if max(size) > LARGEST:
        raise ImageError(
            f"the result would have {size[1]}×{size[0]} pixels, and no side has more than "
            f"{LARGEST:,}: use a smaller scale or pad"
        )
    top, left, bottom, right = geometry.pads
    inner = geometry.image[0] * geometry.image[1]
    outer = geometry.image[0] + top + bottom, geometry.image[1] + left + right
    # A picture just below the limit may have the border that its filter needs.
    for (height, width), most in ((size, max_pixels), (outer, max(max_pixels, 2 * inner))):
        if height * width > most:
            raise _too_large(f"the result or its border would have {width}×{height}", max_pixels)
    height, width = size
    if height * width * channels > MOST_CHANNELS * max_pixels:
        raise _too_large(
            f"the result would have {channels} channels of {width}×{height}", max_pixels
        )


def check_sum(frames: Sequence[FrameShapes], max_pixels: int) -> None:
    """Refuse animations, stacks and multi-page files whose frames are too large together."""
    total = sum(frame.size[0] * frame.size[1] for frame in frames)
    if len(frames) > 1 and total > MOST_FRAMES * max_pixels:
        raise _too_large(f"{len(frames)} frames would have {total:,}", max_pixels)


def _too_large(fault: str, max_pixels: int) -> ImageError:
    return ImageError(
        f"{fault} pixels, more than the limit of {max_pixels:,} (max_pixels=N): "
        "use a smaller scale, pad or dilation"
    )
