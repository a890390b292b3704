"""One picture through its filters: planned, computed, brought into range. No files."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.errors import ImageError, ImageWarning
from convcli.filters import Filter
from convcli.images import Frame, Picture
from convcli.images.picture import quantized
from convcli.images.raster import Raster, UnreadRaster, new_raster
from convcli.kernel.arrays import FloatArray
from convcli.kernel.geometry import IntOrPair, Pair
from convcli.light import srgb_samples
from convcli.pipeline import Layers
from convcli.stages import MAX_PIXELS, Plan, Route, Stage, check_sum, plan_frame, result_mode
from convcli.steps import Convolution, Step, Transposition, preset_filter
from convcli.strips import extremes, write_layers, write_samples


def apply_filters(
    picture: Picture,
    filters: Sequence[Filter],
    *,
    linear: bool = False,
    as_float: bool = False,
    reuse: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> Picture:
    """Return ``picture`` convolved with each filter in turn, of the same sample type.

    The last filter's ``range`` says what happens to values outside 0-1. With ``linear`` colour
    is taken from sRGB to linear light first and back last: bias and range then hold for linear
    light. With ``as_float`` the answers stay as they are (of linear light with ``linear``),
    float32 and without range. With ``reuse`` the picture's memory may be used for the result, and
    ``picture`` is spent. Raises :class:`ShapeError`, :class:`FilterError` or
    :class:`ImageError`; warns with :class:`ImageWarning` where transparency is dropped, and where
    ``linear`` means nothing.
    """
    steps = [Convolution(one) for one in filters]
    return _through_all(picture, steps, Wishes(linear, as_float, reuse, max_pixels))


def upsample(
    picture: Picture,
    filter: Filter | str = "bilinear",
    *,
    scale: IntOrPair | None = None,
    output_padding: IntOrPair = 0,
    normalize: bool | None = None,
    linear: bool = False,
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
    return _through_all(picture, [step], Wishes(linear, as_float, False, max_pixels))


class Wishes(NamedTuple):
    """What is asked for beside the filters."""

    linear: bool
    as_float: bool
    reuse: bool
    max_pixels: int


class _Planned(NamedTuple):
    """What a frame goes through; with ``linear`` its samples are taken to linear light."""

    plan: Plan
    linear: bool


def foresee(
    picture: Picture,
    steps: Sequence[Step],
    *,
    linear: bool = False,
    as_float: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> Picture:
    """Return what ``steps`` make of ``picture``, without samples, of which none are needed.

    Raises and warns as :func:`apply_filters`, as far as sizes, channels and types can tell.
    """
    wishes = Wishes(linear, as_float, False, max_pixels)
    planned = _planned(picture, steps, wishes)
    for plan in {id(one): one.plan for one in planned}.values():
        for stage in plan.stages:
            stage.step.check(stage.geometry)
    waiting = iter(planned)

    def foreseen(frame: Frame) -> Frame:
        plan = next(waiting).plan
        channels = plan.colours + plan.has_alpha
        raster = UnreadRaster(plan.size, channels, _result_type(frame, plan, wishes))
        return Frame(raster, result_mode(frame.mode, plan) if plan.stages else frame.mode)

    return picture.map(foreseen)


def _through_all(picture: Picture, steps: Sequence[Step], wishes: Wishes) -> Picture:
    waiting = iter(_planned(picture, steps, wishes))
    return picture.map(lambda frame: _through(frame, *next(waiting), wishes))


def _planned(picture: Picture, steps: Sequence[Step], wishes: Wishes) -> list[_Planned]:
    """Settle every step for every frame, without samples; refuse and warn."""
    known: dict[tuple[Any, ...], _Planned] = {}
    planned: list[_Planned] = []
    for frame in picture.frames:
        raster = frame.raster
        kind = (frame.size, raster.channels, frame.mode, raster.dtype)
        if kind not in known:
            plan = plan_frame(steps, frame.size, raster.channels, frame.mode, wishes.max_pixels)
            linear = bool(plan.stages) and wishes.linear and _has_curve(frame)
            known[kind] = _Planned(plan, linear)
        planned.append(known[kind])
    check_sum([one.plan for one in planned], wishes.max_pixels)
    return planned


def _result_type(frame: Frame, plan: Plan, wishes: Wishes) -> np.dtype[Any]:
    return np.dtype(np.float32) if wishes.as_float and plan.stages else frame.raster.dtype


def _through(frame: Frame, plan: Plan, linear: bool, wishes: Wishes) -> Frame:
    stages, has_alpha = plan.stages, plan.has_alpha
    if not stages:
        return frame
    last = stages[-1]
    dtype = _result_type(frame, plan, wishes)
    channels = last.colours + has_alpha
    mode = result_mode(frame.mode, plan)
    in_place = (
        wishes.reuse
        and _fits(frame.raster, last.size, channels, dtype)
        and all(_keeps_rows_near(stage, frame.size) for stage in stages)
    )
    target = frame.raster if in_place else new_raster(last.size, channels, dtype, mode)
    if not linear and _is_direct(frame, stages, dtype):
        assert isinstance(last.step, Convolution)
        write_samples(frame, last, last.step, target, in_place)
    else:
        change = _identity if wishes.as_float else _ranged(frame, stages, linear)
        curved = linear and not wishes.as_float
        finish = partial(_samples, change=change, dtype=dtype, curved=curved)
        write_layers(frame, stages, target, finish, linear=linear, in_place=in_place)
    return Frame(target, mode)


def _samples(
    layers: Layers,
    change: Callable[[FloatArray], FloatArray],
    dtype: np.dtype[Any],
    curved: bool,
) -> NDArray[Any]:
    """Return finished layers as samples (C, rows, W): ranged, and ``curved`` as sRGB is."""
    colour, alpha = change(layers.colour), layers.alpha
    if curved:
        samples = srgb_samples(colour, dtype)
        return samples if alpha is None else np.concatenate([samples, quantized(alpha, dtype)])
    return quantized(colour if alpha is None else np.concatenate([colour, alpha]), dtype)


def _has_curve(frame: Frame) -> bool:
    """Tell whether the samples are sRGB's; an error where they are another kind of colour."""
    if frame.mode == "CMYK":
        raise ImageError(
            'linear light is defined for sRGB, not for CMYK: mode="RGB" converts the picture'
        )
    if frame.raster.dtype.kind == "f":
        warnings.warn(
            "numbers without a scale are taken as linear light already: "
            "linear=True changes nothing",
            ImageWarning,
            5,
        )
        return False
    return True


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


def _keeps_rows_near(stage: Stage, size: Pair) -> bool:
    """Tell whether each row of ``size`` is made of the one that it replaces and rows around it."""
    return (
        stage.size == size
        and stage.geometry.stride[0] == 1
        and stage.step.filter.pad_mode != "circular"
    )


def _identity(colour: FloatArray) -> FloatArray:
    return colour


def _ranged(
    frame: Frame, stages: Sequence[Stage], linear: bool
) -> Callable[[FloatArray], FloatArray]:
    """Return what the last filter's range does to colour."""
    match stages[-1].step.filter.range:
        case "abs":
            return np.abs
        case "rescale":
            low, high = extremes(frame, stages, linear)
            # A flat picture has no range to stretch, if it were not for rounding.
            is_flat = high - low <= _rounding(frame, stages, max(abs(low), abs(high)))
            scale = None if is_flat else np.float32(1 / (high - low))
            return lambda colour: colour if scale is None else (colour - np.float32(low)) * scale
    return _identity


def _rounding(frame: Frame, stages: Sequence[Stage], most: float) -> float:
    """Return how far apart answers may be that ought to be equal; ``most`` is the greatest."""
    if frame.raster.dtype.kind == "f":
        return 1e-6 * most
    for stage in stages:
        # Of samples from 0 to 1; a sum that cancels out has the rounding of its parts.
        most = max(most, float(np.abs(stage.step.filter.kernel).sum((1, 2, 3)).max()))
    return 1e-6 * most
