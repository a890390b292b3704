"""The steps of a picture at their places: sizes, channels and transparency, settled in integers.

All of it is known before a sample is touched, and from a header alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from convcli.errors import ImageError, ImageWarning, ShapeError
from convcli.images.opening import MOST_FRAMES
from convcli.images.picture import ALPHA_MODES
from convcli.kernel.geometry import Geometry, Pair
from convcli.steps import Step

MAX_PIXELS = 89_478_485
"""As many pixels as fit 256 MiB at three bytes each: Pillow's limit, here for results."""

MOST_CHANNELS = 4
"""Results with more count as so many more pixels: they are what takes the memory."""


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


class Plan(NamedTuple):
    """The stages that a frame goes through, and ``size``, ``colours`` of what comes out."""

    stages: list[Stage]
    size: Pair
    colours: int
    has_alpha: bool


def result_mode(before: str, plan: Plan) -> str:
    """Return the mode of a result, or "" where it is no picture's or came from an array."""
    if plan.has_alpha:
        return {1: "LA", 3: "RGBA"}.get(plan.colours, "")
    if before == "" or plan.colours == 4:
        return before if before == "CMYK" else ""
    return {1: "L", 3: "RGB"}.get(plan.colours, "")


def plan_frame(
    steps: Sequence[Step], size: Pair, channels: int, mode: str, max_pixels: int
) -> Plan:
    """Settle every step for a frame; refuse one whose result would be absurdly large."""
    stages: list[Stage] = []
    has_alpha = mode in ALPHA_MODES
    colours = channels - has_alpha
    for step in steps:
        geometry, after = step.plan(size)
        route, colours = _route(step, colours, has_alpha, size == after)
        _check_size(geometry, after, colours + has_alpha, max_pixels)
        if route is Route.DROPPED:
            warnings.warn(
                "transparency is dropped: the filter's result has another size or channel count",
                ImageWarning,
                4,
            )
        stays = step.answers == step.channels if route is Route.STORED else True
        has_alpha = has_alpha and stays and route is not Route.DROPPED
        if mode == "RGBA" and colours == 4:  # what was RGBA stays so
            route, colours, has_alpha = Route.ANSWERED, 3, True
        stages.append(Stage(step, route, geometry, after, colours))
        size = after
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
            "mode=MODE converts the picture (L has 1, RGB 3, RGBA and CMYK 4)"
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


def check_sum(plans: Sequence[Plan], max_pixels: int) -> None:
    """Refuse animations, stacks and many pages that come out absurdly large as a whole."""
    total = sum(plan.size[0] * plan.size[1] for plan in plans)
    if len(plans) > 1 and total > MOST_FRAMES * max_pixels:
        raise _too_large(f"{len(plans)} frames would have {total:,}", max_pixels)


def _too_large(fault: str, max_pixels: int) -> ImageError:
    return ImageError(
        f"{fault} pixels, more than the limit of {max_pixels:,} (max_pixels=N): "
        "use a smaller scale or pad"
    )
