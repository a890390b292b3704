"""The taps of a transposed convolution along one axis, by the phase of the output they reach."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.arrays import FloatArray
from convcli.kernel.geometry import Geometry


class PhaseTaps(NamedTuple):
    """The taps along one axis: tap k reads the element ``offset[k]``, for outputs of ``phase[k]``.

    The elements are counted from the one that the output's tile belongs to.
    """

    stride: int
    phase: NDArray[np.intp]
    offset: NDArray[np.intp]

    @classmethod
    def of(cls, geometry: Geometry, axis: int) -> PhaseTaps:
        """Return the taps of a transposed convolution."""
        stride, dilation = geometry.stride[axis], geometry.dilation[axis]
        position = geometry.pads[axis] - np.arange(geometry.kernel[axis]) * dilation
        phase = -position % stride
        return cls(stride, phase, (position + phase) // stride)

    @property
    def first(self) -> int:
        """The first element that is read, counted from the tile's."""
        return int(self.offset.min())

    @property
    def reach(self) -> int:
        """From the first element that an output tile reads to the last."""
        return int(self.offset.max()) - self.first

    def matrix(self, taps: FloatArray, count: int) -> FloatArray:
        """Return the matrix (count + reach, count · S) that enlarges ``count`` elements."""
        matrix = np.zeros((count + self.reach, count * self.stride), taps.dtype)
        for element in range(count):
            rows = element + self.offset - self.first
            matrix[rows, element * self.stride + self.phase] = taps
        return matrix
