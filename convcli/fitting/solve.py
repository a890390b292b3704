"""Weights from sums of products: ridge, bias, uncertainty, and the error on held-out tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convcli.filters import Filter
from convcli.fitting.kernels import Layout
from convcli.fitting.moments import Moments

RIDGES = (0.0, *(10.0**power for power in range(-12, -1)))
"""The ridges tried, times the mean of the diagonal."""

UNSOUND = 1e13
"""The condition number above which float64 gives no solution."""

Array = NDArray[np.float64]


@dataclass
class Solution:
    """The weights of one system, and how well they are known.

    ``scatter`` is the inverse of the centred products, so that ``variance * scatter`` is the
    covariance of the weights if errors of samples are independent; ``covariance`` is estimated from
    tiles and does not assume that. ``held_out`` is the mean square error on tiles that were not in
    the fit, ``error`` that on all. ``rank`` is the number of directions that BEFORE determines.
    """

    weights: Array
    bias: float
    scatter: Array
    covariance: Array
    error: float
    held_out: float
    condition: float
    ridge: float
    rank: int
    used: int

    @property
    def variance(self) -> float:
        """Variance of a sample's error."""
        return self.error * self.used / max(1, self.used - len(self.weights))


class System:
    """The sums of one half of the tiles, or of all, as equations for the weights.

    With ``bias`` the ones are eliminated: products are those of deviations from the means.
    """

    def __init__(self, sums: Array, bias: bool) -> None:
        self.sums, self.has_bias = sums, bias
        self.count = float(sums[-2, -2])
        centred = sums
        if bias and self.count:
            centred = sums - np.multiply.outer(sums[:, -2], sums[-2]) / self.count
        self.products, self.right_side = centred[:-2, :-2], centred[:-2, -1]
        self.power = float(centred[-1, -1])
        self._values: Array | None = None
        self._vectors: Array | None = None

    def spectrum(self) -> tuple[Array, Array]:
        """Return the eigenvalues, in ascending order, and the eigenvectors of the products."""
        if self._values is None or self._vectors is None:
            self._values, self._vectors = np.linalg.eigh(self.products)
        return self._values, self._vectors

    @property
    def scale(self) -> float:
        """The mean of the diagonal, to which a ridge is relative."""
        return float(np.trace(self.products)) / len(self.products)

    def solve(self, ridge: float) -> Array:
        """Return the weights; a ``ridge`` prefers small ones among those that fit about as well."""
        values, vectors = self.spectrum()
        shifted = values + ridge * self.scale
        floor = np.finfo(float).eps * len(values) * max(float(values[-1]), 0)
        inverse = np.divide(1, shifted, out=np.zeros_like(shifted), where=shifted > floor)
        weights: Array = vectors @ (inverse * (vectors.T @ self.right_side))
        return weights

    def bias(self, weights: Array) -> float:
        """Return the bias that goes with the weights."""
        if not self.has_bias or not self.count:
            return 0.0
        return float(self.sums[-2, -1] - weights @ self.sums[:-2, -2]) / self.count

    def squares(self, weights: Array, bias: float) -> float:
        """Return the sum of squared errors of the weights on these tiles."""
        coefficients = np.concatenate([-weights, [-bias, 1.0]])
        return max(0.0, float(coefficients @ self.sums @ coefficients))

    @property
    def condition(self) -> float:
        """The ratio of the largest eigenvalue to the smallest."""
        values = self.spectrum()[0]
        return float(values[-1] / values[0]) if values[0] > 0 else np.inf

    @property
    def rank(self) -> int:
        """The number of directions of the weights that the samples determine."""
        values = self.spectrum()[0]
        return int((values > 1e-12 * max(float(values[-1]), 0)).sum())


def solved(moments: Moments, ridge: float | None = None, bias: bool | None = None) -> Solution:
    """Return the solution of least squares; None chooses by the error on held-out tiles."""
    if bias is None:
        without, with_bias = (solved(moments, ridge, choice) for choice in (False, True))
        is_better = with_bias.held_out < 0.99 * without.held_out - _negligible(moments)
        return with_bias if is_better else without
    system = System(moments.total, bias)
    chosen = best_ridge(moments, bias) if ridge is None else ridge
    weights = system.solve(chosen)
    offset = system.bias(weights)
    values, vectors = system.spectrum()
    shifted = np.maximum(values + chosen * system.scale, np.finfo(float).tiny)
    inverse = np.where(shifted > shifted[-1] / UNSOUND, 1 / shifted, 0)
    scatter = (vectors * inverse) @ vectors.T
    ridged = System(moments.total, bias).condition if not chosen else shifted[-1] / shifted[0]
    return Solution(
        weights=weights,
        bias=offset,
        scatter=scatter,
        covariance=_covariance(moments, weights, offset, scatter, bias),
        error=system.squares(weights, offset) / max(1.0, system.count),
        held_out=held_out(moments, chosen, bias),
        condition=float(ridged),
        ridge=chosen,
        rank=system.rank,
        used=moments.used,
    )


def filter_of(layout: Layout, solutions: Sequence[Solution]) -> Filter:
    """Return the filter of the solutions of all systems."""
    weights = np.stack([one.weights for one in solutions])
    return layout.filter(weights, np.array([one.bias for one in solutions]))


def best_ridge(moments: Moments, bias: bool) -> float:
    """Return the smallest ridge with about the least error on held-out tiles."""
    halves = [System(moments.half(parity), bias) for parity in (0, 1)]
    if min(half.count for half in halves) <= len(halves[0].right_side):
        return 1e-9  # too few samples to hold some out
    errors = [_held_out(halves, ridge) for ridge in RIDGES]
    sound = System(moments.total, bias).condition < UNSOUND
    candidates = list(range(0 if sound else 1, len(RIDGES)))
    best = min(candidates, key=lambda k: errors[k])
    slack = _negligible(moments)
    return RIDGES[next(k for k in candidates if errors[k] <= 1.002 * errors[best] + slack)]


def held_out(moments: Moments, ridge: float, bias: bool) -> float:
    """Return the mean square error of each half of the tiles, by weights from the other half."""
    return _held_out([System(moments.half(parity), bias) for parity in (0, 1)], ridge)


def _held_out(halves: list[System], ridge: float) -> float:
    squares = count = 0.0
    for known, other in (halves, halves[::-1]):
        weights = known.solve(ridge)
        squares += other.squares(weights, known.bias(weights))
        count += other.count
    return squares / count if count else np.inf


def _negligible(moments: Moments) -> float:
    """Return the mean square error that float64 cannot distinguish from 0."""
    total = moments.total
    return 1e-14 * float(total[-1, -1]) / max(1.0, float(total[-2, -2]))


def _covariance(
    moments: Moments, weights: Array, bias: float, scatter: Array, has_bias: bool
) -> Array:
    """Return the covariance of the weights, from the disagreement of blocks of tiles.

    Each block's gradient at the solution would be 0 if it agreed with the others (the sandwich
    estimate for clusters; Cameron and Miller 2015).
    """
    coefficients = np.concatenate([-weights, [-bias, 1.0]])
    gradients = moments.sums @ coefficients
    if has_bias:
        total = moments.total
        means = total[:-2, -2] / max(1.0, float(total[-2, -2]))
        gradients = gradients[:, :-2] - np.multiply.outer(gradients[:, -2], means)
    else:
        gradients = gradients[:, :-2]
    blocks = len(gradients)
    moved = gradients @ scatter
    covariance: Array = moved.T @ moved * (blocks / (blocks - 1))
    return covariance
