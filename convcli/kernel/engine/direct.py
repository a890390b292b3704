"""The definition, vectorised: one product over the channels for each tap of the kernel.

Slow and exact: an element meets only the taps that fall on it, so that an infinity or a NaN
spreads no further than the kernel reaches. The faster methods use it for such rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine.cost_model import ProblemSize
from convcli.kernel.engine.method import Method, RowFunction
from convcli.kernel.factors import Factors
from convcli.kernel.window import RowReader


class Direct(Method):
    """Convolution tap by tap."""

    @staticmethod
    def cost(size: ProblemSize) -> float | None:
        """Return None: it is never the fastest."""
        return None

    @property
    def step(self) -> int:
        return 64

    def for_thread(self) -> RowFunction:
        window = self.problem.window
        reader = RowReader(window, self.problem.width)

        @np.errstate(over="ignore", invalid="ignore")
        def rows(
            source: NDArray[Any], target: NDArray[Any], group: int, start: int, stop: int
        ) -> None:
            part = window.for_rows(start, stop)
            padded = np.zeros((part.rows, len(source), reader.length), self.problem.dtype)
            reader.read(source, part.origin[0], 1, padded[:, :, np.newaxis])
            self.finish(self._sums(padded, group, stop - start), target[..., start:stop, :], group)

        return rows

    def _sums(self, padded: FloatArray, group: int, rows: int) -> FloatArray:
        window = self.problem.window
        (stride_y, stride_x), (dilation_y, dilation_x) = window.stride, window.dilation
        length = self.problem.samples
        if isinstance(self.problem.weight, Factors):
            return self._by_factors(padded, self.problem.weight, rows)
        weight = self.problem.weight[group]
        sums = np.zeros((len(weight), rows, length), self.problem.dtype)
        # A tap of weight 0 would make NaN of an infinity: it is left out.
        for f, c, u, v in np.argwhere(weight):
            left = v * dilation_x * window.interleaved
            right = left + (length - 1) * stride_x + 1
            tapped = padded[u * dilation_y :: stride_y, c, left:right:stride_x][:rows]
            sums[f] += weight[f, c, u, v] * tapped
        return sums

    def _by_factors(self, padded: FloatArray, factors: Factors, rows: int) -> FloatArray:
        """Return the sums of one channel, along rows first; a tap of 0 is left out here too."""
        window, length = self.problem.window, self.problem.samples
        (stride_y, stride_x), (dilation_y, dilation_x) = window.stride, window.dilation
        along_rows = np.zeros((len(padded), length), self.problem.dtype)
        for v in np.flatnonzero(factors.row):
            left = v * dilation_x * window.interleaved
            right = left + (length - 1) * stride_x + 1
            along_rows += factors.row[v] * padded[:, 0, left:right:stride_x]
        sums = np.zeros((1, rows, length), self.problem.dtype)
        for u in np.flatnonzero(factors.column):
            sums[0] += factors.column[u] * along_rows[u * dilation_y :: stride_y][:rows]
        return sums
