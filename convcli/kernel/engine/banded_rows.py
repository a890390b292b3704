"""The rows that a banded product reads, as im2col columns: each row several times, shifted."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from convcli.kernel.arrays import FloatArray

PAGE, LINE = 4096, 64
"""Bytes: lines nearly a multiple of PAGE apart displace one another from the nearest cache."""


def spread(pitch: int, dtype: np.dtype[Any]) -> int:
    """Return ``pitch``, or a little more where lines would lie nearly a multiple of PAGE apart."""
    bytes_apart = pitch * dtype.itemsize
    return pitch + LINE // dtype.itemsize if bytes_apart % PAGE < LINE else pitch


class Layout(NamedTuple):
    """How the buffer of a thread is cut up: ``rows`` of ``columns`` copies of ``channels``.

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
    """``im2col`` (rows, columns, C, pitch), made from what is written to ``read``.

    ``read`` is (rows, C, copies, length).
    """

    im2col: FloatArray
    read: FloatArray

    def fill(self, rows: slice, group: int) -> None:
        """Make the im2col columns of ``rows`` from what was read, unless they are there already."""


class ShiftedRow(Rows):
    """For few channels, stride 1: a row is written to all columns, one tap further left in each.

    What goes past the left end of a line lands in the spare room at the end of the one before.
    """

    def __init__(self, layout: Layout) -> None:
        spare = (layout.columns - 1) * layout.tap
        pitch = spread(max(layout.pitch, layout.length) + spare, layout.dtype)
        shape = (layout.rows, layout.columns, layout.channels, pitch)
        flat = np.zeros(spare + prod(shape), layout.dtype)
        self.im2col = flat[spare:].reshape(shape)
        row, column, channel, item = self.im2col.strides
        self.read = as_strided(
            self.im2col,
            (layout.rows, layout.channels, layout.columns, layout.length),
            (row, channel, column - layout.tap * item, item),
        )


class ShiftedRows(Rows):
    """For many channels, stride 1: the rows of all of them are shifted together, in one copy.

    They are read to a place of their own: from one column to others, which lie between its rows,
    NumPy would copy by way of a third array.
    """

    def __init__(self, layout: Layout) -> None:
        pitch = spread(max(layout.pitch, layout.length), layout.dtype)
        shape = layout.rows, layout.channels, pitch
        whole_rows = np.zeros(shape, layout.dtype)
        self.read = whole_rows[:, :, np.newaxis, : layout.length]
        self.im2col = np.zeros((layout.rows, layout.columns, *shape[1:]), layout.dtype)
        self._lines = whole_rows.reshape(layout.rows, -1)
        self._columns = self.im2col.reshape(layout.rows, layout.columns, -1)
        self._tap = layout.tap

    def fill(self, rows: slice, group: int) -> None:
        length = self._lines.shape[1]
        for column in range(self._columns.shape[1]):
            shift = column * self._tap
            self._columns[rows, column, : length - shift] = self._lines[rows, shift:]


class StridedRows(Rows):
    """For larger strides: column v has the samples that tap v meets, and no others."""

    def __init__(self, layout: Layout, stride: int) -> None:
        shape = (layout.rows, layout.columns, layout.channels, layout.pitch)
        self.im2col = np.zeros(shape, layout.dtype)
        self.read = np.zeros((layout.rows, layout.channels, 1, layout.length), layout.dtype)
        self._tap, self._stride, self._samples = layout.tap, stride, layout.samples

    def fill(self, rows: slice, group: int) -> None:
        for column in range(self.im2col.shape[1]):
            tapped = self.read[rows, :, 0, column * self._tap :: self._stride]
            self.im2col[rows, column, :, : self._samples] = tapped[..., : self._samples]
