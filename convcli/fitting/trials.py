"""Trials on some of the samples: the shift, the size of the kernel, linear light."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from convcli.fitting.alignment import best_shift
from convcli.fitting.geometry import Pair
from convcli.fitting.options import pair_of
from convcli.fitting.prediction import mean_square
from convcli.fitting.problem import Problem
from convcli.fitting.size import candidate_sizes, sizes_by_error, smallest_good
from convcli.fitting.solve import filter_of, solved

SAMPLES = 1_000_000
"""Samples of a trial, from all over the pictures."""

TRIAL_UNKNOWNS = 700
"""Weights of a system up to which there are trials."""

SMALL = 10
"""Rows and columns up to which a kernel is tried first."""

WORTH_LINEAR = 0.8
"""Linear light is chosen if its mean square error is below this share of the other's."""


@dataclass
class Choice:
    """The results of the trials, and the mean square error of each size on held-out tiles."""

    size: Pair = (1, 1)
    shift: Pair = (0, 0)
    linear: bool = False
    errors: dict[Pair, float] = field(default_factory=dict)


def choose(problem: Problem) -> Choice:
    """Return size, shift and light: by the options, or by trials."""
    options = problem.options
    size = None if options.size == "auto" else pair_of(options.size, "size", 1)
    if size is not None:
        problem.check_size(size)
    linear = options.linear is True
    if options.align != "auto":
        shift = pair_of(options.align, "align", None)
        problem.check_shift(shift)
    else:
        shift = _shift(problem, size, linear)
    if size is not None and problem.layout(size).unknowns > TRIAL_UNKNOWNS:
        return Choice(size, shift, linear)
    sizes = candidate_sizes(problem.relation) if size is None else [size]
    while len(sizes) > 1 and problem.layout(sizes[-1]).unknowns > TRIAL_UNKNOWNS:
        sizes.pop()
    choice = _size(problem, sizes, shift, linear)
    if options.linear == "auto" and _may_be_linear(problem):
        return _light(problem, sizes, choice)
    return choice


def _shift(problem: Problem, size: Pair | None, linear: bool) -> Pair:
    """Return the shift of the spectra, if a kernel explains more with it than without."""
    shift = best_shift(problem.trial, max(12, *(size or (1, 1))))
    if shift == (0, 0):
        return shift
    layout = problem.layout(size or (3, 3))
    if layout.unknowns > TRIAL_UNKNOWNS:
        layout = problem.layout((9, 9))
    errors = []
    for trial in ((0, 0), shift):
        moments = problem.moments(layout, trial, linear, SAMPLES / 4)
        if min(one.used for one in moments) <= layout.unknowns:
            return 0, 0
        errors.append(sum(solved(one, 1e-12, True).held_out for one in moments))
    return shift if errors[1] < 0.9 * errors[0] else (0, 0)


def _size(problem: Problem, sizes: Sequence[Pair], shift: Pair, linear: bool) -> Choice:
    """Return the smallest size that explains held-out tiles as well as any.

    Large ones are slow, and tried only if the largest of the others is best.
    """
    small = [size for size in sizes if max(size) <= SMALL]
    if small and len(small) < len(sizes):
        choice = _size(problem, small, shift, linear)
        if choice.size != small[-1]:
            return choice
    layout = problem.layout(sizes[-1])
    moments = problem.moments(layout, shift, linear, SAMPLES)
    errors = sizes_by_error(
        moments, problem.relation, sizes, layout.inputs, problem.bias is not False
    )
    if not errors:  # reported later, after all samples are counted
        return Choice(sizes[0], shift, linear)
    used = sum(one.used for one in moments)
    negligible = 1e-13 * sum(float(one.total[-1, -1]) for one in moments) / max(1, used)
    if problem.levels:
        negligible = max(negligible, (0.01 / problem.levels) ** 2)
    return Choice(smallest_good(errors, negligible), shift, linear, errors)


def _may_be_linear(problem: Problem) -> bool:
    plates = (problem.trial[0].before, problem.trial[0].after)
    return all(plate.has_levels and plate.frame.mode != "CMYK" for plate in plates)


def _light(problem: Problem, sizes: Sequence[Pair], plain: Choice) -> Choice:
    """Return a choice in linear light if a filter explains clearly more there."""
    assert problem.levels is not None
    if plain.errors and plain.errors[plain.size] * problem.levels**2 <= 0.12:
        return plain  # the error of rounding
    choices = plain, _size(problem, sizes, plain.shift, True)
    errors = [_stored_error(problem, choice) for choice in choices]
    return choices[errors[1] < WORTH_LINEAR * errors[0]]


def _stored_error(problem: Problem, choice: Choice) -> float:
    """Return the mean square error of a fit on some samples, in stored values."""
    layout = problem.layout(choice.size)
    moments = problem.moments(layout, choice.shift, choice.linear, SAMPLES)
    if min(one.used for one in moments) <= layout.unknowns:
        return math.inf
    trial = filter_of(layout, [solved(one, 1e-12, problem.bias is not False) for one in moments])
    pairs = [pair.in_linear_light(choice.linear) for pair in problem.trial]
    return mean_square(pairs, trial, choice.shift, SAMPLES / 2).error
