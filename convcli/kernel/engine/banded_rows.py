"""The rows that a banded product reads, as im2col columns: each row several times, shifted."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from convcli.kernel.arrays import FloatArray


class Layout(NamedTuple):
    """How the buffer of a thread is cut up: ``rows`` of ``channels`` of ``columns`` copies.

    The taps of neighbouring kernel columns lie ``tap`` samples apart; ``pitch`` is the least
    room for a copy, ``length`` how many samples of a row are read, ``samples`` how many the
    output has.
    """

    rows: int
    channels: int
    columns: int
    tap: int
    pitch: int
    length: int
    samples: int
    dtype: np.dtype[Any]


class Rows:
    """``im2col`` (rows, C, columns, pitch), made from what is written to ``read``.

    ``read`` is (rows, C, copies, length).
    """

    im2col: FloatArray
    read: FloatArray

    def fill(self, rows: slice, group: int) -> None:
        """Make the im2col columns of ``rows`` from what was read, unless they are there already."""


class ShiftedRows(Rows):
    """For stride 1: a row is written to all columns at once, one tap further left in each.

    What goes past the left end of a column lands in the spare room at the end of the one before.
    """

    def __init__(self, layout: Layout) -> None:
        spare = (layout.columns - 1) * layout.tap
        pitch = max(layout.pitch, layout.length) + spare
        shape = (layout.rows, layout.channels, layout.columns, pitch)
        flat = np.zeros(spare + prod(shape), layout.dtype)
        self.im2col = flat[spare:].reshape(shape)
        row, channel, column, item = self.im2col.strides
        self.read = as_strided(
            self.im2col,
            (*shape[:3], layout.length),
            (row, channel, column - layout.tap * item, item),
        )


class StridedRows(Rows):
    """For larger strides: column v has the samples that tap v meets, and no others."""

    def __init__(self, layout: Layout, stride: int) -> None:
        shape = (layout.rows, layout.channels, layout.columns, layout.pitch)
        self.im2col = np.zeros(shape, layout.dtype)
        self.read = np.zeros((*shape[:2], 1, layout.length), layout.dtype)
        self._tap, self._stride, self._samples = layout.tap, stride, layout.samples

    def fill(self, rows: slice, group: int) -> None:
        for column in range(self.im2col.shape[2]):
            tapped = self.read[rows, :, 0, column * self._tap :: self._stride]
            self.im2col[rows, :, column, : self._samples] = tapped[..., : self._samples]
