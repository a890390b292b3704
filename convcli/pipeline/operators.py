"""Operators: a filter as a convolution or transposed convolution, prepared for a frame size."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from convcli.errors import FilterError, ShapeError
from convcli.filters import Filter
from convcli.filters.doubts import doubts
from convcli.filters.interpolation import KERNEL_AREA, PRESETS, interpolation_taps
from convcli.filters.validate import MOST_WEIGHTS
from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine.dispatch import estimate, prepare
from convcli.kernel.engine.method import Method
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.factors import Factors, Weight
from convcli.kernel.geometry import (
    Geometry,
    IntOrPair,
    Pair,
    conv_geometry,
    conv_transpose_geometry,
    effective_size,
    pair,
)
from convcli.kernel.padding import source_index
from convcli.kernel.transpose import PreparedTranspose
from convcli.kernel.window import Window
from convcli.pipeline.divisor import Divisor

DEFAULT_SCALE = 2
"""The stride of a transposed convolution where neither the filter nor the user gives one."""


MOST_CHECKED = 4096
"""Largest kernel, in weights, whose divisor is checked in advance: it takes some milliseconds."""


class ReadsRows(Protocol):
    """Something that knows which input rows its output rows read."""

    def rows_read(self, start: int, stop: int) -> tuple[int, int]:
        """Return the first input row that some output rows read, and the one after the last.

        Rows before 0 and beyond the height are padding.
        """


class Prepared(ReadsRows, Protocol):
    """An operator prepared for frames of one size: computed once, shared by all threads."""

    def rows(self, padded: FloatArray, start: int, stop: int, *, biased: bool) -> FloatArray:
        """Return the output rows start to stop (N, F, rows, W).

        ``padded`` (N, C, rows, W) are the input rows that they read, the padding above and below
        the image included. ``biased`` adds the filter's bias.
        """


@dataclass(frozen=True)
class Operator(ABC):
    """A filter as a linear map of pictures."""

    filter: Filter

    @property
    def name(self) -> str:
        """The name of the filter in messages."""
        return self.filter.name or "given"

    @property
    @abstractmethod
    def input_channels(self) -> int:
        """How many channels a cross-channel filter reads."""

    @property
    @abstractmethod
    def output_channels(self) -> int:
        """How many channels a cross-channel filter writes."""

    @abstractmethod
    def geometry(self, size: Pair) -> Geometry:
        """Return sizes, padding, stride and dilation for an image of ``size``."""

    @abstractmethod
    def input_size(self, geometry: Geometry) -> Pair:
        """Return the size of the input."""

    @abstractmethod
    def output_size(self, geometry: Geometry) -> Pair:
        """Return the size of the result."""

    @abstractmethod
    def prepare(self, geometry: Geometry) -> Prepared:
        """Return this operator prepared for frames of one size."""

    def check(self, geometry: Geometry) -> None:  # noqa: B027
        """Raise the FilterError that computing would raise for any samples."""

    def doubts(self) -> list[str]:
        """Return what makes white or black pictures of most, a sentence each."""
        return []

    @abstractmethod
    def centres(self, geometry: Geometry, axis: int) -> NDArray[np.intp]:
        """Return, for each output row or column, the input one under the kernel's centre.

        -1 is a zero of the padding.
        """


@dataclass(frozen=True)
class FrameOperator(Operator):
    """An operator whose samples each depend on the whole frame: it is not computed in strips.

    It can only be the last one of several.
    """

    @abstractmethod
    def prepare_frame(self, geometry: Geometry) -> Callable[[FloatArray], FloatArray]:
        """Return the function from the planes of a frame to those of the result, (C, H, W) each.

        A filter for every channel gets one plane at a time. The function may overwrite its
        argument, which has the filter's bias subtracted. It raises :class:`ImageError` for samples
        that it cannot process.
        """

    @abstractmethod
    def memory(self, geometry: Geometry) -> int:
        """Return about how many bytes of memory it takes for a frame."""

    def prepare(self, geometry: Geometry) -> Prepared:
        """Refuse to be computed in strips."""
        raise FilterError(
            f"filter {self.name}: what is computed from whole frames has to be the last step; "
            "process its result separately"
        )


@dataclass(frozen=True)
class Convolution(Operator):
    """A filter applied as a convolution."""

    @property
    def input_channels(self) -> int:
        return self.filter.kernel_shape[1] * self.filter.groups

    @property
    def output_channels(self) -> int:
        return self.filter.kernel_shape[0]

    def geometry(self, size: Pair) -> Geometry:
        return conv_geometry(
            size,
            self.filter.kernel_shape[2:],
            self.filter.stride or 1,
            self.filter.pad,
            self.filter.dilation,
        )

    def input_size(self, geometry: Geometry) -> Pair:
        return geometry.image

    def output_size(self, geometry: Geometry) -> Pair:
        return geometry.output

    def doubts(self) -> list[str]:
        return doubts(self.filter)

    def prepare(self, geometry: Geometry) -> PreparedConvolution:
        return PreparedConvolution(self.filter, geometry)

    def prepare_samples(self, geometry: Geometry, channels: int, scale: int) -> PreparedConvolution:
        """Return the convolution prepared for interleaved integer samples.

        Each of the ``channels`` is convolved independently; ``scale`` is the sample value that
        represents 1.
        """
        return PreparedConvolution(self.filter, geometry, channels, scale)

    def prepare_values(self, geometry: Geometry, channels: int, scale: int) -> list[Method]:
        """Return the method of each kernel of a bank, from such samples to values of their scale.

        A filter that is not a bank has one. Rows are read padded, columns are not.
        """
        return [
            prepare(problem, from_bytes=scale == 255, to_floats=True, keep=True)
            for problem in self.value_problems(geometry, channels, scale)
        ]

    def value_problems(
        self, geometry: Geometry, channels: int, scale: int
    ) -> list[ConvolutionProblem]:
        """Return what each method of :meth:`prepare_values` computes."""
        kernels = self.filter.kernel_as(np.float32)
        weights = [kernels] if isinstance(kernels, Factors) else list(kernels[:, np.newaxis])
        window = Window.of(geometry, self.filter.pad_mode).on_padded_rows()
        window = window._replace(interleaved=channels)
        problems = []
        for weight, offset in zip(weights, self.filter.offsets, strict=True):
            bias = np.array([[offset * scale]], np.float32) if offset else None
            problems.append(
                ConvolutionProblem(_by_group(weight, 1), bias, window, geometry.image[1])
            )
        return problems

    def centres(self, geometry: Geometry, axis: int) -> NDArray[np.intp]:
        reach = effective_size(geometry.kernel[axis], geometry.dilation[axis]) - 1
        first = reach // 2 - geometry.pads[axis]
        last = first + (geometry.output[axis] - 1) * geometry.stride[axis]
        index = source_index(first, last + 1, geometry.image[axis], self.filter.pad_mode)
        return index[:: geometry.stride[axis]]


class PreparedConvolution:
    """A convolution prepared for frames of one size."""

    def __init__(
        self, filter: Filter, geometry: Geometry, interleaved: int = 1, scale: int = 1
    ) -> None:
        self._geometry = geometry
        window = Window.of(geometry, filter.pad_mode).on_padded_rows()
        self._problem = ConvolutionProblem(
            _by_group(filter.kernel_as(np.float32), filter.groups),
            None,
            window._replace(interleaved=interleaved),
            geometry.image[1],
        )
        offsets = filter.offsets.astype(np.float32) * np.float32(scale)
        self._bias = offsets.reshape(filter.groups, -1) if offsets.any() else None
        self._from_bytes = scale == 255

    def estimate(self) -> tuple[str, float]:
        """Return the method that will be chosen, and its nanoseconds for a sample on one core."""
        problem = self._problem._replace(bias=self._bias)
        return estimate(problem, from_bytes=self._from_bytes)

    @cached_property
    def _biased(self) -> Method:
        problem = self._problem._replace(bias=self._bias)
        return prepare(problem, from_bytes=self._from_bytes, keep=True)

    @cached_property
    def _unbiased(self) -> Method:
        if self._bias is None:
            return self._biased
        return prepare(self._problem, from_bytes=self._from_bytes, keep=True)

    @property
    def method(self) -> Method:
        """The method that :meth:`samples` uses."""
        return self._biased

    def rows_read(self, start: int, stop: int) -> tuple[int, int]:
        geometry = self._geometry
        first = start * geometry.stride[0] - geometry.pads[0]
        last = (stop - 1) * geometry.stride[0] - geometry.pads[0]
        return first, last + effective_size(geometry.kernel[0], geometry.dilation[0])

    def rows(self, padded: FloatArray, start: int, stop: int, *, biased: bool) -> FloatArray:
        groups, written, read = self._problem.shape[:3]
        shape = (len(padded), groups * written, stop - start, self._geometry.output[1])
        outputs = np.empty(shape, np.float32)
        method = self._biased if biased else self._unbiased
        for image, target in zip(padded, outputs, strict=True):
            for group in range(groups):
                inputs = image[group * read : (group + 1) * read]
                results = target[group * written : (group + 1) * written]
                method.rows(inputs, results, group, 0, stop - start)
        return outputs

    def samples(self, padded: NDArray[Any], rows: int) -> NDArray[Any]:
        """Return rows of integer samples (rows, W, C) from the padded rows that they read."""
        samples = self._problem.samples
        outputs = np.empty((1, rows, samples), padded.dtype)
        self._biased.rows(padded.reshape(1, len(padded), -1), outputs, 0, 0, rows)
        return outputs.reshape(rows, self._geometry.output[1], -1)


def _by_group(kernel: Weight, groups: int) -> Weight:
    """Return a kernel (F, C/groups, Hf, Wf) as (groups, F/groups, C/groups, Hf, Wf)."""
    if isinstance(kernel, Factors):
        return kernel
    return kernel.reshape(groups, -1, *kernel.shape[1:])


@dataclass(frozen=True)
class TransposedConvolution(Operator):
    """A filter applied as a transposed convolution.

    ``normalize`` divides by the transposed convolution of ones.
    """

    output_padding: IntOrPair = 0
    normalize: bool = False

    def __post_init__(self) -> None:
        """Refuse filters that have no transpose."""
        if self.filter.reduce is not None:
            raise FilterError(
                f"filter {self.name}: a bank with reduce makes several results of one picture, and "
                "has no transpose: use one of its kernels"
            )
        if np.ndim(self.filter.bias):
            raise FilterError(
                f"filter {self.name}: a transposed convolution writes the channels that the filter "
                "reads, so it takes one number as bias"
            )

    @property
    def input_channels(self) -> int:
        return self.filter.kernel_shape[0]

    @property
    def output_channels(self) -> int:
        return self.filter.kernel_shape[1] * self.filter.groups

    def geometry(self, size: Pair) -> Geometry:
        return conv_transpose_geometry(
            size,
            self.filter.kernel_shape[2:],
            self.filter.stride or DEFAULT_SCALE,
            self.filter.pad,
            self.output_padding,
            self.filter.dilation,
        )

    def input_size(self, geometry: Geometry) -> Pair:
        return geometry.output

    def output_size(self, geometry: Geometry) -> Pair:
        return geometry.image

    def doubts(self) -> list[str]:
        stride = self.filter.stride or DEFAULT_SCALE
        gain = stride * stride if isinstance(stride, int) else prod(stride)
        return doubts(self.filter, math.inf if self.normalize else gain)

    def prepare(self, geometry: Geometry) -> PreparedUpsampling:
        return PreparedUpsampling(self, geometry)

    def divisor(self, geometry: Geometry) -> Divisor:
        """Return what normalisation divides by. Raises :class:`FilterError` where that is 0."""
        kernel = self.filter.kernel_as(np.float32)
        return Divisor(kernel, geometry, self.filter.pad_mode, self.name, self.filter.groups)

    def check(self, geometry: Geometry) -> None:
        """Raise a FilterError where normalising would divide by 0; skips large kernels."""
        if self.normalize and prod(self.filter.kernel_shape[2:]) <= MOST_CHECKED:
            self.divisor(geometry)

    def centres(self, geometry: Geometry, axis: int) -> NDArray[np.intp]:
        centre = (effective_size(geometry.kernel[axis], geometry.dilation[axis]) - 1) / 2
        offset = geometry.pads[axis] - centre
        index = (np.arange(geometry.image[axis]) + offset) / geometry.stride[axis]
        return np.clip(np.floor(index + 0.5).astype(np.intp), 0, geometry.output[axis] - 1)


class PreparedUpsampling:
    """A transposed convolution prepared for frames of one size, with its divisor."""

    def __init__(self, operator: TransposedConvolution, geometry: Geometry) -> None:
        filter = operator.filter
        self._transpose = PreparedTranspose(
            filter.kernel_as(np.float32),
            geometry,
            filter.groups,
            pad_mode=filter.pad_mode,
            on_padded_rows=True,
        )
        self._offset = np.float32(filter.offsets[0])
        self._divisor = operator.divisor(geometry) if operator.normalize else None

    def rows_read(self, start: int, stop: int) -> tuple[int, int]:
        return self._transpose.rows_read(start, stop)

    def rows(self, padded: FloatArray, start: int, stop: int, *, biased: bool) -> FloatArray:
        outputs = self._transpose.rows(padded, start, stop)
        if self._divisor is not None:
            outputs /= self._divisor.rows(start, stop)
        if biased:
            outputs += self._offset
        return outputs


def preset_filter(preset: str, scale: IntOrPair | None = None) -> Filter:
    """Return the filter of an upsampling preset for ``scale``. Raises :class:`FilterError`."""
    if preset not in PRESETS:
        raise FilterError(f"no upsampling preset is called {preset!r}: {', '.join(PRESETS)} are")
    try:
        factors = pair(DEFAULT_SCALE if scale is None else scale, "scale", 1)
    except ShapeError as error:
        raise FilterError(str(error)) from None
    if factors[0] * factors[1] * KERNEL_AREA[preset] > MOST_WEIGHTS:
        raise FilterError(
            f"a scale of {factors[1]}×{factors[0]} makes a {preset} kernel of more than "
            f"{MOST_WEIGHTS:,} weights: use a smaller one, twice"
        )
    (taps_y, crop_y), (taps_x, crop_x) = (interpolation_taps(preset, f) for f in factors)
    return Filter(column=taps_y, row=taps_x, stride=factors, pad=(crop_y, crop_x), name=preset)
