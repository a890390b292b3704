"""Convolution as products with banded matrices: the method for nearly every kernel.

T rows of the output read R = (T-1) S + D (Hf-1) + 1 rows of the input. Sliding a column of the
kernel down those rows is a banded (T × R) matrix. The rows lie in a buffer (row, channel, im2col
column, sample) in which column s holds the row shifted left by s taps, so that R rows with their
channels and columns are one matrix, and one product covers g columns of the kernel and all
channels. Products i = 0, 1, … for the further columns read the same buffer, i·g taps further
right. ::

      columns of M:  row 0          row 1          row 2          row 3
                     im2col 0 1 2   im2col 0 1 2   im2col 0 1 2   im2col 0 1 2
      output row 0   w00 w01 w02    w10 w11 w12    w20 w21 w22    0   0   0
      output row 1   0   0   0      w00 w01 w02    w10 w11 w12    w20 w21 w22

The input rows of successive T output rows overlap in the buffer, uniformly: a strided view, no
copy.
"""

from __future__ import annotations

from math import ceil, gcd
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine import cost_model
from convcli.kernel.engine.banded_rows import Layout, Rows, ShiftedRows, StridedRows
from convcli.kernel.engine.cost_model import ProblemSize
from convcli.kernel.engine.direct import Direct
from convcli.kernel.engine.method import BUFFER_BYTES, MOST_ROWS, Method, RowFunction
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.geometry import effective_size
from convcli.kernel.window import RowReader, Window

PRODUCT_LIMIT = 1_000_000
"""Most multiplications for one product of BLAS: OpenBLAS leaves its kernel for small matrices
above that, at half the speed (measured 2026-11 on AVX-512, OpenBLAS 0.3.31)."""


def rows_per_block(output_channels: int) -> int:
    """Return T: BLAS likes multiples of four rows of the matrix, and T > 1 widens its band."""
    return 4 // gcd(output_channels, 4)


def rows_read(window: Window, rows: int) -> int:
    """Return R, how many rows of the input that many rows of the output read.

    With stride 1, a dilation D splits rows into D phases that do not mix: within each, neighbours
    follow one another.
    """
    dilation = 1 if window.stride[0] == 1 else window.dilation[0]
    return (rows - 1) * window.stride[0] + effective_size(window.kernel[0], dilation)


def columns_per_product(channels: int, kernel: tuple[int, int], stride_x: int) -> int:
    """Return g, how many columns of the kernel one product covers."""
    if stride_x > 1 or (kernel[1] <= 5 and channels * kernel[0] <= 16):
        return kernel[1]
    return 3 if channels * kernel[0] <= 48 else 1


class Banded(Method):
    """Convolution by banded matrices.

    A block is ``t`` output rows, which read ``block_rows`` input rows of ``channels`` channels;
    ``products`` products cover ``columns`` columns of the kernel each, whose taps lie ``tap``
    samples apart; a row is cut into ``chunks`` of ``chunk`` samples.
    """

    def __init__(self, problem: ConvolutionProblem) -> None:
        super().__init__(problem)
        window = problem.window
        self.output_channels, self.channels = problem.shape[1:3]
        self.dilation_phases = window.dilation[0] if window.stride[0] == 1 else 1
        self.dilation_y = 1 if window.stride[0] == 1 else window.dilation[0]
        rows = -(-window.output[0] // self.dilation_phases)
        self.t = min(rows_per_block(self.output_channels), rows)
        self.block_rows = self.rows_read(self.t)
        self.tap = window.dilation[1] * window.interleaved
        self.columns, self.products = self._columns_and_products()
        self.chunks = self._chunks(
            self.t * self.output_channels * self.block_rows * self.channels * self.columns
        )
        self.chunk = -(-problem.samples // self.chunks)
        self.pitch = self.chunks * self.chunk + (self.products - 1) * self.columns * self.tap
        self.matrices = self._matrices()

    @staticmethod
    def cost(size: ProblemSize) -> float | None:
        window = size.window
        columns = columns_per_product(size.input_channels, window.kernel, window.stride[1])
        products = ceil(window.kernel[1] / columns)
        t = rows_per_block(size.output_channels)
        inner = rows_read(window, t) * size.input_channels * columns
        matrix_rows = t * size.output_channels
        # A sample of each channel and column for every output, of the rows that each output adds.
        picked = size.input_channels * columns * window.stride[0] / size.output_channels
        picking = cost_model.PICK * picked if window.stride[1] > 1 else 0.0
        return (
            cost_model.PRODUCT * inner * products
            + cost_model.PACKING * inner * products / matrix_rows
            + cost_model.ADDITION * (products - 1)
            + picking
            + cost_model.SAMPLE
        )

    @property
    def step(self) -> int:
        window = self.problem.window
        read = self.channels * self.columns * self.pitch * window.stride[0]
        written = self.output_channels * self.problem.samples
        fitting = BUFFER_BYTES // (read * self.problem.dtype.itemsize)
        fitting = max(fitting, 16) if written < 16 * read else max(BUFFER_BYTES // written, 1)
        rows = min(fitting, MOST_ROWS, -(-window.output[0] // self.dilation_phases))
        return int(max(rows // self.t, 1) * self.t * self.dilation_phases)

    def for_thread(self) -> RowFunction:
        return _BandedThread(self).rows

    def rows_read(self, rows: int) -> int:
        """Return how many input rows of a dilation phase that many of its output rows read."""
        return rows_read(self.problem.window, rows)

    def buffer(self, rows: int, length: int) -> Rows:
        """Return the buffer of a thread, for rows read at ``length`` samples each."""
        layout = self._layout(rows, length)
        stride = self.problem.window.stride[1]
        return ShiftedRows(layout) if stride == 1 else StridedRows(layout, stride)

    def _layout(self, rows: int, length: int) -> Layout:
        return Layout(
            rows,
            self.channels,
            self.columns,
            self.tap,
            self.pitch,
            length,
            self.problem.samples,
            self.problem.dtype,
        )

    def _columns_and_products(self) -> tuple[int, int]:
        window = self.problem.window
        columns = columns_per_product(self.channels, window.kernel, window.stride[1])
        return columns, ceil(window.kernel[1] / columns)

    def _chunks(self, multiplications: int) -> int:
        """Return into how many chunks a row is cut, so that no product is too large for BLAS."""
        samples = self.problem.samples
        least = max(1, ceil(samples * multiplications / PRODUCT_LIMIT))
        if least >= samples:
            return samples
        # With chunks of one length products can be written where they belong.
        for chunks in range(least, 2 * least + 1):
            if samples % chunks == 0:
                return chunks
        return least

    def _matrices(self) -> FloatArray:
        """Return (groups, products, T·F, R·C·g): the channels of an output row together."""
        groups, output_channels, channels, taps_y, taps_x = self.problem.shape
        stride, dilation = self.problem.window.stride[0], self.dilation_y
        covered = np.zeros(
            (groups, output_channels, channels, taps_y, self.products * self.columns),
            self.problem.dtype,
        )
        covered[..., :taps_x] = self.problem.dense
        # (groups, products, F, Hf, C, columns)
        kernel = covered.reshape(
            groups, output_channels, channels, taps_y, self.products, self.columns
        )
        kernel = kernel.transpose(0, 4, 1, 3, 2, 5)
        shape = (
            *(groups, self.products, self.t, output_channels),
            *(self.block_rows, channels, self.columns),
        )
        matrices = np.zeros(shape, self.problem.dtype)
        for t in range(self.t):
            rows = slice(t * stride, t * stride + effective_size(taps_y, dilation), dilation)
            matrices[:, :, t, :, rows] = kernel
        return matrices.reshape(groups, self.products, self.t * output_channels, -1)


class _BandedThread:
    """The buffers of one thread, and the views into them that the products take."""

    def __init__(self, method: Banded) -> None:
        self.method = method
        problem, window = method.problem, method.problem.window
        self.reader = RowReader(window, problem.width)
        self.exact = Direct(problem).for_thread()
        self.blocks = method.step // (method.t * method.dilation_phases)
        self.buffer = method.buffer(method.rows_read(self.blocks * method.t), self.reader.length)
        row, _, column, item = self.buffer.im2col.strides
        inner = method.block_rows * method.channels * method.columns
        self.operands = [
            as_strided(
                self.buffer.im2col[..., product * method.columns * method.tap :],
                (self.blocks, method.chunks, inner, method.chunk),
                (method.t * window.stride[0] * row, method.chunk * item, column, item),
            )
            for product in range(method.products)
        ]
        self.sums = np.empty(
            (self.blocks, method.t, method.output_channels, method.chunks * method.chunk),
            problem.dtype,
        )
        self.sums_by_block = self._by_block(self.sums)
        self.ones = np.ones(method.chunk, problem.dtype)
        if method.products > 1:
            self.more = np.empty(self.sums_by_block.shape, problem.dtype)

    @np.errstate(over="ignore", invalid="ignore")  # infinities as in IEEE 754, without warnings
    def rows(
        self, source: NDArray[Any], target: NDArray[Any], group: int, start: int, stop: int
    ) -> None:
        """Compute the rows start to stop of ``target``."""
        method = self.method
        phases = method.dilation_phases
        for phase in range(phases):
            # This phase has the output rows phase, phase + phases, …
            first, past = -(-(start - phase) // phases), -(-(stop - phase) // phases)
            result = target[..., phase + first * phases : stop : phases, :]
            in_place = self._in_place(result)
            kept = 0
            for row in range(first, past, self.blocks * method.t):
                count = min(self.blocks * method.t, past - row)
                slab = result[..., row - first : row - first + count, :]
                block = (row - first) // method.t
                sums = None
                if in_place is not None and count % method.t == 0:
                    sums = in_place[block : block + count // method.t]
                position = phase + row * phases
                if self._slab(source, slab, sums, group, position, kept):
                    kept = self._keep(count)
                else:
                    # The zeros beside the band spread an infinity over all T rows.
                    for at in range(position, position + count * phases, phases):
                        self.exact(source, target, group, at, at + 1)
                    kept = 0

    def _slab(
        self,
        source: NDArray[Any],
        result: NDArray[Any],
        sums: FloatArray | None,
        group: int,
        position: int,
        kept: int,
    ) -> bool:
        """Compute ``result``, the rows of a phase from ``position`` on; return if all are finite.

        The buffer begins with ``kept`` rows that they read. ``sums`` is ``result`` as products
        write it, or None if its memory layout is another.
        """
        method, window = self.method, self.method.problem.window
        rows = result.shape[-2]
        needed, blocks = method.rows_read(rows), -(-rows // method.t)
        first = window.origin[0] + position * window.stride[0] + kept * method.dilation_phases
        fresh = slice(kept, needed)
        self.reader.read(source, first, method.dilation_phases, self.buffer.read[fresh])
        self.buffer.fill(fresh, group)
        self.buffer.im2col[needed : method.rows_read(blocks * method.t)] = 0

        by_block = self.sums_by_block[:blocks] if sums is None else sums
        matrices = method.matrices[group]
        np.matmul(matrices[0], self.operands[0][:blocks], out=by_block)
        for matrix, operand in zip(matrices[1:], self.operands[1:], strict=True):
            more = np.matmul(matrix, operand[:blocks], out=self.more[:blocks])
            np.add(by_block, more, out=by_block)
        # An infinity or NaN that is read shows in every row of its blocks: testing one is enough.
        if source.dtype.kind == "f" and not np.isfinite(by_block[:, :, 0] @ self.ones).all():
            return False
        if sums is None:
            by_row = self.sums[:blocks].reshape(blocks * method.t, method.output_channels, -1)
            by_row = by_row[:rows, :, : method.problem.samples]
            method.finish(by_row.swapaxes(0, 1), result, group)
        elif method.problem.bias is not None:
            result += method.problem.bias[group][:, np.newaxis, np.newaxis]
        return True

    def _keep(self, rows: int) -> int:
        """Move what the rows after the last ``rows`` read again to the front; return how much."""
        advance, needed = rows * self.method.problem.window.stride[0], self.method.rows_read(rows)
        kept = max(0, needed - advance)
        self.buffer.im2col[:kept] = self.buffer.im2col[advance:needed]
        return kept

    def _by_block(self, sums: FloatArray) -> FloatArray:
        """Return a view of (blocks, T, F, samples) as products write: (blocks, chunks, T·F, …)."""
        method = self.method
        block, _, row, item = sums.strides
        return as_strided(
            sums,
            (len(sums), method.chunks, method.t * method.output_channels, method.chunk),
            (block, method.chunk * item, row, item),
        )

    def _in_place(self, result: NDArray[Any]) -> FloatArray | None:
        """Return ``result`` as products write it, or None if its memory layout is another.

        Rows that do not fill a block at the end are left out.
        """
        method = self.method
        if (
            result.ndim != 3
            or result.dtype != method.problem.dtype
            or result.strides[2] != result.itemsize
            or method.chunks * method.chunk != method.problem.samples
            or (method.t > 1 and method.output_channels > 1)
        ):
            return None
        channel, row, item = result.strides
        return as_strided(
            result,
            (
                result.shape[1] // method.t,
                method.chunks,
                method.t * method.output_channels,
                method.chunk,
            ),
            (
                method.t * row,
                method.chunk * item,
                row if method.output_channels == 1 else channel,
                item,
            ),
        )
