"""The unknown weights of all systems as a filter, and a filter as such weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.filters import Filter
from convcli.fitting.geometry import Pair, Relation

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Layout:
    """The unknowns: kernels of ``size``, shared by channels, one for each, or across them.

    ``planes`` are the channel counts of BEFORE and AFTER.
    """

    channels: str
    size: Pair
    planes: Pair
    relation: Relation

    @property
    def inputs(self) -> int:
        """The channels that one kernel reads."""
        return self.planes[0] if self.channels == "mixed" else 1

    @property
    def systems(self) -> int:
        """The number of independent systems of equations."""
        return 1 if self.channels == "shared" else self.planes[1]

    @property
    def unknowns(self) -> int:
        """The weights of one system."""
        return self.inputs * self.size[0] * self.size[1]

    def weight(self, systems: Array) -> Array:
        """Return the weight of a filter from (systems, unknowns)."""
        kernels: Array = systems.reshape(self.systems, self.inputs, *self.size)
        if self.channels == "shared":
            return np.asarray(kernels[0, 0])
        if self.channels == "separate":
            weight = np.zeros((self.systems, self.systems, *self.size))
            each = np.arange(self.systems)
            weight[each, each] = kernels[:, 0]
            return weight
        if self.relation.is_transposed:  # it maps the filters of the weight to its channels
            return np.asarray(kernels.swapaxes(0, 1))
        return np.asarray(kernels[0]) if self.systems == 1 else kernels

    def bias(self, offsets: Array) -> float | tuple[float, ...]:
        """Return the bias of a filter from one number for each system."""
        if self.channels == "shared" or self.relation.is_transposed or len(offsets) == 1:
            return float(offsets[0])
        return tuple(float(offset) for offset in offsets)

    def filter(self, systems: Array, offsets: Array, **options: Any) -> Filter:
        """Return the filter of these weights and offsets."""
        stride = None if self.relation.stride == (1, 1) else self.relation.stride
        return Filter(self.weight(systems), bias=self.bias(offsets), stride=stride, **options)

    def systems_of(self, chosen: Filter) -> tuple[Array, Array] | None:
        """Return the weights (systems, unknowns) and offsets of a filter of this layout.

        A smaller kernel is surrounded by zeros. None for a filter of another kind, or a larger one.
        """
        if chosen.reduce is not None or chosen.is_cross_channel != (self.channels == "mixed"):
            return None
        kernel = chosen.kernel
        if self.channels == "mixed" and self.relation.is_transposed:
            kernel = kernel.swapaxes(0, 1)
        if self.channels == "mixed" and kernel.shape[:2] != (self.systems, self.inputs):
            return None
        weights = np.zeros((self.systems, self.inputs, *self.size))
        top, left = (self.relation.anchor(self.size)[k] - self._anchor(chosen)[k] for k in (0, 1))
        height, width = kernel.shape[2:]
        rows, columns = _overlap(top, height, self.size[0]), _overlap(left, width, self.size[1])
        inner = kernel[:, :, rows[1], columns[1]]
        if np.count_nonzero(inner) < np.count_nonzero(kernel):
            return None
        weights[:, :, rows[0], columns[0]] = inner
        offsets = np.broadcast_to(chosen.offsets, self.systems)
        return weights.reshape(self.systems, -1), np.array(offsets, float)

    def trimmed(self, systems: Array) -> tuple[Layout, Array]:
        """Return the smallest layout with these weights, without zeros around them, and these."""
        layout, kernels = self, systems.reshape(self.systems, self.inputs, *self.size)
        for k in (0, 1):
            size = layout.size
            # Without a stride, an even size would not be centred.
            least, step = (1, 1) if self.relation.stride[k] > 1 else (2 - size[k] % 2, 2)
            for number in range(least, size[k], step):
                smaller = (number, size[1]) if k == 0 else (size[0], number)
                first = self.relation.anchor(size)[k] - self.relation.anchor(smaller)[k]
                if first < 0 or first + number > size[k]:
                    continue
                inner = kernels.take(range(first, first + number), axis=2 + k)
                if np.count_nonzero(inner) == np.count_nonzero(kernels):
                    layout, kernels = replace(layout, size=smaller), inner
                    break
        return layout, kernels.reshape(self.systems, -1)

    def _anchor(self, chosen: Filter) -> Pair:
        shape = chosen.kernel.shape
        return self.relation.anchor((shape[2], shape[3]))


def _overlap(first: int, length: int, size: int) -> tuple[slice, slice]:
    """Return the slices of a row of ``size`` and of one of ``length`` at ``first`` that overlap."""
    low, high = max(0, first), max(0, min(size, first + length))
    return slice(low, max(low, high)), slice(low - first, max(low, high) - first)
