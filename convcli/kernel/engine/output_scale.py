"""What the output of a transposed convolution is multiplied by: periodic away from the borders."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.arrays import FloatArray


class Periodic(NamedTuple):
    """Something along one axis of ``length``, of which each distinct element is held once.

    From element ``start`` on, ``repeated`` elements, a multiple of ``period``, and one period more
    repeat the first of these periods.
    """

    length: int
    start: int
    period: int
    repeated: int

    @property
    def inside(self) -> tuple[int, int]:
        """The elements from the first to the second number, of which all periods are alike."""
        return self.start, self.start + self.repeated

    def distinct(self, start: int, stop: int) -> NDArray[np.intp]:
        """Return which of the distinct elements those from ``start`` to ``stop`` are."""
        position = np.arange(start, stop)
        later = position - self.repeated
        inside = self.start + (position - self.start) % self.period
        return np.where(
            position < self.start + self.period,
            position,
            np.where(later < self.start, inside, later),
        )

    def positions(self) -> NDArray[np.intp]:
        """Return an element that is each of the distinct ones."""
        number = np.arange(self.length - self.repeated)
        return number + self.repeated * (number >= self.start + self.period)


class OutputScale(NamedTuple):
    """A factor for every output element of one channel.

    ``values`` (rows, W) has each distinct row once, as ``rows`` says; ``inside`` are the columns
    that are periodic with the stride.
    """

    values: NDArray[np.float64]
    rows: Periodic
    inside: tuple[int, int]

    def period(self, rows: int, columns: int) -> NDArray[np.float64]:
        """Return one period, (rows, columns), by phase; ones where the scale has none."""
        (top, bottom), (left, right) = self.rows.inside, self.inside
        if bottom - top < rows or right - left < columns:
            return np.ones((rows, columns))
        down = self.rows.distinct(top, top + rows)[(np.arange(rows) - top) % rows]
        across = left + (np.arange(columns) - left) % columns
        return self.values[np.ix_(down, across)]


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
        width = scale.values.shape[1]
        phase = scale.rows.positions() % rows
        left = scale.values / folded[phase][:, np.arange(width) % columns]
        self._values = np.repeat(left, interleaved, 1).astype(dtype)
        self._rows = scale.rows
        self._top, self._bottom = scale.rows.inside
        if not np.ptp(folded) and np.ptp(scale.period(rows, columns)):  # nothing is folded
            self._top = self._bottom = scale.rows.length
        first, past = scale.inside
        self._left, self._right = slice(0, first * interleaved), slice(past * interleaved, None)
        # Of a separable kernel all rows away from the borders have the same.
        period = scale.rows.distinct(self._top, min(self._bottom, self._top + scale.rows.period))
        is_alike = len(period) > 0 and bool((np.ptp(left[period], 0) < ALIKE).all())
        self._alike = self._values[period[0]] if is_alike else None

    def apply(self, values: FloatArray, start: int, stop: int) -> None:
        """Multiply the output rows start to stop, (rows, samples)."""
        top, bottom = max(start, min(stop, self._top)), max(start, min(stop, self._bottom))
        for first, last in ((start, top), (bottom, stop)):
            if first < last:
                values[first - start : last - start] *= self._values[
                    self._rows.distinct(first, last)
                ]
        if top < bottom:
            middle = values[top - start : bottom - start]
            for edge in (self._left, self._right):
                if self._alike is not None:
                    middle[:, edge] *= self._alike[edge]
                else:
                    middle[:, edge] *= self._values[self._rows.distinct(top, bottom), edge]
