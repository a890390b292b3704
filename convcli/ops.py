"""One picture through its filters: what happens to its channels, transparency and range. No files.

Everything is settled before a sample is touched: the size after each step, the route that
transparency takes through it, and the mode of the result.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from convcli.errors import ImageError, ImageWarning, ShapeError
from convcli.filters import Filter
from convcli.images import Frame, Picture
from convcli.images.opening import MOST_FRAMES
from convcli.images.raster import Raster, new_raster
from convcli.kernel.arrays import FloatArray
from convcli.kernel.geometry import Geometry, IntOrPair, Pair
from convcli.steps import Convolution, Step, Transposition, preset_filter
from convcli.strips import Route, Stage, extremes, write_layers, write_samples

MAX_PIXELS = 89_478_485
"""As many pixels as fit 256 MiB at three bytes each: Pillow's limit, here for results."""

MOST_CHANNELS = 4
"""Results with more count as so many more pixels: they are what takes the memory."""


def apply_filters(
    picture: Picture,
    filters: Sequence[Filter],
    *,
    as_float: bool = False,
    reuse: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> Picture:
    """Return ``picture`` convolved with each filter in turn, of the same sample type.

    The last filter's ``range`` says what happens to values outside 0-1. With ``as_float`` the
    answers stay as they are, float32 and without range. With ``reuse`` the picture's memory may
    be used for the result, and ``picture`` is spent. Raises :class:`ShapeError`,
    :class:`FilterError` or :class:`ImageError`; warns with :class:`ImageWarning` where
    transparency is dropped.
    """
    steps = [Convolution(one) for one in filters]
    return _through_all(picture, steps, as_float, reuse, max_pixels)


def upsample(
    picture: Picture,
    filter: Filter | str = "bilinear",
    *,
    scale: IntOrPair | None = None,
    output_padding: IntOrPair = 0,
    normalize: bool | None = None,
    as_float: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> Picture:
    """Return ``picture`` enlarged by a transposed convolution.

    ``filter`` is a preset (nearest, bilinear, bicubic, lanczos) or a filter of one's own, whose
    ``stride`` is the scale unless ``scale`` says otherwise (2 where neither does).
    ``normalize`` divides by the transposed convolution of ones, which presets do by default.
    Raises and warns as :func:`apply_filters`.
    """
    if isinstance(filter, str):
        normalize = True if normalize is None else normalize
        filter = preset_filter(filter, 2 if scale is None else scale)
    elif scale is not None:
        filter = filter.override(stride=scale)
    step = Transposition(filter, output_padding, bool(normalize))
    return _through_all(picture, [step], as_float, False, max_pixels)


def result_shape(
    steps: Sequence[Step],
    size: Pair,
    channels: int,
    *,
    has_alpha: bool = False,
    frames: int = 1,
    max_pixels: int = MAX_PIXELS,
) -> tuple[int, int, int]:
    """Return (C, H, W) of what ``steps`` make of a picture, from what its header tells.

    ``size`` is (H, W); the last of the ``channels`` is transparency where ``has_alpha``. Raises
    and warns as doing it would.
    """
    plan = _plan(steps, size, channels, has_alpha, max_pixels)
    _check_sum([plan] * frames, max_pixels)
    return plan.colours + plan.has_alpha, *plan.size


class Plan(NamedTuple):
    """The stages that a frame goes through, and ``size``, ``colours`` of what comes out."""

    stages: list[Stage]
    size: Pair
    colours: int
    has_alpha: bool


def _through_all(
    picture: Picture, steps: Sequence[Step], as_float: bool, reuse: bool, max_pixels: int
) -> Picture:
    plans = [
        _plan(steps, frame.size, frame.raster.channels, frame.has_alpha, max_pixels)
        for frame in picture.frames
    ]
    _check_sum(plans, max_pixels)
    waiting = iter(plans)
    return picture.map(lambda frame: _through(frame, next(waiting), as_float, reuse))


def _through(frame: Frame, plan: Plan, as_float: bool, reuse: bool) -> Frame:
    stages, has_alpha = plan.stages, plan.has_alpha
    if not stages:
        return frame
    last = stages[-1]
    dtype = np.dtype(np.float32) if as_float else frame.raster.dtype
    channels = last.colours + has_alpha
    mode = _mode(frame.mode, last.colours, has_alpha)
    in_place = reuse and _fits(frame.raster, last.size, channels, dtype) and not _wraps(stages)
    target = frame.raster if in_place else new_raster(last.size, channels, dtype, mode)
    if _is_direct(frame, stages, dtype):
        assert isinstance(last.step, Convolution)
        write_samples(frame, last, last.step, target, in_place)
    else:
        change = _identity if as_float else _ranged(frame, stages)
        write_layers(frame, stages, target, change, in_place)
    return Frame(target, mode)


def _plan(
    steps: Sequence[Step], size: Pair, channels: int, has_alpha: bool, max_pixels: int
) -> Plan:
    """Settle every step for a frame; refuse one whose result would be absurdly large."""
    stages: list[Stage] = []
    colours = channels - has_alpha
    for step in steps:
        geometry, after = step.plan(size)
        route, colours = _route(step, colours, has_alpha, size == after)
        _check_size(geometry, after, colours + has_alpha, max_pixels)
        stages.append(Stage(step, route, geometry, after, colours))
        size = after
        if route is Route.DROPPED:
            warnings.warn(
                "transparency is dropped: the filter's result has another size or channel count",
                ImageWarning,
                4,
            )
        stays = step.answers == step.channels if route is Route.STORED else True
        has_alpha = has_alpha and stays and route is not Route.DROPPED
    return Plan(stages, size, colours, has_alpha)


def _route(step: Step, colours: int, has_alpha: bool, same_size: bool) -> tuple[Route, int]:
    """Return what a step does about transparency, and how many colour channels it leaves."""
    if not step.filter.mixes_channels:
        if not has_alpha:
            return Route.OPAQUE, colours
        return (Route.SAMPLED if step.filter.preserve_alpha else Route.WEIGHTED), colours
    if has_alpha and step.channels == colours + 1:
        return Route.STORED, colours if step.answers == step.channels else step.answers
    if step.channels != colours:
        raise ShapeError(
            f"filter {step.filter.name or 'given'} reads {step.channels} channels and the picture "
            f"has {colours}{' and transparency' if has_alpha else ''}: "
            "--mode converts the picture (L has 1, RGB 3, RGBA and CMYK 4)"
        )
    if not has_alpha:
        return Route.OPAQUE, step.answers
    keeps = step.answers in (1, 3) and (same_size or step.filter.preserve_alpha)
    return (Route.SAMPLED if keeps else Route.DROPPED), step.answers


def _check_size(geometry: Geometry, size: Pair, channels: int, max_pixels: int) -> None:
    """Refuse results, and borders on the way to them, that are absurdly large."""
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


def _check_sum(plans: Sequence[Plan], max_pixels: int) -> None:
    """Refuse animations, stacks and many pages that come out absurdly large as a whole."""
    total = sum(plan.size[0] * plan.size[1] for plan in plans)
    if len(plans) > 1 and total > MOST_FRAMES * max_pixels:
        raise _too_large(f"{len(plans)} frames would have {total:,}", max_pixels)


def _too_large(fault: str, max_pixels: int) -> ImageError:
    return ImageError(
        f"{fault} pixels, more than the limit of {max_pixels:,} (--max-pixels): "
        "use a smaller scale or pad"
    )


def _is_direct(frame: Frame, stages: Sequence[Stage], dtype: np.dtype[np.generic]) -> bool:
    """Tell whether samples can be convolved as they lie, without becoming layers in between."""
    stage = stages[-1]
    chosen = stage.step.filter
    return (
        len(stages) == 1
        and isinstance(stage.step, Convolution)
        and stage.route is Route.OPAQUE
        and not chosen.mixes_channels
        and chosen.reduce is None
        and chosen.range == "clip"
        and stage.geometry.stride[1] == 1
        and dtype == frame.raster.dtype
        and dtype.kind == "u"
    )


def _fits(raster: Raster, size: Pair, channels: int, dtype: np.dtype[np.generic]) -> bool:
    return (raster.size, raster.channels, raster.dtype) == (size, channels, dtype)


def _wraps(stages: Sequence[Stage]) -> bool:
    """Tell whether some rows read others that are far away."""
    return any(stage.step.filter.pad_mode == "circular" for stage in stages)


def _identity(colour: FloatArray) -> FloatArray:
    return colour


def _ranged(frame: Frame, stages: Sequence[Stage]) -> Callable[[FloatArray], FloatArray]:
    """Return what the last filter's range does to colour."""
    match stages[-1].step.filter.range:
        case "abs":
            return np.abs
        case "rescale":
            low, high = extremes(frame, stages)
            # A flat picture has no range to stretch.
            scale = np.float32(1 / (high - low)) if high > low else None
            return lambda colour: colour if scale is None else (colour - np.float32(low)) * scale
    return _identity


def _mode(before: str, colours: int, has_alpha: bool) -> str:
    """Return the mode of a result, or "" where it is no picture's or came from an array."""
    if has_alpha:
        return {1: "LA", 3: "RGBA"}.get(colours, "")
    if before == "" or colours == 4:
        return before if before == "CMYK" else ""
    return {1: "L", 3: "RGB"}.get(colours, "")
