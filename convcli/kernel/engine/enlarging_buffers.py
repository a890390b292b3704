"""The working memory of one thread that enlarges: source rows, rows enlarged along x, sums."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine.enlarging_cost import pixels_at_once, rows_at_once
from convcli.kernel.engine.phase_taps import PhaseTaps
from convcli.kernel.geometry import Geometry
from convcli.kernel.padding import source_index
from convcli.system.threads import block_samples

SMALL_PRODUCT = 900_000
"""Multiplications up to which OpenBLAS uses its kernels for small products, without packing."""

BLOCK_BYTES = 2**20
"""About what the output rows of one product take."""

MIDDLE_BYTES = 5 * 2**19
"""About what the rows take that are enlarged along x alone."""

SHARED = 2
"""How many times as much they take where threads share tasks."""


class Layout(NamedTuple):
    """How input rows become output rows.

    A product enlarges ``q`` input pixels of each row, another ``t`` rows. ``padding`` has the input
    pixel, of ``width``, for each of a row that is read, from ``horizontal.first`` on; -1 is a zero.
    ``height`` input rows are enlarged, with those around them.
    """

    dtype: np.dtype[Any]
    interleaved: int
    vertical: PhaseTaps
    horizontal: PhaseTaps
    q: int
    t: int
    spans: int
    padding: NDArray[np.intp]
    width: int
    height: int

    @classmethod
    def of(
        cls, geometry: Geometry, pad_mode: str, dtype: np.dtype[Any], interleaved: int
    ) -> Layout:
        """Return that of a transposed convolution."""
        vertical, horizontal = (PhaseTaps.of(geometry, axis) for axis in (0, 1))
        height, width = (
            -(-size // stride) for size, stride in zip(geometry.image, geometry.stride, strict=True)
        )
        q = pixels_at_once(horizontal, interleaved)
        spans = -(-width // q)
        first, past = horizontal.first, horizontal.first + spans * q + horizontal.reach
        padding = source_index(first, past, geometry.output[1], pad_mode)
        t, read = rows_at_once(vertical), geometry.output[1]
        return cls(dtype, interleaved, vertical, horizontal, q, t, spans, padding, read, height)

    @property
    def written(self) -> int:
        """How many samples a product along x writes."""
        return self.q * self.horizontal.stride * self.interleaved


class Matrices(NamedTuple):
    """What a kernel multiplies input rows by.

    ``right`` (n, samples read, samples written) has a matrix for each rank, or kernel row; ``left``
    (rows written, rows read · ranks) is None in a sum over kernel rows. ``taps`` (Hf, Wf) are those
    of the kernel, multiplied by the period of a scale that is part of the matrices.
    """

    right: FloatArray
    left: FloatArray | None
    taps: FloatArray


class EnlargingBuffers:
    """The buffers of one thread; ``ranks`` is 0 for a sum over kernel rows."""

    def __init__(self, layout: Layout, ranks: int) -> None:
        self._layout = layout
        stride, reach, t = layout.vertical.stride, layout.vertical.reach, layout.t
        item, n = layout.dtype.itemsize, layout.written
        columns, pieces = layout.spans * n, 1
        if ranks:
            # Products for small matrices: so many columns at once.
            multiplications = columns * t * stride * (t + reach) * ranks
            columns = -(-columns // -(-multiplications // SMALL_PRODUCT) // 16) * 16
            pieces = -(-layout.spans * n // columns)
        pitch = pieces * columns
        groups = -(-layout.height // t)
        times = block_samples(1, SHARED)
        at_once = max(1, times * BLOCK_BYTES // (t * stride * pitch * item))
        self._group = min(at_once, groups) * t
        row_bytes = max(1, ranks) * pitch * item
        most = max(t, times * MIDDLE_BYTES // row_bytes // self._group * self._group)
        self._most = min(max(self._group, most), groups * t)
        read = self._most + reach
        self._source = np.zeros((read, len(layout.padding) * layout.interleaved), layout.dtype)
        row, step = self._source.strides
        self._windows = as_strided(
            self._source,
            (layout.spans, read, (layout.q + layout.horizontal.reach) * layout.interleaved),
            (layout.q * layout.interleaved * step, row, step),
        )
        self._sums = np.empty((self._group * stride, pitch), layout.dtype)
        if not ranks:
            shape = layout.spans, self._group, stride, n
            strides = n * item, stride * pitch * item, pitch * item, item
            self._by_phase = as_strided(self._sums, shape, strides)
            self._product = np.empty((layout.spans, self._group, n), layout.dtype)
            return
        self._middle = np.zeros((read, ranks, pitch), layout.dtype)
        row = ranks * pitch * item
        self._enlarged = [
            as_strided(self._middle[:, k], (layout.spans, read, n), (n * item, row, item))
            for k in range(ranks)
        ]
        self._operands = as_strided(
            self._middle,
            (self._most // t, pieces, (t + reach) * ranks, columns),
            (t * row, columns * item, pitch * item, item),
        )
        self._results = as_strided(
            self._sums,
            (self._group // t, pieces, t * stride, columns),
            (t * stride * pitch * item, columns * item, pitch * item, item),
        )

    def blocks(
        self, padded: NDArray[Any], tiles: int, matrices: Matrices
    ) -> Iterator[tuple[int, FloatArray]]:
        """Give the output of some input rows after others: the first of them, and (rows, samples).

        The sums may be overwritten.
        """
        stride, reach, t = self._layout.vertical.stride, self._layout.vertical.reach, self._layout.t
        for start in range(0, tiles, self._most):
            count = min(self._most, tiles - start)
            self._read(padded[start : start + count + reach])
            used = self._source[: count + reach]
            is_finite = padded.dtype.kind != "f" or _is_small(used)
            if is_finite and matrices.left is not None:
                for matrix, enlarged in zip(matrices.right, self._enlarged, strict=True):
                    np.matmul(self._windows[:, : len(used)], matrix, out=enlarged[:, : len(used)])
                # Whatever is there from before, multiplied by zeros.
                self._middle[len(used) : -(-count // t) * t + reach] = 0
            for first in range(0, count, self._group):
                rows = min(self._group, count - first)
                if not is_finite:
                    self._add_taps(matrices.taps, first, rows)
                elif matrices.left is None:
                    self._add_rows(matrices.right, first, rows)
                else:
                    products = -(-rows // t)
                    operands = self._operands[first // t : first // t + products]
                    np.matmul(matrices.left, operands, out=self._results[:products])
                yield start + first, self._sums[: rows * stride]

    def _add_rows(self, right: FloatArray, first: int, rows: int) -> None:
        """Sum over the rows of the kernel."""
        vertical = self._layout.vertical
        started = [False] * vertical.stride
        offsets = (vertical.offset - vertical.first).tolist()
        for matrix, phase, offset in zip(right, vertical.phase.tolist(), offsets, strict=True):
            operands = self._windows[:, first + offset : first + offset + rows]
            target = self._by_phase[:, :rows, phase]
            if started[phase]:
                product = self._product[:, :rows]
                np.matmul(operands, matrix, out=product)
                target += product
            else:
                np.matmul(operands, matrix, out=target)
                started[phase] = True
        for phase, is_started in enumerate(started):
            if not is_started:
                self._by_phase[:, :rows, phase] = 0

    def _add_taps(self, taps: FloatArray, first: int, rows: int) -> None:
        """Sum over the taps: the zeros of a matrix would spread infinities and NaN."""
        layout = self._layout
        vertical, horizontal = layout.vertical, layout.horizontal
        pixels = layout.spans * layout.q
        sums = self._sums[: rows * vertical.stride, : layout.spans * layout.written]
        sums[...] = 0
        shape = rows, vertical.stride, pixels, horizontal.stride, layout.interleaved
        by_phase = sums.reshape(shape)
        source = self._source.reshape(len(self._source), -1, layout.interleaved)
        for (u, v), tap in np.ndenumerate(taps):
            row = first + int(vertical.offset[u]) - vertical.first
            column = int(horizontal.offset[v]) - horizontal.first
            read = source[row : row + rows, column : column + pixels]
            by_phase[:, vertical.phase[u], :, horizontal.phase[v]] += tap * read

    def _read(self, rows: NDArray[Any]) -> None:
        """Fill the source with input rows, their padding left and right included."""
        layout, channels = self._layout, self._layout.interleaved
        into = self._source[: len(rows)]
        first = layout.horizontal.first
        before, skipped = max(0, -first), max(0, first)
        body = min(len(layout.padding) - before, layout.width - skipped)
        after = before + max(0, body)
        if body > 0:
            source = rows[:, skipped * channels : (skipped + body) * channels]
            np.copyto(into[:, before * channels : after * channels], source, casting="unsafe")
        for edge in (slice(0, before), slice(after, None)):
            # Zeros are there already.
            filled = np.flatnonzero(layout.padding[edge] >= 0)
            if filled.size:
                pixels = rows.reshape(len(rows), -1, channels)
                target = into.reshape(len(rows), -1, channels)[:, edge]
                target[:, filled] = pixels[:, layout.padding[edge][filled]]


def _is_small(values: FloatArray) -> bool:
    """Return whether all values are finite, and far from the largest of their dtype."""
    flat = values.reshape(-1)
    return bool(np.isfinite(flat @ flat))
