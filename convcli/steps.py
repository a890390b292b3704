"""Filters made ready for arrays: forwards, transposed, and the presets for upsampling."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convcli.checks import MOST_WEIGHTS
from convcli.errors import FilterError, ShapeError
from convcli.filters import Filter
from convcli.interpolation import KERNEL_AREA, PRESETS, interpolation_taps
from convcli.kernel.arrays import FloatArray
from convcli.kernel.borders import source_index
from convcli.kernel.correlation import strip_worker
from convcli.kernel.geometry import (
    Geometry,
    IntOrPair,
    Pair,
    conv_geometry,
    conv_transpose_geometry,
    pair,
    span,
)
from convcli.kernel.method import Run as StripRun
from convcli.kernel.method import Spec
from convcli.kernel.scan import Scan
from convcli.kernel.transposition import transpose

Runner = Callable[[FloatArray, int, int, bool], FloatArray]
"""``runner(stack, start, stop, biased)``: the rows start to stop of the result (N, F, …), from a
stack (N, C, …) of just the rows that they read."""


_MOST_CHECKED = 4096
"""Weights of a kernel that is tried out before it is needed, which takes some milliseconds."""


def shown_index(start: int, stop: int, size: int, pad_mode: str) -> NDArray[np.intp]:
    """Return which of ``size`` rows each position of ``range(start, stop)`` shows; -1 for zeros."""
    if pad_mode != "zeros":
        return source_index(start, stop, size, pad_mode)
    position = np.arange(start, stop)
    return np.where((position >= 0) & (position < size), position, -1)


@dataclass(frozen=True)
class Step(ABC):
    """A filter made ready for arrays."""

    filter: Filter

    @property
    @abstractmethod
    def channels(self) -> int:
        """How many channels it reads, if it looks across channels."""

    @property
    @abstractmethod
    def answers(self) -> int:
        """How many channels it writes, if it looks across channels."""

    @abstractmethod
    def plan(self, size: Pair) -> tuple[Geometry, Pair]:
        """Return where the taps fall on an image of ``size``, and the size of the result."""

    def check(self, geometry: Geometry) -> None:  # noqa: B027
        """Raise the FilterError that computing would raise whatever the samples are."""

    @abstractmethod
    def reads(self, geometry: Geometry, start: int, stop: int) -> tuple[int, int]:
        """Return the first input row that some output rows read, and the one after the last."""

    @abstractmethod
    def runner(self, geometry: Geometry) -> Runner:
        """Return a function for one thread that computes rows of the result."""

    @abstractmethod
    def centres(self, geometry: Geometry, axis: int) -> NDArray[np.intp]:
        """Return, for each output row or column, the input one under the kernel's centre.

        -1 stands for zeros beyond the border.
        """


@dataclass(frozen=True)
class Convolution(Step):
    """A filter applied forwards."""

    @property
    def channels(self) -> int:
        return int(self.filter.kernel.shape[1])

    @property
    def answers(self) -> int:
        return int(self.filter.kernel.shape[0])

    def plan(self, size: Pair) -> tuple[Geometry, Pair]:
        geometry = conv_geometry(
            size,
            self.filter.kernel.shape[2:],
            self.filter.stride or 1,
            self.filter.pad,
            self.filter.dilation,
        )
        return geometry, geometry.output

    def reads(self, geometry: Geometry, start: int, stop: int) -> tuple[int, int]:
        first = start * geometry.stride[0] - geometry.pads[0]
        last = (stop - 1) * geometry.stride[0] - geometry.pads[0]
        return first, last + span(geometry.kernel[0], geometry.dilation[0])

    def runner(self, geometry: Geometry) -> Runner:
        kernel = self.filter.kernel.astype(np.float32)
        offsets = self.filter.offsets.astype(np.float32)
        run = {biased: self._worker(geometry, kernel, biased * offsets) for biased in (True, False)}

        def rows(stack: FloatArray, start: int, stop: int, biased: bool) -> FloatArray:
            shape = (len(stack), len(kernel), stop - start, geometry.output[1])
            answers = np.empty(shape, np.float32)
            for image, target in zip(stack, answers, strict=True):
                run[biased](image, target, 0, 0, stop - start)
            return answers

        return rows

    def in_samples(self, geometry: Geometry, pixel: int, scale: int) -> StripRun:
        """Return the convolution of rows of samples as they lie in a picture, for one thread.

        ``pixel`` samples of each row make a pixel, each a channel by itself; the sample
        ``scale`` stands for 1.
        """
        kernel = self.filter.kernel.astype(np.float32)
        offsets = self.filter.offsets.astype(np.float32) * np.float32(scale)
        return self._worker(geometry, kernel, offsets, pixel, of_bytes=scale == 255)

    def _worker(
        self,
        geometry: Geometry,
        kernel: FloatArray,
        offsets: FloatArray,
        pixel: int = 1,
        of_bytes: bool = False,
    ) -> StripRun:
        scan = Scan.of(geometry, self.filter.pad_mode)
        # The rows come with their border.
        scan = scan._replace(origin=(0, scan.origin[1]), pixel=pixel)
        bias = offsets[np.newaxis] if offsets.any() else None
        spec = Spec(kernel[np.newaxis], bias, scan, geometry.image[1])
        return strip_worker(spec, of_bytes=of_bytes)

    def centres(self, geometry: Geometry, axis: int) -> NDArray[np.intp]:
        reach = span(geometry.kernel[axis], geometry.dilation[axis]) - 1
        first = reach // 2 - geometry.pads[axis]
        last = first + (geometry.output[axis] - 1) * geometry.stride[axis]
        shown = shown_index(first, last + 1, geometry.image[axis], self.filter.pad_mode)
        return shown[:: geometry.stride[axis]]


@dataclass(frozen=True)
class Transposition(Step):
    """A filter applied transposed; ``normalize`` divides by what ones would give."""

    output_padding: IntOrPair
    normalize: bool

    def __post_init__(self) -> None:
        """Refuse what has no meaning transposed."""
        name = self.filter.name or "given"
        if self.filter.reduce is not None:
            raise FilterError(
                f"filter {name}: a bank with reduce makes many answers of one picture, and has no "
                "transpose: use one of its kernels"
            )
        if np.ndim(self.filter.bias):
            raise FilterError(
                f"filter {name}: a transposed convolution writes the channels that the filter "
                "reads, so it takes one number as bias"
            )

    @property
    def channels(self) -> int:
        return int(self.filter.kernel.shape[0])

    @property
    def answers(self) -> int:
        return int(self.filter.kernel.shape[1])

    def plan(self, size: Pair) -> tuple[Geometry, Pair]:
        geometry = conv_transpose_geometry(
            size,
            self.filter.kernel.shape[2:],
            self.filter.stride or 2,
            self.filter.pad,
            self.output_padding,
            self.filter.dilation,
        )
        return geometry, geometry.image

    def reads(self, geometry: Geometry, start: int, stop: int) -> tuple[int, int]:
        top, stride = geometry.pads[0], geometry.stride[0]
        reach = span(geometry.kernel[0], geometry.dilation[0]) - 1
        first = -(-(start + top - reach) // stride)
        # Between kernels that lie far apart rows may read nothing: then one that adds nothing.
        return first, max((stop - 1 + top) // stride, first) + 1

    def runner(self, geometry: Geometry) -> Runner:
        kernel = self.filter.kernel.astype(np.float32)

        def transposed(stack: FloatArray, start: int, stop: int) -> FloatArray:
            first, past = self.reads(geometry, start, stop)
            _, left, _, right = geometry.pads
            part = geometry._replace(
                image=(stop - start, geometry.image[1]),
                pads=(start + geometry.pads[0] - first * geometry.stride[0], left, 0, right),
                output=(past - first, geometry.output[1]),
            )
            return transpose(stack, kernel, part, 1, self.filter.pad_mode)

        def rows(stack: FloatArray, start: int, stop: int, biased: bool) -> FloatArray:
            answers = transposed(stack, start, stop)
            if self.normalize:
                answers /= self._divisor(transposed, geometry, start, stop)
            if biased:
                answers += np.float32(self.filter.offsets[0])
            return answers

        return rows

    def check(self, geometry: Geometry) -> None:
        """Refuse a normalisation that would divide by zero, unless the kernel is a large one.

        Away from the borders the divisor repeats itself with the stride, so an image of which the
        borders lie just apart has every value of a larger one.
        """
        if not self.normalize or self.filter.kernel[0, 0].size > _MOST_CHECKED:
            return
        reach = max(
            span(kernel, dilation) + pad
            for kernel, dilation, pad in zip(
                geometry.kernel * 2, geometry.dilation * 2, geometry.pads, strict=True
            )
        )
        height, width = (
            min(side, 2 * -(-reach // stride) + 2)
            for side, stride in zip(geometry.output, geometry.stride, strict=True)
        )
        small, after = self.plan((height, width))
        first, past = self.reads(small, 0, after[0])
        nothing = np.zeros((1, self.channels, past - first, width), np.float32)
        self.runner(small)(nothing, 0, after[0], False)

    def _divisor(
        self,
        transposed: Callable[[FloatArray, int, int], FloatArray],
        geometry: Geometry,
        start: int,
        stop: int,
    ) -> FloatArray:
        """Return the rows of the transposed convolution of ones."""
        first, past = self.reads(geometry, start, stop)
        ones = np.ones((1, self.channels, past - first, geometry.output[1]), np.float32)
        if self.filter.pad_mode == "zeros":
            position = np.arange(first, past)
            ones[:, :, (position < 0) | (position >= geometry.output[0])] = 0
        divisor = transposed(ones, start, stop)
        if np.abs(divisor).min() <= 1e-6 * np.abs(divisor).max():
            raise FilterError(
                f"filter {self.filter.name or 'given'}: the transposed convolution of ones "
                "vanishes somewhere, so nothing can be divided by it: give normalize=False"
            )
        return divisor

    def centres(self, geometry: Geometry, axis: int) -> NDArray[np.intp]:
        centre = (span(geometry.kernel[axis], geometry.dilation[axis]) - 1) / 2
        offset = geometry.pads[axis] - centre
        index = (np.arange(geometry.image[axis]) + offset) / geometry.stride[axis]
        return np.clip(np.floor(index + 0.5).astype(np.intp), 0, geometry.output[axis] - 1)


def preset_filter(preset: str, scale: IntOrPair) -> Filter:
    """Return the filter of an upsampling preset for ``scale``. Raises :class:`FilterError`."""
    if preset not in PRESETS:
        raise FilterError(f"no upsampling preset is called {preset!r}: {', '.join(PRESETS)} are")
    try:
        factors = pair(scale, "scale", 1)
    except ShapeError as error:
        raise FilterError(str(error)) from None
    if factors[0] * factors[1] * KERNEL_AREA[preset] > MOST_WEIGHTS:
        raise FilterError(
            f"a scale of {factors[1]}×{factors[0]} makes a {preset} kernel of more than "
            f"{MOST_WEIGHTS:,} weights: use a smaller one, twice"
        )
    (taps_y, crop_y), (taps_x, crop_x) = (interpolation_taps(preset, f) for f in factors)
    return Filter(np.outer(taps_y, taps_x), stride=factors, pad=(crop_y, crop_x), name=preset)
