"""A transposed convolution of single channels by products that write its output in order.

Along one axis the output element ``q S + r`` reads the input elements q + offset, each by the tap
whose phase is r (:mod:`convcli.kernel.transpose`). Multiplied from the right by one small matrix,
Q input pixels and their neighbours give S Q finished pixels, in their order, so that no phase is
dealt out to every S-th column. For S = 2, Q = 2 and the taps w0 w1 w2 w3 with a pad of 1::

                                    output  0   1   2   3
    input -1                                w3
           0  (the first of the block)      w1  w2  w3
           1                                    w0  w1  w2
           2                                            w0

With interleaved channels every weight becomes a multiple of the identity. A kernel of low rank
takes such a product of every input row for each rank, and one product from the left for the
columns, T input rows at a time. Any other kernel is summed over its rows: each contributes to the
output rows of one phase.

Dividing by the transposed convolution of ones costs little: away from the borders the divisor is
periodic, and is folded into the matrices; output rows and columns at the borders are corrected.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine import cost_model
from convcli.kernel.engine.separable import factors
from convcli.kernel.factors import Factors, Weight
from convcli.kernel.geometry import Geometry
from convcli.kernel.padding import source_index

WIDTH = 48
"""About how many columns the right-hand matrix has."""

HEIGHT = 8
"""About how many rows the left-hand matrix has."""

SMALL_PRODUCT = 900_000
"""Multiplications up to which OpenBLAS uses its kernels for small products, without packing."""

BLOCK_BYTES = 2**20
"""About what the output rows of one product take."""

MIDDLE_BYTES = 5 * 2**19
"""About what the rows take that are enlarged along x alone."""

DEAR = 2.0
"""Nanoseconds for an output sample from which polyphase components are computed instead."""

MOST_IN_BLOCK = 12_000_000
"""Output samples of the fewest rows that are computed at once, for a thread to have the memory."""


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


class Scale(NamedTuple):
    """What the transposed convolution is multiplied by: a value for every output element.

    ``values`` (rows, W) has a row for each kind of output row, ``rows`` (H,) the kind of each.
    From ``inside[0]`` to ``inside[1]`` along y, and x likewise, it is periodic with the stride.
    """

    values: NDArray[np.float64]
    rows: NDArray[np.intp]
    inside: tuple[tuple[int, int], tuple[int, int]]


def cost(geometry: Geometry, interleaved: int, rank: int) -> float:
    """Return nanoseconds for an output sample; ``rank`` 0 stands for a sum over kernel rows."""
    vertical, horizontal = (PhaseTaps.of(geometry, axis) for axis in (0, 1))
    q, t = _pixels(horizontal, interleaved), _rows(vertical)
    across = (q + horizontal.reach) * interleaved * cost_model.ENLARGED
    if not rank:
        return geometry.kernel[0] / vertical.stride * (across + cost_model.ADDITION)
    return rank * (across / vertical.stride + (t + vertical.reach) * cost_model.PRODUCT)


def is_cheap(weight: Weight, geometry: Geometry, interleaved: int) -> bool:
    """Return whether a kernel for single channels is best enlarged by this module."""
    if max(geometry.stride) == 1:
        return False
    vertical = PhaseTaps.of(geometry, 0)
    block = _rows(vertical) * vertical.stride * geometry.image[1] * interleaved
    rank = 1 if isinstance(weight, Factors) else 0
    return block <= MOST_IN_BLOCK and cost(geometry, interleaved, rank) < DEAR


def _pixels(taps: PhaseTaps, interleaved: int) -> int:
    return max(4, WIDTH // (taps.stride * interleaved))


def _rows(taps: PhaseTaps) -> int:
    return max(2, HEIGHT // taps.stride)


class Enlargement:
    """The transposed convolution of single channels with one kernel, for images of one size.

    ``weight`` is (1, 1, Hf, Wf) of the dtype to compute in, or its factors. ``interleaved``
    channels lie side by side in a row, and are computed alike. Input rows come padded above and
    below the image; columns are padded here, by ``pad_mode``. Threads may share it: each makes
    buffers of its own at its first call.
    """

    def __init__(
        self,
        weight: Weight,
        geometry: Geometry,
        pad_mode: str,
        *,
        interleaved: int = 1,
        scale: Scale | None = None,
        by_rows: bool | None = None,
    ) -> None:
        """``by_rows`` forces the sum over kernel rows, or the ranks."""
        self.interleaved, self.dtype = interleaved, weight.dtype
        self._vertical, self._horizontal = (PhaseTaps.of(geometry, axis) for axis in (0, 1))
        self._width, self._read_width = geometry.image[1], geometry.output[1]
        self._q = _pixels(self._horizontal, interleaved)
        self._t = _rows(self._vertical)
        tiles = -(-self._width // self._horizontal.stride)
        self._spans = -(-tiles // self._q)
        self._columns = self._spans * self._q * self._horizontal.stride * interleaved
        first = self._horizontal.first
        self._padding = source_index(
            first,
            first + self._spans * self._q + self._horizontal.reach,
            self._read_width,
            pad_mode,
        )
        columns, rows = _ranks(weight, geometry, interleaved, by_rows)
        self._fold(columns, rows, scale)
        self._own = threading.local()

    def _fold(self, columns: FloatArray | None, rows: FloatArray, scale: Scale | None) -> None:
        """Make the matrices of ``rows`` (kernel rows, or ranks with ``columns``)."""
        vertical, horizontal = self._vertical, self._horizontal
        inner = np.ones((vertical.stride, horizontal.stride))
        self._correction: _Correction | None = None
        is_dense = columns is None
        if scale is not None:
            inner = _period(scale, vertical.stride, horizontal.stride)
            if columns is not None and len(columns) > 1 and np.ptp(inner):
                inner = np.ones_like(inner)
            elif columns is not None:  # the divisor of an outer product is one itself
                inner = np.outer(inner[:, 0], inner[0] / inner[0, 0])
            self._correction = _Correction(scale, inner, self.interleaved, self.dtype)
        self.right: list[tuple[int, int, FloatArray]] = []
        for k, row in enumerate(rows):
            phase = int(vertical.phase[k]) if is_dense else 0
            offset = int(vertical.offset[k]) - vertical.first if is_dense else 0
            factor = inner[phase] if is_dense else inner[0] / inner[0, 0]
            matrix = horizontal.matrix(row * factor[horizontal.phase], self._q)
            channels = np.eye(self.interleaved)
            self.right.append((phase, offset, np.kron(matrix, channels).astype(self.dtype)))
        self.left: FloatArray | None = None
        if columns is not None:
            scaled = columns * inner[:, 0][vertical.phase]
            by_rank = [vertical.matrix(column, self._t).T for column in scaled]
            self.left = np.stack(by_rank, 2).reshape(len(by_rank[0]), -1).astype(self.dtype)

    def rows_read(self, start: int, stop: int) -> tuple[int, int]:
        """Return the first input row that output rows read, and the one after the last."""
        stride, first = self._vertical.stride, self._vertical.first
        return start // stride + first, -(-stop // stride) + first + self._vertical.reach

    def rows(
        self, padded: NDArray[Any], target: NDArray[Any], start: int, stop: int, offset: float = 0
    ) -> None:
        """Write the output rows start to stop into ``target`` (rows, samples), for one thread.

        ``padded`` (rows, samples) are the input rows that :meth:`rows_read` names. ``offset`` is
        added. An integer target takes the values rounded to nearest and clipped.
        """
        buffers: _Buffers | None = getattr(self._own, "buffers", None)
        if buffers is None:
            buffers = self._own.buffers = _Buffers(self)
        stride = self._vertical.stride
        top = None if target.dtype.kind == "f" else float(np.iinfo(target.dtype).max)
        added = self.dtype.type(offset if top is None else offset + 0.5)
        samples = self._width * self.interleaved
        first = start // stride
        for row, sums in buffers.blocks(padded, -(-stop // stride) - first):
            low = (first + row) * stride
            begin, end = max(low, start), min(low + len(sums), stop)
            values = sums[begin - low : end - low, :samples]
            if self._correction is not None:
                self._correction.apply(values, begin, end)
            if added:
                values += added
            if top is not None:
                np.clip(values, self.dtype.type(0), self.dtype.type(top), out=values)
            np.copyto(target[begin - start : end - start], values, casting="unsafe")


class _Correction:
    """What is left of a scale once its period is folded into the matrices: the borders."""

    def __init__(
        self, scale: Scale, inner: NDArray[np.float64], interleaved: int, dtype: np.dtype[Any]
    ) -> None:
        rows, columns = inner.shape
        height, width = len(scale.rows), scale.values.shape[1]
        # The phase of each kind of row is that of any row of the kind.
        phase = np.zeros(len(scale.values), np.intp)
        phase[scale.rows] = np.arange(height) % rows
        left = scale.values / inner[phase][:, np.arange(width) % columns]
        self._values = np.repeat(left, interleaved, 1).astype(dtype)
        self._rows = scale.rows
        self._top, self._bottom = scale.inside[0]
        self._left, self._right = (edge * interleaved for edge in scale.inside[1])
        if not np.ptp(inner) and np.ptp(_period(scale, rows, columns)):  # nothing is folded
            self._top = self._bottom = height

    def apply(self, values: FloatArray, start: int, stop: int) -> None:
        """Multiply the output rows start to stop."""
        top, bottom = (max(start, min(stop, edge)) for edge in (self._top, self._bottom))
        for first, last in ((start, top), (bottom, stop)):
            if first < last:
                values[first - start : last - start] *= self._values[self._rows[first:last]]
        if top < bottom:
            middle, kinds = values[top - start : bottom - start], self._rows[top:bottom]
            for edge in (slice(0, self._left), slice(self._right, values.shape[1])):
                middle[:, edge] *= self._values[kinds, edge]


class _Buffers:
    """The buffers of one thread."""

    def __init__(self, plan: Enlargement) -> None:
        self._plan = plan
        stride, reach = plan._vertical.stride, plan._vertical.reach
        ranks = 1 if plan.left is None else len(plan.right)
        item = plan.dtype.itemsize
        # Products for small matrices: so many columns at once.
        columns = plan._columns
        if plan.left is not None:
            pieces = -(-columns * plan.left.size // SMALL_PRODUCT)
            columns = -(-columns // pieces // 16) * 16
            pieces = -(-plan._columns // columns)
            pitch = pieces * columns
        else:
            pieces, pitch = 1, columns
        t = plan._t
        self._group = max(1, BLOCK_BYTES // (t * stride * pitch * item)) * t
        most = max(t, MIDDLE_BYTES // (ranks * pitch * item) // self._group * self._group)
        self._most = max(self._group, most)
        read = self._most + reach
        length = len(plan._padding) * plan.interleaved
        self._source = np.zeros((read, length), plan.dtype)
        width = plan.right[0][2].shape[0]
        row, step = self._source.strides
        self._windows = as_strided(
            self._source,
            (plan._spans, read, width),
            (plan._q * plan.interleaved * step, row, step),
        )
        self._sums = np.empty((self._group * stride, pitch), plan.dtype)
        n = plan._q * plan._horizontal.stride * plan.interleaved
        if plan.left is None:
            shape = plan._spans, self._group, stride, n
            strides = n * item, stride * pitch * item, pitch * item, item
            self._by_phase = as_strided(self._sums, shape, strides)
            self._product = np.empty((plan._spans, self._group, n), plan.dtype)
            return
        self._middle = np.zeros((read, ranks, pitch), plan.dtype)
        row = ranks * pitch * item
        self._enlarged = [
            as_strided(self._middle[:, k], (plan._spans, read, n), (n * item, row, item))
            for k in range(ranks)
        ]
        groups, deep = self._most // t, (t + reach) * ranks
        self._operands = as_strided(
            self._middle,
            (groups, pieces, deep, columns),
            (t * row, columns * item, pitch * item, item),
        )
        self._results = as_strided(
            self._sums,
            (self._group // t, pieces, t * stride, columns),
            (t * stride * pitch * item, columns * item, pitch * item, item),
        )

    def blocks(self, padded: NDArray[Any], tiles: int) -> Iterator[tuple[int, FloatArray]]:
        """Give the output of some input rows after others: the first of them, and (rows, samples).

        The sums may be overwritten.
        """
        plan, reach = self._plan, self._plan._vertical.reach
        stride = plan._vertical.stride
        for start in range(0, tiles, self._most):
            count = min(self._most, tiles - start)
            self._read(padded[start : start + count + reach])
            if plan.left is not None:
                for (_, _, right), enlarged in zip(plan.right, self._enlarged, strict=True):
                    used = slice(0, count + reach)
                    np.matmul(self._windows[:, used], right, out=enlarged[:, used])
            for first in range(0, count, self._group):
                rows = min(self._group, count - first)
                if plan.left is None:
                    self._add_rows(first, rows)
                else:
                    products = -(-rows // plan._t)
                    start_product = first // plan._t
                    operands = self._operands[start_product : start_product + products]
                    np.matmul(plan.left, operands, out=self._results[:products])
                yield start + first, self._sums[: rows * stride]

    def _add_rows(self, first: int, rows: int) -> None:
        """Sum over the rows of the kernel."""
        plan = self._plan
        started = [False] * plan._vertical.stride
        for phase, offset, right in plan.right:
            operands = self._windows[:, first + offset : first + offset + rows]
            target = self._by_phase[:, :rows, phase]
            if started[phase]:
                product = self._product[:, :rows]
                np.matmul(operands, right, out=product)
                target += product
            else:
                np.matmul(operands, right, out=target)
                started[phase] = True
        for phase, is_started in enumerate(started):
            if not is_started:
                self._by_phase[:, :rows, phase] = 0

    def _read(self, rows: NDArray[Any]) -> None:
        """Fill the source with input rows, their padding left and right included."""
        plan, channels = self._plan, self._plan.interleaved
        into = self._source[: len(rows)]
        first = plan._horizontal.first
        before, skipped = max(0, -first), max(0, first)
        body = min(len(plan._padding) - before, plan._read_width - skipped)
        after = before + max(0, body)
        if body > 0:
            source = rows[:, skipped * channels : (skipped + body) * channels]
            np.copyto(into[:, before * channels : after * channels], source, casting="unsafe")
        pixels = rows.reshape(len(rows), -1, channels)
        for edge in (slice(0, before), slice(after, None)):
            # Zeros are there already.
            filled = np.flatnonzero(plan._padding[edge] >= 0)
            if filled.size:
                target = into.reshape(len(rows), -1, channels)[:, edge]
                target[:, filled] = pixels[:, plan._padding[edge][filled]]


def _period(scale: Scale, rows: int, columns: int) -> NDArray[np.float64]:
    """Return one period of a scale, by phase; ones where it has none."""
    (top, bottom), (left, right) = scale.inside
    if bottom - top < rows or right - left < columns:
        return np.ones((rows, columns))
    down = top + (np.arange(rows) - top) % rows
    across = left + (np.arange(columns) - left) % columns
    return scale.values[np.ix_(scale.rows[down], across)]


def _ranks(
    weight: Weight, geometry: Geometry, interleaved: int, by_rows: bool | None
) -> tuple[FloatArray | None, FloatArray]:
    """Return columns (r, Hf) and rows (r, Wf) of the cheapest sum; no columns for kernel rows."""
    if isinstance(weight, Factors):
        wide = weight.astype(np.float64)
        return wide.column[np.newaxis], wide.row[np.newaxis]
    kernel = weight[0, 0]
    if by_rows is None:
        dense = cost(geometry, interleaved, 0)
        by_rows = cost(geometry, interleaved, 1) >= dense
        if not by_rows:
            columns, rows = factors(kernel)
            if cost(geometry, interleaved, max(1, len(columns))) < dense:
                return columns, rows
    elif not by_rows:
        return factors(kernel)
    return None, kernel.astype(np.float64)
