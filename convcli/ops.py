"""One picture through its filters: channels, transparency, range. No files.

Colour and transparency travel as :class:`Layers`; a :class:`Step` is a filter made ready to be
applied, forwards (:class:`Convolution`) or transposed (:class:`Transposition`). Values stay
unrounded and unclipped from the first step to the last.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from convcli.errors import ImageError, ImageWarning, ShapeError
from convcli.filters import Filter
from convcli.images import Frame, Picture
from convcli.kernel.arrays import FloatArray
from convcli.kernel.geometry import Geometry, IntOrPair, Pair
from convcli.steps import Convolution, Step, Transposition, preset_filter

MAX_PIXELS = 89_478_485
"""As many pixels as fit 256 MiB at three bytes each: Pillow's limit, here for results."""


def apply_filters(
    picture: Picture,
    filters: Sequence[Filter],
    *,
    as_float: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> Picture:
    """Return ``picture`` convolved with each filter in turn, of the same sample type.

    The last filter's ``range`` says what happens to values outside 0-1. With ``as_float`` the
    answers stay as they are, float32 and without range. Raises :class:`ShapeError`,
    :class:`FilterError` or :class:`ImageError`; warns with :class:`ImageWarning` where
    transparency is dropped.
    """
    steps = [Convolution(one) for one in filters]
    return picture.map(lambda frame: _through(frame, steps, as_float, max_pixels))


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
    return picture.map(lambda frame: _through(frame, [step], as_float, max_pixels))


@dataclass(frozen=True)
class Layers:
    """The channels of a frame in flight, (C, H, W), with the transparency apart, (1, H, W)."""

    colour: FloatArray
    alpha: FloatArray | None


def _through(frame: Frame, steps: Sequence[Step], as_float: bool, max_pixels: int) -> Frame:
    size = frame.size
    for step in steps:
        geometry, size = step.plan(size)
        _check_size(geometry, size, max_pixels)
    tensor = frame.tensor()
    layers = Layers(tensor[:-1], tensor[-1:]) if frame.has_alpha else Layers(tensor, None)
    for step in steps:
        layers = _stepped(layers, step)
    colour = layers.colour
    if not as_float and steps:
        colour = _ranged(colour, steps[-1].filter.range)
    tensor = colour if layers.alpha is None else np.concatenate([colour, layers.alpha])
    dtype = np.dtype(np.float32) if as_float else frame.samples.dtype
    return Frame.from_tensor(tensor, _mode(layers, frame.mode), dtype)


def _check_size(geometry: Geometry, size: Pair, max_pixels: int) -> None:
    """Refuse results, and borders on the way to them, that are absurdly large."""
    top, left, bottom, right = geometry.pads
    image = geometry.image[0] + top + bottom, geometry.image[1] + left + right
    for height, width in (size, image):
        if height * width > max_pixels:
            raise ImageError(
                f"the result or its border would have {width}×{height} pixels, more than the "
                f"limit of {max_pixels:,}: use a smaller scale or pad"
            )


def _stepped(layers: Layers, step: Step) -> Layers:
    if step.filter.mixes_channels:
        return _across_channels(layers, step)
    if layers.alpha is None:
        return Layers(_channel_by_channel(layers.colour, step), None)
    if step.filter.preserve_alpha:
        return Layers(_channel_by_channel(layers.colour, step), _sampled(layers, step))
    # Colour weighs as much as it is opaque, so that none leaks out of transparent pixels.
    alpha = _channel_by_channel(layers.alpha, step, biased=False)
    reduced = step.filter.reduce is not None
    colour = _channel_by_channel(layers.colour * layers.alpha, step, biased=reduced)
    visible = np.abs(alpha) > 1e-6
    colour = np.divide(colour, alpha, out=np.zeros_like(colour), where=visible)
    if not reduced:
        colour += np.float32(step.filter.offsets[0])
    return Layers(colour, alpha)


def _channel_by_channel(planes: FloatArray, step: Step, biased: bool = True) -> FloatArray:
    """Return the answers for every plane by itself, the answers of a bank made one."""
    answers = step.run(planes[:, np.newaxis], biased=biased)
    if step.filter.reduce is None:
        return answers[:, 0]
    reduced: FloatArray = _REDUCTIONS[step.filter.reduce](answers)
    return reduced


_REDUCTIONS = {
    "magnitude": lambda answers: np.sqrt(np.square(answers).sum(1)),
    "max": lambda answers: answers.max(1),
    "sum": lambda answers: answers.sum(1),
}


def _across_channels(layers: Layers, step: Step) -> Layers:
    colour, alpha = layers.colour, layers.alpha
    if alpha is not None and step.channels == len(colour) + 1:
        answers = step.run(np.concatenate([colour, alpha])[np.newaxis], biased=True)[0]
        if len(answers) == len(colour) + 1:
            return Layers(answers[:-1], answers[-1:])
        return Layers(answers, None)
    if step.channels != len(colour):
        raise ShapeError(
            f"filter {step.filter.name or 'given'} reads {step.channels} channels and the picture "
            f"has {len(colour)}{' and transparency' if alpha is not None else ''}: "
            "--mode converts the picture (L has 1, RGB 3, RGBA and CMYK 4)"
        )
    answers = step.run(colour[np.newaxis], biased=True)[0]
    if alpha is not None:
        is_picture = len(answers) in (1, 3)
        if is_picture and (answers.shape[1:] == colour.shape[1:] or step.filter.preserve_alpha):
            return Layers(answers, _sampled(layers, step))
        warnings.warn(
            "transparency is dropped: the filter's result has another size or channel count",
            ImageWarning,
            2,
        )
    return Layers(answers, None)


def _sampled(layers: Layers, step: Step) -> FloatArray:
    """Return the alpha that stood under the kernel's centre."""
    assert layers.alpha is not None
    geometry, _ = step.plan(layers.alpha.shape[1:])
    rows, columns = step.centres(geometry, 0), step.centres(geometry, 1)
    return layers.alpha[:, rows[:, np.newaxis], columns]


def _ranged(colour: FloatArray, range: str) -> FloatArray:
    if range == "abs":
        return np.abs(colour)
    if range == "rescale":
        low, high = colour.min(), colour.max()
        # A flat picture has no range to stretch.
        return (colour - low) / (high - low) if high > low else colour
    return colour


def _mode(layers: Layers, before: str) -> str:
    """Return the mode of a result, or "" where it is no picture's or came from an array."""
    count = len(layers.colour)
    if layers.alpha is not None:
        return {1: "LA", 3: "RGBA"}.get(count, "")
    if before == "" or count == 4:
        return before if before == "CMYK" else ""
    return {1: "L", 3: "RGB"}.get(count, "")
