"""The weights that are kept: the simplest that reproduce AFTER, and their name."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.fitting.kernels import Layout
from convcli.fitting.naming import Name, family_name, known_name
from convcli.fitting.narrowing import narrowed
from convcli.fitting.outcome import Outcome
from convcli.fitting.problem import Problem
from convcli.fitting.samples import FramePair
from convcli.fitting.snapping import Estimate, Reproduction, divisor_of, whole_numbers
from convcli.fitting.trials import Choice

Array = NDArray[np.float64]


class Kernel(NamedTuple):
    """The weights that are kept: whole numbers over a divisor, a known kernel's, or as fitted."""

    layout: Layout
    weights: Array
    offsets: Array
    divisor: int
    is_snapped: bool
    name: Name | None


def simplest(
    problem: Problem,
    pairs: list[FramePair],
    choice: Choice,
    outcome: Outcome,
    is_explained: bool,
) -> Kernel:
    """Return the weights that are kept, and their name."""
    plain = Kernel(outcome.layout, outcome.weights, outcome.offsets, 1, False, None)
    if not problem.options.snap:
        return plain
    estimate = Estimate(
        layout=outcome.layout,
        weights=outcome.weights,
        offsets=outcome.offsets,
        errors=10 * outcome.uncertainty + 1e-9,
        has_bias=bool(outcome.offsets.any()),
        levels=problem.levels,
        reproduces=Reproduction(pairs, outcome.layout, choice.shift, problem.levels),
    )
    simple = _simple(estimate, is_explained)
    is_known = simple is not None and simple.is_snapped
    can_narrow = is_explained and bool(problem.levels and outcome.systems)
    can_narrow = can_narrow and not choice.linear and not outcome.hidden
    if can_narrow and not is_known:
        weights, offsets = narrowed(
            pairs,
            outcome.layout,
            choice.shift,
            outcome.weights,
            outcome.offsets,
            bias=estimate.has_bias,
        )
        estimate = replace(estimate, weights=weights, offsets=offsets, errors=estimate.errors / 3)
        plain = plain._replace(weights=weights, offsets=offsets)
        simple = _simple(estimate, is_explained)
    if simple is None or not simple.is_snapped:
        return plain._replace(name=simple.name if simple else None)
    return simple


def _simple(estimate: Estimate, is_explained: bool) -> Kernel | None:
    """Return what reproduces AFTER, simplest first, or a kernel with a near one's name, or None."""
    name = known_name(estimate, is_explained=is_explained)
    if name is not None and name.weights is not None and name.offsets is not None:
        return _known_kernel(estimate.layout, name, name.weights, name.offsets)
    whole = whole_numbers(estimate) if is_explained else None
    if whole is not None:
        layout, weights = estimate.layout.trimmed(whole[0])
        return Kernel(layout, weights, whole[1], whole[2], True, name)
    member = family_name(estimate, is_explained=is_explained)
    if member is not None and member.weights is not None and member.offsets is not None:
        return _known_kernel(estimate.layout, member, member.weights, member.offsets)
    name = name or member
    if name is None:
        return None
    return Kernel(estimate.layout, estimate.weights, estimate.offsets, 1, False, name)


def _known_kernel(layout: Layout, name: Name, weights: Array, offsets: Array) -> Kernel:
    """Return a known kernel as whole numbers over a divisor, if it is."""
    divisor = divisor_of(weights) or 1
    scaled = weights * divisor
    if np.abs(scaled - np.rint(scaled)).max() < 1e-6:
        scaled = np.rint(scaled)
    layout, kept = layout.trimmed(scaled)
    return Kernel(layout, kept, offsets, divisor, True, name)
