"""Operators: a filter as a convolution or a transposed convolution."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from convcli.errors import FilterError
from convcli.filters import Filter
from convcli.filters.doubts import doubts
from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine.dispatch import prepare
from convcli.kernel.engine.method import Method
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.factors import Factors
from convcli.kernel.geometry import (
    Geometry,
    IntOrPair,
    Pair,
    conv_geometry,
    conv_transpose_geometry,
    effective_size,
)
from convcli.kernel.padding import source_index
from convcli.kernel.window import Window
from convcli.pipeline.prepared import Prepared, PreparedConvolution, by_group

if TYPE_CHECKING:
    from convcli.pipeline.divisor import Divisor

DEFAULT_SCALE = 2
"""The stride of a transposed convolution where neither the filter nor the user gives one."""


MOST_CHECKED = 4096
"""Largest kernel, in weights, whose divisor is checked in advance: it takes some milliseconds."""


@dataclass(frozen=True, eq=False)
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

    def check(self, geometry: Geometry) -> None:  # noqa: B027 - most operators have none to raise
        """Raise the FilterError that computing would raise for any samples."""

    def doubts(self) -> list[str]:
        """Return what makes white or black pictures of most, a sentence each."""
        return []

    @abstractmethod
    def centres(
        self, geometry: Geometry, axis: int, start: int = 0, stop: int | None = None
    ) -> NDArray[np.intp]:
        """Return, for the output rows or columns start to stop, the input ones under the centre.

        That is the kernel's; -1 is a zero of the padding.
        """


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
                ConvolutionProblem(by_group(weight, 1), bias, window, geometry.image[1])
            )
        return problems

    def centres(
        self, geometry: Geometry, axis: int, start: int = 0, stop: int | None = None
    ) -> NDArray[np.intp]:
        stop = geometry.output[axis] if stop is None else stop
        reach = effective_size(geometry.kernel[axis], geometry.dilation[axis]) - 1
        offset, stride = reach // 2 - geometry.pads[axis], geometry.stride[axis]
        first, last = offset + start * stride, offset + (stop - 1) * stride
        index = source_index(first, last + 1, geometry.image[axis], self.filter.pad_mode)
        return index[::stride]


class BackwardOperator(Operator):
    """From pictures of the shape of a convolution's output to those of its input."""

    @property
    def input_channels(self) -> int:
        return self.filter.kernel_shape[0]

    @property
    def output_channels(self) -> int:
        return self.filter.kernel_shape[1] * self.filter.groups

    def input_size(self, geometry: Geometry) -> Pair:
        return geometry.output

    def output_size(self, geometry: Geometry) -> Pair:
        return geometry.image


@dataclass(frozen=True, eq=False)
class TransposedConvolution(BackwardOperator):
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

    def geometry(self, size: Pair) -> Geometry:
        return conv_transpose_geometry(
            size,
            self.filter.kernel_shape[2:],
            self.filter.stride or DEFAULT_SCALE,
            self.filter.pad,
            self.output_padding,
            self.filter.dilation,
        )

    def doubts(self) -> list[str]:
        stride = self.filter.stride or DEFAULT_SCALE
        gain = stride * stride if isinstance(stride, int) else prod(stride)
        return doubts(self.filter, math.inf if self.normalize else gain)

    def prepare(self, geometry: Geometry) -> Prepared:
        from convcli.pipeline.prepared_upsampling import PreparedUpsampling  # not for apply

        divisor = self.divisor(geometry) if self.normalize else None
        return PreparedUpsampling(self.filter, geometry, divisor)

    def divisor(self, geometry: Geometry) -> Divisor:
        """Return what normalisation divides by. Raises :class:`FilterError` where that is 0."""
        from convcli.pipeline.divisor import Divisor  # not for apply

        kernel = self.filter.kernel_as(np.float64)
        return Divisor(kernel, geometry, self.filter.pad_mode, self.name, self.filter.groups)

    def check(self, geometry: Geometry) -> None:
        """Raise a FilterError where normalising would divide by 0; skips large kernels."""
        if self.normalize and prod(self.filter.kernel_shape[2:]) <= MOST_CHECKED:
            self.divisor(geometry)

    def centres(
        self, geometry: Geometry, axis: int, start: int = 0, stop: int | None = None
    ) -> NDArray[np.intp]:
        stop = geometry.image[axis] if stop is None else stop
        centre = (effective_size(geometry.kernel[axis], geometry.dilation[axis]) - 1) / 2
        offset = geometry.pads[axis] - centre
        index = (np.arange(start, stop) + offset) / geometry.stride[axis]
        return np.clip(np.floor(index + 0.5).astype(np.intp), 0, geometry.output[axis] - 1)
