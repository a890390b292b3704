"""Convolution with a kernel of low rank: rows first, then columns, for each rank.

A kernel of rank r is the sum of r outer products of a column and a row. The rows of the image are
multiplied from the right with a banded matrix, Q samples at a time, which leaves r im2col columns
a row; the kernel's columns are then the one product of :class:`Banded` over all of them.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import as_strided

from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine import cost_model
from convcli.kernel.engine.banded import Banded
from convcli.kernel.engine.banded_blocks import rows_per_block, rows_read
from convcli.kernel.engine.banded_rows import Layout, Rows
from convcli.kernel.engine.cost_model import ProblemSize
from convcli.kernel.engine.exactness import whole_factors, whole_kernel
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.factors import Factors
from convcli.kernel.geometry import effective_size

Q = 16
"""Samples of a row at a time: as wide as BLAS likes, and no wider than the band."""


def factors(kernel: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return (r, Hf) columns and (r, Wf) rows whose outer products sum to ``kernel``.

    Those of a kernel of whole numbers are whole numbers. Of any other kernel, what lies below the
    noise of its own dtype is left out.
    """
    whole = whole_kernel(kernel)
    if whole is not None:
        return whole_factors(whole)
    left, values, right = np.linalg.svd(kernel.astype(np.float64), full_matrices=False)
    noise = np.finfo(kernel.dtype).eps * max(kernel.shape)
    rank = int((values > values[0] * noise).sum())
    scale = np.sqrt(values[:rank, np.newaxis])
    return left.T[:rank] * scale, right[:rank] * scale


class Separable(Banded):
    """Convolution by columns and rows."""

    def __init__(self, problem: ConvolutionProblem) -> None:
        self._factors = (
            [(problem.weight.column[np.newaxis], problem.weight.row[np.newaxis])]
            if isinstance(problem.weight, Factors)
            else [factors(weight[0, 0]) for weight in problem.weight]
        )
        super().__init__(problem)
        self.blocks.pitch = max(self.blocks.pitch, -(-problem.samples // Q) * Q)
        self.right = self._right_matrices()

    takes_large_factors = True

    @staticmethod
    def cost(size: ProblemSize) -> float | None:
        if not size.output_channels == size.input_channels == 1:
            return None
        window = size.window
        tap = window.dilation[1] * window.interleaved
        read = (Q - 1) * window.stride[1] + effective_size(window.kernel[1], tap)
        t = rows_per_block(size.output_channels)
        inner = rows_read(window, t)
        per_rank = (
            cost_model.RIGHT_PRODUCT * read * window.stride[0]
            + cost_model.PRODUCT * inner
            + cost_model.PACKING * (inner / t + read * window.stride[0] / Q)
            + cost_model.RANK
        )
        return size.rank * per_rank + cost_model.SAMPLE

    def buffer(self, rows: int, length: int) -> Rows:
        return _MultipliedRows(
            self.blocks.layout(rows, length), self.right, self.problem.window.stride[1]
        )

    def _columns_and_products(self) -> tuple[int, int]:
        return max(1, *(len(columns) for columns, _ in self._factors)), 1

    def _matrices(self) -> FloatArray:
        blocks = self.blocks
        shape = (len(self._factors), 1, blocks.t, blocks.rows, blocks.columns)
        matrices = np.zeros(shape, self.problem.dtype)
        for group, (columns, _) in enumerate(self._factors):
            for t in range(blocks.t):
                start = t * self.problem.window.stride[0]
                stop = start + effective_size(columns.shape[1], blocks.dilation_y)
                matrices[group, 0, t, start : stop : blocks.dilation_y, : len(columns)] = columns.T
        return matrices.reshape(len(self._factors), 1, blocks.t, -1)

    def _right_matrices(self) -> FloatArray:
        """Return (groups, r, samples read, Q)."""
        stride, taps = self.problem.window.stride[1], self.problem.window.kernel[1]
        read = (Q - 1) * stride + effective_size(taps, self.blocks.tap)
        matrices = np.zeros((len(self._factors), self.blocks.columns, read, Q), self.problem.dtype)
        for group, (_, rows) in enumerate(self._factors):
            for q in range(Q):
                start = q * stride
                stop = start + effective_size(taps, self.blocks.tap)
                matrices[group, : len(rows), start : stop : self.blocks.tap, q] = rows
        return matrices


class _MultipliedRows(Rows):
    """Im2col column k has the rows convolved with the row of rank k, Q samples a product."""

    def __init__(self, layout: Layout, right: FloatArray, stride: int) -> None:
        self._right = right
        products = -(-layout.samples // Q)
        read = max(layout.length, (products - 1) * Q * stride + right.shape[2])
        whole_row = np.zeros((layout.rows, 1, 1, read), layout.dtype)
        self.read = whole_row[..., : layout.length]
        self.im2col = np.zeros((layout.rows, layout.columns, 1, layout.pitch), layout.dtype)
        row, _, _, item = self.im2col.strides
        self._operands = as_strided(
            whole_row,
            (products, layout.rows, right.shape[2]),
            (Q * stride * item, whole_row.strides[0], item),
        )
        self._sums = [
            as_strided(self.im2col[:, k], (products, layout.rows, Q), (Q * item, row, item))
            for k in range(layout.columns)
        ]

    def fill(self, rows: slice, group: int) -> None:
        for right, sums in zip(self._right[group], self._sums, strict=True):
            np.matmul(self._operands[:, rows], right, out=sums[:, rows])
