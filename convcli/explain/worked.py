"""The sum behind one sample that ``apply`` writes: window, weights, products, range, rounding.

All is computed in float64 from the definition; ``written`` is taken from the result of
:func:`convcli.apply_filters` itself.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from convcli import Filter, Picture, apply_filters
from convcli.errors import ImageWarning, PlanError
from convcli.explain.sums import Floats, Limits, Plane, Sample, Sum, reduced
from convcli.explain.window import Window, channel_names
from convcli.images import Frame
from convcli.kernel.geometry import Geometry
from convcli.pipeline.operators import Convolution
from convcli.pipeline.shapes import MAX_PIXELS, AlphaPolicy, shapes_of_frame


@dataclass(frozen=True)
class Worked:
    """All samples of one pixel of a result, and where they come from."""

    filter: Filter
    frame: Frame
    at: tuple[int, int]
    result_size: tuple[int, int]
    geometry: Geometry
    window: Window
    is_premultiplied: bool
    samples: list[Sample]


def worked_sum(
    picture: Picture, filter: Filter, at: tuple[int, int], *, linear: bool = False
) -> Worked:
    """Return the sum behind row and column ``at`` of the result of ``filter`` on ``picture``.

    Of several frames the first is used. Raises :class:`PlanError` for a pixel outside, and the
    errors of :func:`convcli.apply_filters`.
    """
    picture = replace(picture, frames=picture.frames[:1], is_stack=False)
    frame = picture.frames[0]
    step = Convolution(filter)
    with _quiet():  # computing the result gives the warnings
        plan = shapes_of_frame([step], frame.size, frame.raster.channels, frame.mode, MAX_PIXELS)
    stage = plan.stages[0]
    height, width = plan.size
    if not (0 <= at[0] < height and 0 <= at[1] < width):
        raise PlanError(
            f"row {at[0]}, column {at[1]} is outside: the result is {height}×{width}, "
            f"rows 0 to {height - 1}, columns 0 to {width - 1}"
        )
    result = apply_filters(picture, [filter], linear=linear).frames[0]
    decodes = linear and frame.raster.dtype.kind != "f"
    window = Window(frame, stage.geometry, filter.pad_mode, at, decodes=decodes)
    names = channel_names(result.mode, result.raster.channels)
    samples = _Answers(filter, stage.alpha_policy, window, names).samples()
    limits = _limits(picture, filter, linear, plan.has_alpha, window)
    limits += [None] * (len(samples) - len(limits))
    written = result.raster.read(at[0], at[0] + 1)[0, at[1]]
    return Worked(
        filter,
        frame,
        at,
        plan.size,
        stage.geometry,
        window,
        stage.alpha_policy is AlphaPolicy.PREMULTIPLIED,
        [
            replace(
                sample,
                limits=limits[k],
                ranged=_ranged(sample, k < plan.colours, filter.range, limits[k], window),
                written=float(written[k]),
            )
            for k, sample in enumerate(samples)
        ],
    )


class _Answers:
    """The output of a filter for one window, before the range."""

    def __init__(
        self, filter: Filter, policy: AlphaPolicy, window: Window, names: list[str]
    ) -> None:
        self._filter, self._policy, self._window, self._names = filter, policy, window, names
        weight = filter.weight.reshape((1,) * (4 - filter.weight.ndim) + filter.weight.shape)
        self._weights = weight[..., ::-1, ::-1] if filter.flip else weight
        if filter.divisor == "sum":
            sums = weight.sum((1, 2, 3))
            self._divisors = np.where(sums == 0, 1, sums)
        else:
            self._divisors = np.full(len(weight), float(filter.divisor))
        self._biases = filter.offsets * window.scale

    def samples(self) -> list[Sample]:
        """Return every sample, alpha last, with ``ranged`` and ``written`` not set yet."""
        if self._filter.is_cross_channel:
            samples = self._across()
        else:
            samples = [self._alone(plane, k) for k, plane in enumerate(self._window.colours)]
        if self._policy is AlphaPolicy.SAMPLED:
            place, opacity = self._window.centre()
            samples.append(Sample("alpha", (), opacity, is_copied=True, copied_from=place))
        elif self._policy is AlphaPolicy.PREMULTIPLIED:
            sums, value = self._opacity()
            samples.append(Sample("alpha", sums, value, self._filter.reduce))
        return samples

    def _across(self) -> list[Sample]:
        is_stored = self._policy is AlphaPolicy.STORED
        planes = self._window.values if is_stored else self._window.colours
        filters, channels = self._weights.shape[:2]
        per_group = max(1, filters // (len(planes) // channels))
        samples = []
        for f, weights in enumerate(self._weights):
            first = f // per_group * channels
            read = tuple(
                Plane(self._window.names[first + c], planes[first + c], None, weights[c])
                for c in range(channels)
            )
            one = Sum(read, float(self._divisors[f]), float(self._biases[f]))
            samples.append(Sample(self._names[f], (one,), one.value))
        return samples

    def _alone(self, plane: Floats, channel: int) -> Sample:
        """Return a colour filtered alone, premultiplied if the policy says so."""
        name, reduce = self._window.names[channel], self._filter.reduce
        if self._policy is not AlphaPolicy.PREMULTIPLIED:
            sums = self._sums(name, plane, None, self._biases)
            return Sample(name, sums, reduced([one.value for one in sums], reduce), reduce)
        assert self._window.alpha is not None
        opacity = self._window.alpha / self._window.scale
        # A bank adds its biases before it is reduced, a single kernel after the division.
        before = self._biases if reduce else np.zeros_like(self._biases)
        added = 0.0 if reduce else float(self._biases[0])
        sums = self._sums(name, plane, opacity, before)
        share = self._opacity()[1] / self._window.scale
        combined = reduced([one.value for one in sums], reduce)
        value = (combined / share if abs(share) > 1e-6 else 0.0) + added
        return Sample(name, sums, value, reduce, opacity=share, added=added)

    def _opacity(self) -> tuple[tuple[Sum, ...], float]:
        """Return the filtered opacity, which has no bias."""
        assert self._window.alpha is not None
        sums = self._sums("alpha", self._window.alpha, None, np.zeros_like(self._biases))
        return sums, reduced([one.value for one in sums], self._filter.reduce)

    def _sums(
        self, name: str, plane: Floats, opacity: Floats | None, biases: Floats
    ) -> tuple[Sum, ...]:
        return tuple(
            Sum((Plane(name, plane, opacity, weights[0]),), float(divisor), float(bias))
            for weights, divisor, bias in zip(self._weights, self._divisors, biases, strict=True)
        )


def _ranged(
    sample: Sample,
    is_colour: bool,
    range: str,
    limits: Limits | None,
    window: Window,
) -> float:
    """Return a value after the range, on the scale of the stored samples."""
    value = sample.value
    if is_colour:
        if range == "abs":
            value = abs(value)
        elif limits is not None:
            value = (value - limits[0]) / (limits[1] - limits[0]) * window.scale
        return srgb(value) * window.full if window.decodes else value
    return value * window.full if window.decodes and not sample.is_copied else value


def srgb(light: float) -> float:
    """Return linear light, 0 to 1, as an sRGB value: the curve of IEC 61966-2-1."""
    light = min(max(light, 0.0), 1.0)
    return 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImageWarning)
        yield


def _limits(
    picture: Picture, filter: Filter, linear: bool, has_alpha: bool, window: Window
) -> list[Limits | None]:
    """Return min and max of the visible, finite values for each colour that is rescaled."""
    if not filter.range.startswith("rescale"):
        return []
    with _quiet():
        planes = apply_filters(picture, [filter], linear=linear, as_float=True).tensor
    colour = planes[:-1][:, planes[-1] > 0] if has_alpha else planes
    is_exact = picture.frames[0].raster.dtype.kind == "f"
    sums = np.zeros(1) if is_exact else np.abs(filter.kernel).sum((1, 2, 3))
    if filter.range == "rescale":
        return [_stretched(colour, float(sums.max()), window.scale)] * len(colour)
    by_channel = sums if filter.is_cross_channel and not is_exact else [sums.max()] * len(colour)
    return [
        _stretched(values, float(most), window.scale)
        for values, most in zip(colour, by_channel, strict=False)
    ]


def _stretched(values: np.ndarray, most: float, scale: float) -> Limits | None:
    """Return the limits of values; None where they differ by rounding errors alone.

    ``most`` bounds the terms of the sums.
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        return None
    low, high = float(finite.min()), float(finite.max())
    most = max(most, abs(low), abs(high))
    return None if high - low <= 1e-6 * most else (low * scale, high * scale)
