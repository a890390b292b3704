"""Whole numbers over a divisor that explain AFTER as well as the least squares do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convcli.fitting.solve import Solution, System

MOST_DIVISOR = 1 << 16
STEP = 4096
"""Divisors tried at a time."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Evidence:
    """The equations of every system and their solutions.

    ``floor`` is a variance of samples below which differences are the computer's rounding.
    """

    systems: Sequence[System]
    solutions: Sequence[Solution]
    floor: float

    @property
    def weights(self) -> Array:
        """The weights of least squares, (systems, unknowns)."""
        return np.stack([one.weights for one in self.solutions])

    @property
    def offsets(self) -> Array:
        """The bias of every system."""
        return np.array([one.bias for one in self.solutions])

    @property
    def errors(self) -> Array:
        """The standard error of every weight, if errors of samples are independent."""
        return np.stack(
            [
                np.sqrt(max(one.variance, self.floor) * np.maximum(np.diag(one.scatter), 0))
                for one in self.solutions
            ]
        )

    def agrees(self, weights: Array, offsets: Array, tolerance: float = 6.0) -> bool:
        """Tell whether other weights explain the samples as well, but for chance.

        The squares that they add, over the variance, are distributed as chi-square with as many
        degrees of freedom as there are unknowns: mean n, standard deviation sqrt(2n).
        """
        for system, solution, weight, offset in zip(
            self.systems, self.solutions, weights, offsets, strict=True
        ):
            variance = max(solution.variance, self.floor)
            change = np.concatenate([weight - solution.weights, [offset - solution.bias]])
            unknowns = len(weight) + system.has_bias
            added = float(change @ system.sums[:-1, :-1] @ change)
            if added > variance * (unknowns + tolerance * np.sqrt(2 * unknowns)):
                return False
        return True


def snapped(evidence: Evidence, unit: float) -> tuple[Array, int, Array] | None:
    """Return whole weights, the smallest divisor they go with, and offsets; None where none fit.

    ``unit`` is the number of levels between 0 and 1: a bias is taken as a whole number of half
    levels where that agrees.
    """
    weights, errors = evidence.weights, evidence.errors
    known = weights.size
    finest = float(errors.max())
    if not np.isfinite(finest):
        return None
    for first in range(1, MOST_DIVISOR, STEP):
        divisors = np.arange(first, first + STEP)
        # By chance all weights are near whole numbers with probability (8 * error * divisor)^n.
        chance = known * np.log(np.minimum(1, 8 * finest * divisors) + 1e-300)
        divisors = divisors[chance < np.log(1e-6 / divisors)]
        if not len(divisors):
            return None
        scaled = weights[np.newaxis] * divisors[:, np.newaxis, np.newaxis]
        off = np.abs(scaled - np.rint(scaled)) / divisors[:, np.newaxis, np.newaxis]
        is_near = (off <= 6 * errors + 1e-12).all((1, 2))
        for divisor in divisors[is_near].tolist():
            whole = np.rint(weights * divisor)
            if not whole.any() and weights.any():
                continue
            offsets = _simple_offsets(evidence, whole / divisor, unit)
            if offsets is not None:
                return whole, int(divisor), offsets
    return None


def _simple_offsets(evidence: Evidence, weights: Array, unit: float) -> Array | None:
    """Return offsets that go with the weights: 0 or whole half levels if they agree, or None."""
    fitted = np.array(
        [system.bias(weight) for system, weight in zip(evidence.systems, weights, strict=True)]
    )
    simple = np.rint(fitted * 2 * unit) / (2 * unit)
    for offsets in (np.zeros_like(fitted), np.rint(fitted * 256) / 256, simple, fitted):
        if evidence.agrees(weights, offsets):
            return offsets
    return None
