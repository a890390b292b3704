"""The rows that a banded product reads, laid out for it: every row in several slots."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import as_strided

from convcli.kernel.arrays import FloatArray

if TYPE_CHECKING:
    from convcli.kernel.engine.banded import Banded


class Rows:
    """The buffer of a thread: ``slots`` (rows, C, slots, pitch), filled from ``read``.

    ``read`` (rows, C, copies, length) is where a row goes as it is read.
    """

    slots: FloatArray
    read: FloatArray

    def fill(self, rows: slice, group: int) -> None:
        """Make the slots of ``rows`` from what was read, if they do not lie there already."""


class ShiftedRows(Rows):
    """For stride 1: every row is written to all slots at once, to each one tap further left.

    What falls off the left end of a slot lands in the spare room at the end of the one before.
    """

    def __init__(self, method: Banded, count: int, length: int) -> None:
        spare = (method.slots - 1) * method.tap
        pitch = max(method.pitch, length) + spare
        shape = (count, method.depth, method.slots, pitch)
        flat = np.zeros(spare + prod(shape), method.spec.dtype)
        self.slots = flat[spare:].reshape(shape)
        row, channel, slot, item = self.slots.strides
        self.read = as_strided(
            self.slots, (*shape[:3], length), (row, channel, slot - method.tap * item, item)
        )


class StridedRows(Rows):
    """For larger strides: slot v has the samples that tap v meets, and no others."""

    def __init__(self, method: Banded, count: int, length: int) -> None:
        self.slots = np.zeros((count, method.depth, method.slots, method.pitch), method.spec.dtype)
        self.read = np.zeros((count, method.depth, 1, length), method.spec.dtype)
        self._tap, self._stride = method.tap, method.spec.scan.stride[1]
        self._samples = method.spec.samples

    def fill(self, rows: slice, group: int) -> None:
        for slot in range(self.slots.shape[2]):
            met = self.read[rows, :, 0, slot * self._tap :: self._stride]
            self.slots[rows, :, slot, : self._samples] = met[..., : self._samples]
