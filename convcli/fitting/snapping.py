"""The simplest weights that reproduce AFTER: whole numbers over a divisor, or a known kernel's.

If rounding explains the residual, a filter is as good as the least squares if its values round to
the samples of AFTER: if hardly any residual exceeds half a level.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.filters import Filter
from convcli.fitting.geometry import Pair
from convcli.fitting.kernels import Layout
from convcli.fitting.prediction import Predictor, as_stored
from convcli.fitting.samples import FramePair

Array = NDArray[np.float64]

MOST_DIVISOR = 1 << 16
STEP = 4096
"""Divisors tried at a time."""

MOST_TRIED = 12
"""Divisors whose weights are tested on samples."""

SAMPLES = 100_000
"""Samples that a filter must reproduce."""

ROWS = 8
BEYOND = 1e-3
"""The share of samples that may exceed half a level, since other tools have fewer digits."""


@dataclass(frozen=True)
class Estimate:
    """Weights (systems, unknowns) and offsets, and the errors of each.

    ``levels`` is the number of levels of AFTER between 0 and 1, or None if it has none.
    """

    layout: Layout
    weights: Array
    offsets: Array
    errors: Array
    has_bias: bool
    levels: int | None
    reproduces: Callable[[Filter], bool]

    def is_near(self, weights: Array) -> bool:
        """Return whether other weights are within the errors of these."""
        return bool((np.abs(weights - self.weights) <= self.errors).all())

    def accepted(self, weights: Array, own: Array | None = None) -> Array | None:
        """Return the simplest offsets with which near weights reproduce AFTER, or None."""
        for offsets in self._offsets(own):
            if self.reproduces(self.layout.filter(weights, offsets)):
                return offsets
        return None

    def _offsets(self, own: Array | None) -> Iterator[Array]:
        """Yield offsets to try: a known filter's, 0, half levels, round ones, the fitted ones."""
        if own is not None and own.any():
            yield own
            return
        yield np.zeros_like(self.offsets)
        if self.has_bias:
            if self.levels:
                yield np.rint(self.offsets * 2 * self.levels) / (2 * self.levels)
            yield np.round(self.offsets, 2)
            yield np.round(self.offsets, 3)
            yield self.offsets


def whole_numbers(estimate: Estimate) -> tuple[Array, Array, int] | None:
    """Return whole weights, offsets and the smallest divisor that reproduces AFTER, or None.

    The largest divisor is the one above which weights would be near whole numbers by chance.
    """
    weights, errors = estimate.weights, estimate.errors
    tried = 0
    for first in range(1, MOST_DIVISOR, STEP):
        divisors = np.arange(first, first + STEP)
        shares = np.minimum(1, 0.6 * errors[np.newaxis] * divisors[:, np.newaxis, np.newaxis])
        chance = np.log(np.maximum(shares, 1e-300)).sum((1, 2))
        divisors = divisors[chance < np.log(1e-6 / divisors)]
        if not len(divisors):
            return None
        scaled = weights * divisors[:, np.newaxis, np.newaxis]
        whole = np.rint(scaled)
        off = np.abs(scaled - whole) / divisors[:, np.newaxis, np.newaxis]
        for number in np.flatnonzero((off <= errors).all((1, 2))).tolist():
            divisor = int(divisors[number])
            if weights.any() and not whole[number].any():
                continue
            tried += 1
            if tried > MOST_TRIED:
                return None
            offsets = estimate.accepted(whole[number] / divisor)
            if offsets is not None:
                return whole[number], offsets, divisor
    return None


def divisor_of(weights: Array) -> int | None:
    """Return the smallest divisor with which known weights are whole numbers, or None."""
    for divisor in range(1, STEP):
        scaled = weights * divisor
        if np.abs(scaled - np.rint(scaled)).max() < 1e-9 * divisor:
            return divisor
    return None


class Reproduction:
    """Samples from all over AFTER, to test whether filters of one size reproduce them."""

    def __init__(
        self, pairs: Sequence[FramePair], layout: Layout, shift: Pair, levels: int | None
    ) -> None:
        self._shift, self._levels = shift, levels
        self._parts: list[_Part] = []
        nothing = layout.filter(
            np.zeros((layout.systems, layout.unknowns)), np.zeros(layout.systems)
        )
        for pair in pairs:
            predictor = Predictor(pair, nothing, shift)
            top, bottom, left, right = predictor.inside
            samples = (bottom - top) * (right - left) * pair.after.colours
            every = max(1, samples * len(pairs) // SAMPLES)
            for start in range(top, bottom, ROWS * every):
                rows, columns = (start, min(start + ROWS, bottom)), (left, right)
                band = predictor.band(*rows, *columns)
                read = predictor.windows(rows, columns)
                self._parts.append(_Part(pair, read, rows, columns, band.actual, band.is_evidence))
        self._count = sum(int(part.is_evidence.sum()) for part in self._parts)

    def __call__(self, chosen: Filter) -> bool:
        """Return whether a filter reproduces the samples."""
        beyond = 0
        for part in self._parts:
            predictor = Predictor(part.pair, chosen, self._shift)
            linear = part.pair.after.linear
            predicted = as_stored(predictor.filtered(part.read, part.rows, part.columns), linear)
            actual = as_stored(part.actual, linear)
            rest = np.abs(predicted - actual)[part.is_evidence]
            # Half a level and a margin, since 32-bit floats have 7 digits.
            bound = 0.503 / self._levels if self._levels else 1e-6 * float(np.abs(actual).max())
            beyond += int((rest > bound).sum())
            if beyond > BEYOND * self._count:
                return False
        return self._count > 0


class _Part(NamedTuple):
    """Rows and columns of AFTER, and the samples of BEFORE that they read."""

    pair: FramePair
    read: Array
    rows: Pair
    columns: Pair
    actual: Array
    is_evidence: NDArray[np.bool_]
