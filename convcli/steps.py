"""Filters made ready for arrays: forwards, transposed, and the presets for upsampling."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convcli.errors import FilterError, ShapeError
from convcli.filters import MOST_WEIGHTS, Filter
from convcli.interpolation import KERNEL_AREA, PRESETS, interpolation_taps
from convcli.kernel import conv2d, conv_transpose2d
from convcli.kernel.arrays import FloatArray
from convcli.kernel.geometry import (
    Geometry,
    IntOrPair,
    Pair,
    conv_geometry,
    conv_transpose_geometry,
    pair,
    span,
)


@dataclass(frozen=True)
class Step(ABC):
    """A filter made ready for arrays."""

    filter: Filter

    @property
    @abstractmethod
    def channels(self) -> int:
        """How many channels it reads, if it looks across channels."""

    @abstractmethod
    def plan(self, size: Pair) -> tuple[Geometry, Pair]:
        """Return where the taps fall on an image of ``size``, and the size of the result."""

    @abstractmethod
    def run(self, stack: FloatArray, *, biased: bool) -> FloatArray:
        """Return the answers for a stack (N, C, H, W)."""

    @abstractmethod
    def centres(self, geometry: Geometry, axis: int) -> NDArray[np.intp]:
        """Return, for each output row or column, the input one under the kernel's centre."""


@dataclass(frozen=True)
class Convolution(Step):
    """A filter applied forwards."""

    @property
    def channels(self) -> int:
        return int(self.filter.kernel.shape[1])

    def plan(self, size: Pair) -> tuple[Geometry, Pair]:
        geometry = conv_geometry(
            size,
            self.filter.kernel.shape[2:],
            self.filter.stride or 1,
            self.filter.pad,
            self.filter.dilation,
        )
        return geometry, geometry.output

    def run(self, stack: FloatArray, *, biased: bool) -> FloatArray:
        return conv2d(
            stack,
            self.filter.kernel,
            self.filter.offsets if biased else None,
            stride=self.filter.stride or 1,
            pad=self.filter.pad,
            pad_mode=self.filter.pad_mode,
            dilation=self.filter.dilation,
        )

    def centres(self, geometry: Geometry, axis: int) -> NDArray[np.intp]:
        offset = (geometry.kernel[axis] - 1) // 2 * geometry.dilation[axis] - geometry.pads[axis]
        index = np.arange(geometry.output[axis]) * geometry.stride[axis] + offset
        return np.clip(index, 0, geometry.image[axis] - 1)


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

    def run(self, stack: FloatArray, *, biased: bool) -> FloatArray:
        answers = self._transposed(stack)
        if self.normalize:
            ones = self._transposed(np.ones((1, *stack.shape[1:]), np.float32))
            if np.abs(ones).min() <= 1e-6 * np.abs(ones).max():
                raise FilterError(
                    f"filter {self.filter.name or 'given'}: the transposed convolution of ones "
                    "vanishes somewhere, so nothing can be divided by it: use --no-normalize"
                )
            answers /= ones
        if biased:
            answers += np.float32(self.filter.offsets[0])
        return answers

    def centres(self, geometry: Geometry, axis: int) -> NDArray[np.intp]:
        centre = (span(geometry.kernel[axis], geometry.dilation[axis]) - 1) / 2
        offset = geometry.pads[axis] - centre
        index = (np.arange(geometry.image[axis]) + offset) / geometry.stride[axis]
        return np.clip(np.floor(index + 0.5).astype(np.intp), 0, geometry.output[axis] - 1)

    def _transposed(self, stack: FloatArray) -> FloatArray:
        return conv_transpose2d(
            stack,
            self.filter.kernel,
            stride=self.filter.stride or 2,
            pad=self.filter.pad,
            pad_mode=self.filter.pad_mode,
            output_padding=self.output_padding,
            dilation=self.filter.dilation,
        )


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
