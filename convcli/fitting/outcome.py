"""The weights of all systems and their errors, by either solver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from convcli.errors import ImageError
from convcli.filters import Filter
from convcli.fitting.kernels import Layout
from convcli.fitting.moments import Moments
from convcli.fitting.problem import Problem
from convcli.fitting.solve import Solution, System, solved
from convcli.fitting.trials import Choice

Array = NDArray[np.float64]


@dataclass
class Outcome:
    """Weights (systems, unknowns) and offsets; mean squares in the light of the fit.

    ``error`` is the residual's, ``held_out`` that of tiles with others' weights, ``spread``
    that of AFTER about its mean, ``before`` that of AFTER minus BEFORE. ``systems`` are
    there where the products of samples are known.
    """

    layout: Layout
    weights: Array
    offsets: Array
    uncertainty: Array
    error: float
    held_out: float
    spread: float
    before: float | None
    offered: int
    used: int
    clipped: int
    hidden: int
    ridge: float
    solver: str
    rank: int | None = None
    condition: float | None = None
    systems: list[System] = field(default_factory=list)

    def filter(self) -> Filter:
        """Return the filter with these weights."""
        return self.layout.filter(self.weights, self.offsets)

    def error_of(self, weights: Array, offsets: Array) -> float:
        """Return the mean square residual of other weights."""
        squares = sum(
            system.squares(weight, float(offset))
            for system, weight, offset in zip(self.systems, weights, offsets, strict=True)
        )
        return squares / max(1, self.used)


def by_normal_equations(problem: Problem, choice: Choice) -> Outcome:
    """Return the solution of the normal equations of all samples."""
    layout = problem.layout(choice.size)
    moments = problem.moments(layout, choice.shift, choice.linear)
    for one in moments:
        problem.check_samples(one.offered, one.clipped, one.used, layout)
    bias = _common_bias(moments, problem)
    solutions = [solved(one, problem.ridge, bias) for one in moments]
    for one, solution in zip(moments, solutions, strict=True):
        _check_sound(one, solution, problem.ridge)
    used = sum(one.used for one in moments)
    systems = [System(one.total, bias) for one in moments]
    outcome = Outcome(
        layout=layout,
        weights=np.stack([one.weights for one in solutions]),
        offsets=np.array([one.bias for one in solutions]),
        uncertainty=np.stack(
            [np.sqrt(np.maximum(np.diag(one.covariance), 0)) for one in solutions]
        ),
        error=sum(one.error * one.used for one in solutions) / used,
        held_out=sum(one.held_out * one.used for one in solutions) / used,
        spread=sum(System(one.total, True).power for one in moments) / used,
        before=None,
        offered=sum(one.offered for one in moments),
        used=used,
        clipped=sum(one.clipped for one in moments),
        hidden=sum(one.hidden for one in moments),
        ridge=max(one.ridge for one in solutions),
        solver="normal",
        rank=min(one.rank for one in solutions),
        condition=max(one.condition for one in solutions),
        systems=systems,
    )
    same = layout.systems_of(_identity(layout))
    alike = layout.planes[0] == layout.planes[1] and layout.relation.stride == (1, 1)
    if same is not None and alike:
        outcome.before = outcome.error_of(*same)
    return outcome


def _common_bias(moments: Sequence[Moments], problem: Problem) -> bool:
    """Return whether to fit a bias: by the option, or if it lowers any system's held-out error."""
    if problem.bias is not None:
        return problem.bias
    return any(solved(one, problem.ridge).bias != 0 for one in moments)


def _check_sound(moments: Moments, solution: Solution, ridge: float | None) -> None:
    """Raise an ImageError for a system whose solution is meaningless."""
    total, used = moments.total, moments.used
    spread = float(total[-1, -1]) / used - (float(total[-2, -1]) / used) ** 2
    is_lacking = solution.rank < len(solution.weights)
    if not np.isfinite(solution.weights).all() or (
        is_lacking and ridge is None and not solution.held_out < spread
    ):
        raise ImageError(
            f"no ridge makes the system solvable: BEFORE determines {solution.rank} of "
            f"{len(solution.weights)} weights, and they do not explain other parts of AFTER; use a "
            "picture with more detail, or a smaller size"
        )


def _identity(layout: Layout) -> Filter:
    """Return the filter that changes nothing, if BEFORE and AFTER are equal."""
    if layout.channels == "mixed":
        return Filter(np.eye(layout.planes[1], layout.planes[0])[..., np.newaxis, np.newaxis])
    return Filter(np.ones((1, 1)))
