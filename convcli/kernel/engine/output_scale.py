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

    def distinct(self, start: int, stop: int, step: int = 1) -> NDArray[np.intp]:
        """Return which of the distinct elements those from ``start`` to ``stop`` are."""
        position = np.arange(start, stop, step)
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


Edges = tuple[tuple[slice, FloatArray], ...]
"""Samples of some rows, and what they are multiplied by, (rows, samples)."""


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
        self._values = np.repeat(left[..., np.newaxis], interleaved, 2).astype(dtype)
        self._rows = scale.rows
        self._top, self._bottom = scale.rows.inside
        if not np.ptp(folded) and np.ptp(scale.period(rows, columns)):  # nothing is folded
            self._top = self._bottom = scale.rows.length
        self._inside = scale.inside
        # Of a separable kernel all rows away from the borders have the same.
        period = scale.rows.distinct(self._top, min(self._bottom, self._top + scale.rows.period))
        self._kept: dict[tuple[int, int, int], Edges] = {}
        self._is_alike = bool((np.ptp(left[period], 0) < ALIKE).all()) if len(period) else False

    def apply(self, values: FloatArray, start: int, stop: int) -> None:
        """Multiply the output rows start to stop, (rows, samples)."""
        self.apply_to_phase(values, range(start, stop), 0, 1)

    def apply_to_phase(self, values: FloatArray, rows: range, phase: int, stride: int) -> None:
        """Multiply some output rows, and of those every ``stride``-th pixel from ``phase`` on."""
        top, bottom = (
            min(max(0, -(-(border - rows.start) // rows.step)), len(rows))
            for border in (self._top, self._bottom)
        )
        bottom = max(top, bottom)
        for first, last in ((0, top), (bottom, len(rows))):
            if first < last:
                factors = self._factors(rows[first:last], phase, stride)
                values[first:last] *= factors.reshape(last - first, -1)
        if top < bottom:
            middle = values[top:bottom]
            for edge, factor in self._edges(rows[top:bottom], phase, stride):
                middle[:, edge] *= factor

    def _factors(self, rows: range, phase: int, stride: int) -> FloatArray:
        """Return (rows, pixels, channels)."""
        distinct = self._rows.distinct(rows.start, rows.stop, rows.step)
        return self._values[distinct, phase::stride]

    def _edges(self, rows: range, phase: int, stride: int) -> Edges:
        """Return which samples left and right are not periodic, and what they are multiplied by."""
        # Rows a period apart have the same factors.
        is_alike = self._is_alike or rows.step == self._rows.period
        key = 0 if self._is_alike else rows.start % rows.step, phase, stride
        if is_alike and key in self._kept:
            return self._kept[key]
        left, right = (max(0, -(-(border - phase) // stride)) for border in self._inside)
        factors = self._factors(rows[:1] if is_alike else rows, phase, stride)
        channels = factors.shape[2]
        edges = tuple(
            (
                slice(first * channels, past * channels),
                factors[:, first:past].reshape(len(factors), -1),
            )
            for first, past in ((0, left), (right, factors.shape[1]))
        )
        if is_alike:
            self._kept[key] = edges
        return edges
