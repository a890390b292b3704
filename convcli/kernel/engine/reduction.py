"""A picture reduced by strided convolutions along both axes, and a result made from that.

Both steps are matrix products whose matrices are the same for every block of rows or columns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine.decimation import Decimation
from convcli.kernel.engine.method import PRODUCT_LIMIT
from convcli.kernel.padding import source_index
from convcli.kernel.window import Window

BUFFER_SAMPLES = 1 << 19
"""About how many floats the working rows of a thread take: what stays in its cache."""
STRIP_ROWS = 192
"""About how many rows are reduced, or computed, at once."""
LOW_COLUMNS = 8
"""Columns of the reduced picture that a product computes."""
WIDE_COLUMNS = 16
"""Least columns of the result that a horizontal product computes."""

Finish = Callable[[FloatArray, NDArray[Any], int], None]
"""Rounds sums into a target, for a group: :meth:`Method.finish`."""


def analysis_matrix(axis: Decimation, strides: int) -> NDArray[np.float64]:
    """Return (strides + width - 1, strides · stride): the part of a block in ``low``.

    Row κ is low row κ - (width - 1), counted from the block's first.
    """
    matrix = np.zeros((strides + axis.width - 1, strides * axis.stride))
    for row in range(len(matrix)):
        first = (row - (axis.width - 1)) * axis.stride
        low, high = max(first, 0), min(first + len(axis.analysis), matrix.shape[1])
        matrix[row, low:high] = axis.analysis[low - first : high - first]
    return matrix


def synthesis_matrix(axis: Decimation, strides: int) -> NDArray[np.float64]:
    """Return (strides · stride, strides + taps - 1): a block of the result from ``low``."""
    matrix = np.zeros((strides, axis.stride, strides + axis.taps - 1))
    for q in range(strides):
        matrix[q, :, q : q + axis.taps] = axis.synthesis
    return matrix.reshape(strides * axis.stride, -1)


def columns_at_once(rows: int, multiplications: int, samples: int) -> int:
    """Return how many samples of a row are computed at once, of ``rows`` rows."""
    most = min(BUFFER_SAMPLES // rows, PRODUCT_LIMIT // multiplications, samples)
    return -(-samples // -(-samples // max(most, 64)))


class Reduction:
    """The sizes and matrices of both steps, for images of one width.

    Positions count the rows that the analysis reads: position 0 is ``lead`` rows before the first
    that the window reads. ``low`` is (C, K, columns): the sum of what every strip of positions has
    in it.
    """

    def __init__(
        self,
        window: Window,
        width: int,
        dtype: np.dtype[Any],
        vertical: Decimation,
        horizontal: Decimation,
    ) -> None:
        self.window, self.width, self.dtype = window, width, dtype
        self.vertical, self.horizontal = vertical, horizontal
        self.channels = window.interleaved
        # Strides of rows to a product: BLAS likes no small ones.
        self.block = -(-16 // vertical.stride)
        self.synthesis_block = -(-4 // vertical.stride)
        self.strip = self._multiple(self.block)
        self.step = self._multiple(self.synthesis_block)
        self.analysis = analysis_matrix(vertical, self.block).astype(dtype)
        self.synthesis = synthesis_matrix(vertical, self.synthesis_block).astype(dtype)
        # Only the low columns that need no positions before the block's.
        complete = slice(horizontal.width - 1, horizontal.width - 1 + LOW_COLUMNS)
        by_column = analysis_matrix(horizontal, LOW_COLUMNS + horizontal.width - 1)[complete]
        self.right_analysis = np.ascontiguousarray(by_column.T, dtype)
        self.wide_columns = -(-WIDE_COLUMNS // horizontal.stride)
        self.right_synthesis = np.ascontiguousarray(
            synthesis_matrix(horizontal, self.wide_columns).T, dtype
        )
        self.blocks_wide = -(-window.output[1] // (self.wide_columns * horizontal.stride))
        read = self.blocks_wide * self.wide_columns + horizontal.taps - 1
        self.low_columns = -(-read // LOW_COLUMNS) * LOW_COLUMNS

    def _multiple(self, strides: int) -> int:
        """Return about STRIP_ROWS rows, a whole number of ``strides``."""
        rows = strides * self.vertical.stride
        return max(1, STRIP_ROWS // rows) * rows

    def low_rows(self, rows: int) -> int:
        """Return the number of rows of ``low`` for this many rows of the result."""
        return -(-rows // self.vertical.stride) + self.vertical.taps - 1

    def positions(self, rows: int) -> int:
        """Return the number of positions for this many rows of the result."""
        return (self.low_rows(rows) + self.vertical.width - 1) * self.vertical.stride

    def empty_low(self, rows: int) -> FloatArray:
        """Return zeros to which the parts of strips are added, for this many rows of the result.

        The first width - 1 rows are only to take what strips have in the rows before ``low``.
        """
        blocks = -(-self.positions(rows) // (self.block * self.vertical.stride))
        count = blocks * self.block + self.vertical.width - 1
        return np.zeros((self.channels, count, self.low_columns), self.dtype)

    def add(self, low: FloatArray, part: FloatArray, position: int) -> None:
        """Add the analysis of the strip from ``position`` on to what ``empty_low`` returned."""
        first = position // self.vertical.stride
        low[:, first : first + part.shape[1]] += part

    def rows_of(self, low: FloatArray) -> FloatArray:
        """Return ``low`` without the rows before it."""
        return low[:, self.vertical.width - 1 :]


class Analysis:
    """The strided convolution of a strip of rows."""

    def __init__(self, reduction: Reduction) -> None:
        self._reduction = reduction
        window, dtype = reduction.window, reduction.dtype
        # Columns of the padded picture, of which some are in the picture; the range that is read.
        horizontal = reduction.horizontal
        length = (reduction.low_columns + horizontal.width - 1) * horizontal.stride
        first = window.origin[1] - horizontal.lead
        columns = source_index(first, first + length, reduction.width, window.pad_mode)
        used = columns[columns >= 0]
        low, high = (int(used.min()), int(used.max()) + 1) if used.size else (0, 1)
        self._read = slice(low * reduction.channels, high * reduction.channels)
        start = min(max(first, low), high)
        stop = max(min(first + length, high), start)
        self._inside = slice(start - low, stop - low), slice(start - first, stop - first)
        is_outside = np.ones(length, bool)
        is_outside[self._inside[1]] = False
        self._outside = np.flatnonzero(is_outside & (columns >= 0))
        self._filled_from = columns[self._outside] - low

        samples = self._read.stop - self._read.start
        count, rows = reduction.analysis.shape
        self._at_once = columns_at_once(reduction.strip, count * rows, samples)
        self._rows = np.zeros((reduction.strip, self._at_once), dtype)
        blocks = reduction.strip // rows
        self._products = np.empty((blocks, count, self._at_once), dtype)
        kept = blocks * reduction.block + reduction.vertical.width - 1
        self._reduced = np.empty((kept, samples), dtype)
        self._planes = np.zeros((reduction.channels, kept, length), dtype)

    def __call__(self, rows: NDArray[Any]) -> FloatArray:
        """Return the part of ``low`` that ``rows`` (positions, samples) have in it."""
        return self._along_rows(self._along_columns(rows[:, self._read]))

    def _along_columns(self, rows: NDArray[Any]) -> FloatArray:
        """Return (K, samples)."""
        reduction = self._reduction
        if reduction.vertical.stride == 1:
            reduced = self._reduced[: len(rows)]
            np.copyto(reduced, rows)
            return reduced
        count, positions = reduction.analysis.shape
        blocks = -(-len(rows) // positions)
        reduced = self._reduced[: blocks * reduction.block + reduction.vertical.width - 1]
        samples = rows.shape[1]
        for start in range(0, samples, self._at_once):
            stop = min(start + self._at_once, samples)
            read = self._rows[: blocks * positions, : stop - start]
            np.copyto(read[: len(rows)], rows[:, start:stop])
            read[len(rows) :] = 0
            products = self._products[:blocks, :, : stop - start]
            np.matmul(reduction.analysis, read.reshape(blocks, positions, -1), out=products)
            part = reduced[:, start:stop]
            part[:count] = products[0]
            for block in range(1, blocks):
                first = block * reduction.block
                shared = first + count - reduction.block
                part[first:shared] += products[block, : count - reduction.block]
                part[shared : first + count] = products[block, count - reduction.block :]
        return reduced

    def _along_rows(self, reduced: FloatArray) -> FloatArray:
        """Return (C, K, columns) from (K, samples)."""
        reduction = self._reduction
        planes = self._planes[:, : len(reduced)]
        by_channel = reduced.reshape(len(reduced), -1, reduction.channels).transpose(2, 0, 1)
        inside, written = self._inside
        planes[..., written] = by_channel[..., inside]
        planes[..., self._outside] = by_channel[..., self._filled_from]
        if reduction.horizontal.stride == 1:
            return planes.copy()
        right = reduction.right_analysis
        low = np.empty((reduction.channels, len(reduced), reduction.low_columns), planes.dtype)
        channel, row, item = planes.strides
        blocks = reduction.low_columns // right.shape[1]
        advance = right.shape[1] * reduction.horizontal.stride
        read = as_strided(
            planes,
            (reduction.channels, blocks, len(reduced), len(right)),
            (channel, advance * item, row, item),
        )
        into = low.reshape(reduction.channels, len(reduced), blocks, -1).swapaxes(1, 2)
        np.matmul(read, right, out=into)
        return low


class Synthesis:
    """The transposed convolution, into rows of the result."""

    def __init__(self, reduction: Reduction, finish: Finish) -> None:
        self._reduction, self._finish = reduction, finish
        dtype, channels = reduction.dtype, reduction.channels
        width = reduction.window.output[1]
        columns = reduction.right_synthesis.shape[1]
        count = reduction.low_rows(reduction.step)
        self._planes = np.empty((channels, count, reduction.blocks_wide * columns), dtype)
        self._wide = np.zeros((count, width * channels), dtype)
        rows, read = reduction.synthesis.shape
        self._at_once = columns_at_once(reduction.step, rows * read, width * channels)
        self._sums = np.empty((reduction.step // rows, rows, self._at_once), dtype)

    def __call__(self, low: FloatArray, row: int, target: NDArray[Any]) -> None:
        """Compute ``target`` (1, rows, samples), the rows of the result from ``row`` on.

        ``row`` is a multiple of the vertical stride.
        """
        reduction = self._reduction
        first, rows = row // reduction.vertical.stride, target.shape[1]
        count, read = reduction.synthesis.shape
        blocks = -(-rows // count)
        wide = self._along_rows(low[:, first : first + reduction.low_rows(rows)])
        line, item = wide.strides
        samples = target.shape[2]
        for start in range(0, samples, self._at_once):
            stop = min(start + self._at_once, samples)
            operand = as_strided(
                wide[:, start:],
                (blocks, read, stop - start),
                (reduction.synthesis_block * line, line, item),
            )
            sums = self._sums[:blocks, :, : stop - start]
            np.matmul(reduction.synthesis, operand, out=sums)
            by_row = sums.reshape(1, blocks * count, -1)[:, :rows]
            self._finish(by_row, target[..., start:stop], 0)

    def _along_rows(self, low: FloatArray) -> FloatArray:
        """Return (K, samples) of the result's width from (C, K, columns)."""
        reduction = self._reduction
        right = reduction.right_synthesis
        channels, count, _ = low.shape
        channel, row, item = low.strides
        planes = self._planes[:, :count]
        read = as_strided(
            low,
            (channels, reduction.blocks_wide, count, len(right)),
            (channel, reduction.wide_columns * item, row, item),
        )
        into = planes.reshape(channels, count, reduction.blocks_wide, -1).swapaxes(1, 2)
        np.matmul(read, right, out=into)
        wide = self._wide[:count]
        width = wide.shape[1] // channels
        by_pixel = wide.reshape(count, width, channels)
        for k in range(channels):
            by_pixel[..., k] = planes[k, :, :width]
        return wide
