"""What the output of a transposed convolution is multiplied by: periodic away from the borders."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.arrays import FloatArray


class OutputScale(NamedTuple):
    """A factor for every output element of one channel.

    ``values`` (rows, W) has a row for each kind of output row, ``rows`` (H,) the kind of each.
    From ``inside[0]`` to ``inside[1]`` along y, and x likewise, it is periodic with the stride.
    """

    values: NDArray[np.float64]
    rows: NDArray[np.intp]
    inside: tuple[tuple[int, int], tuple[int, int]]

    def period(self, rows: int, columns: int) -> NDArray[np.float64]:
        """Return one period, (rows, columns), by phase; ones where the scale has none."""
        (top, bottom), (left, right) = self.inside
        if bottom - top < rows or right - left < columns:
            return np.ones((rows, columns))
        down = top + (np.arange(rows) - top) % rows
        across = left + (np.arange(columns) - left) % columns
        return self.values[np.ix_(self.rows[down], across)]


ALIKE = 1e-12
"""Largest difference of factors that are equal but for rounding."""


class BorderCorrection:
    """What is left of a scale once ``folded``, a period of it, is part of the matrices."""

    def __init__(
        self,
        scale: OutputScale,
        folded: NDArray[np.float64],
        interleaved: int,
        dtype: np.dtype[Any],
    ) -> None:
        rows, columns = folded.shape
        height, width = len(scale.rows), scale.values.shape[1]
        # The phase of each kind of row is that of any row of the kind.
        phase = np.zeros(len(scale.values), np.intp)
        phase[scale.rows] = np.arange(height) % rows
        left = scale.values / folded[phase][:, np.arange(width) % columns]
        self._values = np.repeat(left, interleaved, 1).astype(dtype)
        self._rows = scale.rows
        self._top, self._bottom = scale.inside[0]
        if not np.ptp(folded) and np.ptp(scale.period(rows, columns)):  # nothing is folded
            self._top = self._bottom = height
        first, past = scale.inside[1]
        self._left, self._right = slice(0, first * interleaved), slice(past * interleaved, None)
        # Of a separable kernel all rows away from the borders have the same.
        # (Not np.unique, which imports numpy.ma: a tenth of the time of a small picture.)
        kinds = np.flatnonzero(np.bincount(scale.rows[self._top : self._bottom]))
        inside = left[kinds]
        is_alike = len(inside) > 0 and bool((np.ptp(inside, 0) < ALIKE).all())
        self._alike = self._values[scale.rows[self._top]] if is_alike else None

    def apply(self, values: FloatArray, start: int, stop: int) -> None:
        """Multiply the output rows start to stop, (rows, samples)."""
        top, bottom = max(start, min(stop, self._top)), max(start, min(stop, self._bottom))
        for first, last in ((start, top), (bottom, stop)):
            if first < last:
                values[first - start : last - start] *= self._values[self._rows[first:last]]
        if top < bottom:
            middle = values[top - start : bottom - start]
            for edge in (self._left, self._right):
                if self._alike is not None:
                    middle[:, edge] *= self._alike[edge]
                else:
                    middle[:, edge] *= self._values[self._rows[top:bottom], edge]
