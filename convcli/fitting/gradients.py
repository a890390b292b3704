"""Least squares by conjugate gradients, for kernels whose products would not fit in memory.

The product of the normal equations' matrix and a kernel is a convolution, a mask, and the gradient
for the weight: ``conv2d`` and ``conv2d_backward``. The matrix of some of the samples is close
to that of all, and its inverse is the preconditioner: about ten steps are enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.fitting.outcome import Outcome
from convcli.fitting.prediction import BAND, Predictor
from convcli.fitting.problem import Problem
from convcli.fitting.samples import FramePair
from convcli.fitting.trials import Choice
from convcli.kernel import conv2d, conv2d_backward

Floats = NDArray[Any]
Array = NDArray[np.float64]

EXACT_SAMPLES = 2_000_000
"""Samples that are computed in float64, at most; more are in float32."""

MOST_STEPS = 100

ENOUGH = {np.float64: 1e-24, np.float32: 1e-10}
"""The share of the squares that rounding in the dtype leaves unexplained."""

SAMPLES_A_WEIGHT = 300
"""Samples of the preconditioner for each weight."""


class Unknowns(NamedTuple):
    """Kernels (outputs, inputs, Hf, Wf) and a bias for each output."""

    weight: Array
    bias: Array

    def plus(self, other: Unknowns, factor: float) -> Unknowns:
        return Unknowns(self.weight + factor * other.weight, self.bias + factor * other.bias)

    def dot(self, other: Unknowns) -> float:
        return float((self.weight * other.weight).sum() + (self.bias * other.bias).sum())


class Band(NamedTuple):
    """Rows of windows: samples of BEFORE, of AFTER, and 1 for those that are evidence, else 0."""

    read: Floats
    target: Floats
    kept: Floats


class Equations:
    """The normal equations of pairs, as products with a kernel, each reading the pairs again."""

    def __init__(self, problem: Problem, choice: Choice) -> None:
        self.problem, self.choice = problem, choice
        self.layout = problem.layout(choice.size)
        self.has_bias = bool(problem.bias)
        self.offered = self.clipped = self.used = 0
        first = problem.trial[0]
        samples = first.relation.after[0] * first.relation.after[1] * first.after.colours
        self.dtype = np.float64 if samples * len(problem.trial) <= EXACT_SAMPLES else np.float32
        self.groups = self.layout.systems if self.layout.channels == "separate" else 1
        self.middle = self._mean() if self.has_bias else 0.0

    def start(self) -> Unknowns:
        """Return the zero kernel."""
        shape = (self.layout.systems, self.layout.inputs, *self.layout.size)
        return Unknowns(np.zeros(shape), np.zeros(self.layout.systems))

    def bands(self, parity: int | None = None) -> Iterator[Band]:
        """Yield all bands of all pairs, or every other band."""
        for pair in self.problem.pairs(self.choice.linear):
            predictor = Predictor(pair, self.layout.filter(*_flat(self.start())), self.choice.shift)
            top, bottom, _, _ = predictor.inside
            for number, start in enumerate(range(top, bottom, self._rows(pair))):
                if parity is None or number % 2 == parity:
                    stop = min(start + self._rows(pair), bottom)
                    yield self._band(pair, predictor, start, stop)

    def _rows(self, pair: FramePair) -> int:
        return max(8, min(BAND, pair.relation.after[0] // 8))

    def _band(self, pair: FramePair, predictor: Predictor, start: int, stop: int) -> Band:
        _, _, left, right = predictor.inside
        read = predictor.windows((start, stop), (left, right)) - self.middle
        samples = pair.after.rows(start, stop)[:, left:right, : pair.after.colours]
        target = pair.after.planes_of(samples)
        kept = predictor.evidence((start, stop), (left, right))
        # With a shared kernel, every channel is an image of its own.
        axis = 1 if self.layout.channels == "shared" else 0
        parts: list[Floats] = [read, target, kept]
        return Band(*(np.expand_dims(part.astype(self.dtype), axis) for part in parts))

    def apply(self, unknowns: Unknowns, parity: int | None = None) -> Unknowns:
        """Return the matrix times the unknowns."""
        total = self.start()
        for band in self.bands(parity):
            filtered = self._filtered(band, unknowns) * band.kept
            total = total.plus(self._gradient(band, filtered, unknowns), 1)
        return total

    def gradient(self, unknowns: Unknowns, parity: int | None = None) -> tuple[Unknowns, float]:
        """Return the negative gradient of half the squared residuals, and the sum of squares."""
        total, squares = self.start(), 0.0
        for band in self.bands(parity):
            rest = (band.target - self._filtered(band, unknowns)) * band.kept
            squares += float((rest.astype(float) ** 2).sum())
            total = total.plus(self._gradient(band, rest, unknowns), 1)
        return total, squares

    def _filtered(self, band: Band, unknowns: Unknowns) -> Floats:
        return conv2d(
            band.read,
            unknowns.weight,
            unknowns.bias,
            stride=self.problem.relation.stride,
            groups=self.groups,
        )

    def _gradient(self, band: Band, rest: Floats, unknowns: Unknowns) -> Unknowns:
        _, weight, bias = conv2d_backward(
            rest,
            band.read,
            unknowns.weight,
            stride=self.problem.relation.stride,
            groups=self.groups,
        )
        offsets = bias.astype(float) if self.has_bias else np.zeros(len(bias))
        return Unknowns(weight.astype(float), offsets)

    def _mean(self) -> float:
        pair = next(iter(self.problem.pairs(self.choice.linear)))
        return float(pair.before.planes_of(pair.before.rows(0, pair.relation.before[0])).mean())


class Preconditioner:
    """Division by the normal equations' matrix of some of the samples, scaled to all of them."""

    def __init__(self, equations: Equations, counts: Array, ridge: float) -> None:
        layout, choice = equations.layout, equations.choice
        self.ridge = ridge
        most = SAMPLES_A_WEIGHT * layout.unknowns
        moments = equations.problem.moments(layout, choice.shift, choice.linear, most)
        self.inverses, self.shares, self.means = [], [], []
        for one, count in zip(moments, counts.tolist(), strict=True):
            # Features are those of the bands: BEFORE minus its middle value.
            change = np.eye(layout.unknowns + 1)
            change[:-1, -1] = -equations.middle
            matrix = change @ one.total[:-1, :-1] @ change.T
            if not equations.has_bias:
                matrix = matrix[:-1, :-1]
            mean = float(np.trace(matrix)) / len(matrix)
            matrix[np.diag_indices(layout.unknowns)] += (1e-9 + ridge) * mean
            self.inverses.append(np.linalg.inv(matrix))
            self.shares.append(max(one.used, 1) / max(count, 1.0))
            self.means.append(mean / self.shares[-1])

    def solve(self, gradient: Unknowns) -> Unknowns:
        """Return an approximation of the unknowns whose product with the matrix is the gradient."""
        weight, bias = np.zeros_like(gradient.weight), np.zeros_like(gradient.bias)
        for number, (inverse, share) in enumerate(zip(self.inverses, self.shares, strict=True)):
            given = np.append(gradient.weight[number].ravel(), gradient.bias[number])
            solved = share * (inverse @ given[: len(inverse)])
            count = gradient.weight[number].size
            weight[number] = solved[:count].reshape(weight[number].shape)
            bias[number] = solved[count] if len(solved) > count else 0.0
        return Unknowns(weight, bias)

    def ridged(self, unknowns: Unknowns) -> Unknowns:
        """Return the ridge's part of the product of the matrix and the unknowns."""
        factors = self.ridge * np.array(self.means).reshape(-1, 1, 1, 1)
        return Unknowns(unknowns.weight * factors, np.zeros_like(unknowns.bias))

    def variances(self, unknowns: int) -> Array:
        """Return the variance of each weight (systems, unknowns), relative to that of an error."""
        return np.stack(
            [
                share * np.diag(inverse)[:unknowns]
                for inverse, share in zip(self.inverses, self.shares, strict=True)
            ]
        )


def by_gradients(problem: Problem, choice: Choice) -> Outcome:
    """Return the solution of the normal equations by conjugate gradients."""
    equations = Equations(problem, choice)
    layout = equations.layout
    counts, total, power, offered = _counted(equations)
    used = int(counts.sum())
    problem.check_samples(offered, offered - used, used, layout)
    ridge = problem.ridge or 0.0
    preconditioner = Preconditioner(equations, counts, ridge)
    half, _ = descended(equations, preconditioner, equations.start(), 0)
    _, missed = equations.gradient(half, 1)
    held = sum(float(band.kept.sum()) for band in equations.bands(1))
    found, squares = descended(equations, preconditioner, half, None)
    offsets = found.bias - equations.middle * found.weight.sum((1, 2, 3))
    error = squares / used
    return Outcome(
        layout=layout,
        weights=found.weight.reshape(layout.systems, -1),
        offsets=offsets if equations.has_bias else np.zeros(layout.systems),
        uncertainty=np.sqrt(error * preconditioner.variances(layout.unknowns)),
        error=error,
        held_out=missed / held if held else np.inf,
        spread=power / used - (total / used) ** 2,
        before=None,
        offered=offered,
        used=used,
        clipped=offered - used,
        hidden=0,
        ridge=ridge,
        solver="gradients",
    )


def descended(
    equations: Equations,
    preconditioner: Preconditioner,
    start: Unknowns,
    parity: int | None,
) -> tuple[Unknowns, float]:
    """Descend from ``start`` until the gradient is zero up to rounding.

    Returns the unknowns and the sum of squared residuals of the bands with that ``parity``.
    """
    found = start
    gradient, squares = equations.gradient(found, parity)
    gradient = gradient.plus(preconditioner.ridged(found), -1)
    better = preconditioner.solve(gradient)
    direction, slope = better, gradient.dot(better)
    # The slope is close to the remaining decrease of the squares.
    wanted = ENOUGH[equations.dtype] * squares
    for _ in range(MOST_STEPS):
        if not slope > wanted:
            break
        product = equations.apply(direction, parity).plus(preconditioner.ridged(direction), 1)
        step = slope / direction.dot(product)
        found = found.plus(direction, step)
        gradient = gradient.plus(product, -step)
        better = preconditioner.solve(gradient)
        before, slope = slope, gradient.dot(better)
        direction = better.plus(direction, slope / before)
    _, squares = equations.gradient(found, parity)
    return found, squares


def _counted(equations: Equations) -> tuple[Array, float, float, int]:
    """Return samples of each system, the sum and the sum of squares of AFTER, and all samples."""
    counts, total, power, offered = np.zeros(equations.layout.systems), 0.0, 0.0, 0
    for band in equations.bands():
        counts += band.kept.sum((0, 2, 3), dtype=float)
        total += float((band.target * band.kept).sum(dtype=float))
        power += float((band.target**2 * band.kept).sum(dtype=float))
        offered += band.kept.size
    return counts, total, power, offered


def _flat(unknowns: Unknowns) -> tuple[Array, Array]:
    return unknowns.weight.reshape(len(unknowns.weight), -1), unknowns.bias
