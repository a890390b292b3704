"""Convolution with a kernel of low rank: rows first, then columns, for each rank.

A kernel of rank r is the sum of r outer products of a column and a row. The rows of the image are
multiplied from the right with a banded matrix, Q samples at a time, which leaves r slots a row;
the columns are then the one product of :class:`Banded` over all slots.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import as_strided

from convcli.kernel.arrays import FloatArray
from convcli.kernel.banded import Banded
from convcli.kernel.exactness import whole_factors, whole_kernel
from convcli.kernel.method import Spec
from convcli.kernel.rows import Rows

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

    def __init__(self, spec: Spec) -> None:
        self._factors = [factors(weight[0, 0]) for weight in spec.weight]
        super().__init__(spec)
        self.spans = -(-spec.samples // Q)
        self.pitch = max(self.pitch, self.spans * Q)
        self.right = self._right_matrices()

    def _slots_and_products(self) -> tuple[int, int]:
        return max(1, *(len(columns) for columns, _ in self._factors)), 1

    def _matrices(self) -> FloatArray:
        matrices = np.zeros((len(self._factors), 1, self.t, self.seen, self.slots), self.spec.dtype)
        for group, (columns, _) in enumerate(self._factors):
            for t in range(self.t):
                start = t * self.spec.scan.stride[0]
                stop = start + (columns.shape[1] - 1) * self.dilation_y + 1
                matrices[group, 0, t, start : stop : self.dilation_y, : len(columns)] = columns.T
        return matrices.reshape(len(self._factors), 1, self.t, -1)

    def _right_matrices(self) -> FloatArray:
        """Return (groups, r, samples read, Q)."""
        stride, taps = self.spec.scan.stride[1], self.spec.scan.kernel[1]
        read = (Q - 1) * stride + (taps - 1) * self.tap + 1
        matrices = np.zeros((len(self._factors), self.slots, read, Q), self.spec.dtype)
        for group, (_, rows) in enumerate(self._factors):
            for q in range(Q):
                start = q * stride
                stop = start + (taps - 1) * self.tap + 1
                matrices[group, : len(rows), start : stop : self.tap, q] = rows
        return matrices

    def rows(self, count: int, length: int) -> Rows:
        return MultipliedRows(self, count, length)


class MultipliedRows(Rows):
    """Slot k has the rows convolved with the row of rank k, Q samples a product."""

    def __init__(self, method: Separable, count: int, length: int) -> None:
        self._right = method.right
        stride, spans = method.spec.scan.stride[1], method.spans
        dtype = method.spec.dtype
        read = max(length, (spans - 1) * Q * stride + self._right.shape[2])
        whole = np.zeros((count, 1, 1, read), dtype)
        self.read = whole[..., :length]
        self.slots = np.zeros((count, 1, method.slots, method.pitch), dtype)
        row, _, _, item = self.slots.strides
        self._seen = as_strided(
            whole,
            (spans, count, self._right.shape[2]),
            (Q * stride * item, whole.strides[0], item),
        )
        self._answers = [
            as_strided(self.slots[:, :, k], (spans, count, Q), (Q * item, row, item))
            for k in range(method.slots)
        ]

    def fill(self, rows: slice, group: int) -> None:
        for right, answers in zip(self._right[group], self._answers, strict=True):
            np.matmul(self._seen[:, rows], right, out=answers[:, rows])
