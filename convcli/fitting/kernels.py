"""The unknown weights of all systems as one filter, and filters as such weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.filters import Filter
from convcli.fitting.geometry import Pair, Relation

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Layout:
    """What is unknown: kernels of ``size``, shared by channels, one for each, or across them.

    ``planes`` are the channel counts of BEFORE and AFTER.
    """

    channels: str
    size: Pair
    planes: Pair
    relation: Relation

    @property
    def inputs(self) -> int:
        """Channels that one kernel reads."""
        return self.planes[0] if self.channels == "mixed" else 1

    @property
    def systems(self) -> int:
        """Independent systems of equations."""
        return 1 if self.channels == "shared" else self.planes[1]

    @property
    def unknowns(self) -> int:
        """Weights of one system."""
        return self.inputs * self.size[0] * self.size[1]

    def weight(self, systems: Array) -> Array:
        """Return the weight of a filter from (systems, unknowns)."""
        kernels = systems.reshape(self.systems, self.inputs, *self.size)
        if self.channels == "shared":
            return kernels[0, 0]
        if self.channels == "separate":
            weight = np.zeros((self.systems, self.systems, *self.size))
            each = np.arange(self.systems)
            weight[each, each] = kernels[:, 0]
            return weight
        if self.relation.is_transposed:  # it maps the filters of the weight to its channels
            return kernels.swapaxes(0, 1)
        return kernels[0] if self.systems == 1 else kernels

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
        """Return the weights (systems, unknowns) and offsets of a filter that could be the answer.

        A smaller kernel is surrounded by zeros. None where it is another kind of filter, or larger.
        """
        if chosen.reduce is not None or chosen.mixes_channels != (self.channels == "mixed"):
            return None
        kernel = chosen.kernel
        top, left = (self.relation.anchor(self.size)[k] - self._anchor(chosen)[k] for k in (0, 1))
        height, width = kernel.shape[2:]
        if min(top, left) < 0 or top + height > self.size[0] or left + width > self.size[1]:
            return None
        if self.channels == "mixed" and self.relation.is_transposed:
            kernel = kernel.swapaxes(0, 1)
        if self.channels == "mixed" and kernel.shape[:2] != (self.systems, self.inputs):
            return None
        weights = np.zeros((self.systems, self.inputs, *self.size))
        weights[:, :, top : top + height, left : left + width] = kernel
        offsets = np.broadcast_to(chosen.offsets, self.systems)
        return weights.reshape(self.systems, -1), np.array(offsets, float)

    def _anchor(self, chosen: Filter) -> Pair:
        shape = chosen.kernel.shape
        return self.relation.anchor((shape[2], shape[3]))
