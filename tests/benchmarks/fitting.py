"""The constants of the cost formulas, fitted to timings of large outputs.

The formulas are sums of constants times whole numbers, so the numbers can be had from the
formulas themselves: set one constant to 1 and the others to 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from timings import Timing

from convcli.kernel.engine import cost_model
from convcli.kernel.engine.dispatch import costs

ENOUGH_SAMPLES = 500_000
"""Smaller outputs tell little of what a sample costs: making matrices and spectra weighs more."""


@dataclass
class Fit:
    """Each constant now, as suggested, and by how many timings; the errors of the estimates."""

    constants: dict[str, tuple[float, float, int]]
    error_now: float
    error_then: float

    def losses(self, timings: Sequence[Timing]) -> list[float]:
        """Return how many times the best's time the choice takes, by the suggested constants."""
        found = []
        with constants({name: suggested for name, (_, suggested, _) in self.constants.items()}):
            for timing in timings:
                estimates = costs(timing.cell.problem_size)
                chosen = min(timing.ns, key=lambda method: estimates.get(method, np.inf))
                found.append(timing.ns[chosen] / timing.ns[timing.best])
        return found


@contextmanager
def constants(values: Mapping[str, float]) -> Iterator[None]:
    """Let the cost formulas have other constants for a while."""
    before = {name: getattr(cost_model, name) for name in values}
    for name, value in values.items():
        setattr(cost_model, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(cost_model, name, value)


def suggest(timings: Sequence[Timing]) -> Fit:
    """Fit the constants to the timings: least squares of relative errors, none below 0."""
    now = {
        name: value
        for name, value in vars(cost_model).items()
        if name.isupper() and isinstance(value, float)
    }
    timings = [timing for timing in timings if timing.samples >= ENOUGH_SAMPLES]
    measured = np.array([ns for timing in timings for ns in timing.ns.values()])
    nothing = dict.fromkeys(now, 0.0)
    fixed = _estimates(timings, nothing)
    features = {name: _estimates(timings, nothing | {name: 1.0}) - fixed for name in now}
    matrix = np.stack(list(features.values()), axis=1) / measured[:, np.newaxis]
    wanted = (measured - fixed) / measured
    solution = _least_squares(matrix, wanted)
    then = dict(zip(now, (float(value) for value in solution), strict=True))
    return Fit(
        {name: (now[name], then[name], int((features[name] > 0).sum())) for name in now},
        _error(_estimates(timings, now), measured),
        _error(_estimates(timings, then), measured),
    )


def _estimates(timings: Sequence[Timing], values: Mapping[str, float]) -> NDArray[np.float64]:
    """Return what the formulas say with these constants, a number for each timing."""
    with constants(values):
        return np.array(
            [costs(timing.cell.problem_size)[m] for timing in timings for m in timing.ns]
        )


def _error(estimates: NDArray[np.float64], measured: NDArray[np.float64]) -> float:
    return float(np.median(np.abs(estimates / measured - 1)))


def _least_squares(matrix: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve with no unknown below 0: those that would be are held at 0."""
    solution = np.zeros(matrix.shape[1])
    free: NDArray[np.bool_] = np.asarray(matrix.any(axis=0))
    while free.any():
        found = np.linalg.lstsq(matrix[:, free], wanted)[0]
        if (found >= 0).all():
            solution[free] = found
            break
        free[np.flatnonzero(free)[found < 0]] = False
    return solution
