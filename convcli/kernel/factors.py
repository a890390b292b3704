"""A kernel as the outer product of a column and a row, which is how large ones are held."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from convcli.kernel.arrays import FloatArray


class Factors(NamedTuple):
    """A kernel for single channels: ``weight[0, 0, u, v]`` is ``column[u] * row[v]``.

    It represents a weight (1, 1, Hf, Wf), which may be too large for memory.

    >>> import numpy as np
    >>> Factors(np.array([1.0, 2, 1]), np.array([-1.0, 1])).dense()[0, 0]
    array([[-1.,  1.],
           [-2.,  2.],
           [-1.,  1.]])
    """

    column: FloatArray
    row: FloatArray

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape of the weight, (1, 1, Hf, Wf)."""
        return 1, 1, len(self.column), len(self.row)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of both."""
        return self.column.dtype

    def astype(self, dtype: DTypeLike) -> Factors:
        """Return the factors at another precision.

        A power of two passes from one to the other first, so that a weight that fits the dtype
        is not lost because one of its factors does not.
        """
        largest = [float(np.abs(factor).max()) for factor in self]
        shift = 0
        if all(largest):
            exponents = np.frexp(largest)[1]
            shift = int(exponents[0] - exponents[1]) // 2
        column, row = np.ldexp(self.column, -shift), np.ldexp(self.row, shift)
        return Factors(column.astype(dtype), row.astype(dtype))

    def dense(self) -> FloatArray:
        """Return the weight (1, 1, Hf, Wf)."""
        weight: FloatArray = np.multiply.outer(self.column, self.row)[np.newaxis, np.newaxis]
        return weight

    def extremes(self) -> tuple[float, float]:
        """Return the least and the greatest weight."""
        corners = [
            float(u) * float(v)
            for u in (self.column.min(), self.column.max())
            for v in (self.row.min(), self.row.max())
        ]
        return min(corners), max(corners)


Weight = FloatArray | Factors
"""A weight (F, C/groups, Hf, Wf), as an array or as the factors of a kernel for single channels."""
