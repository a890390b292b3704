"""From an outcome to a fit: snapped, named, its border found, its errors measured and explained."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.filters import Filter
from convcli.fitting.borders import best_mode, border_errors
from convcli.fitting.kernels import Layout
from convcli.fitting.naming import Name, name_of
from convcli.fitting.narrowing import narrowed
from convcli.fitting.outcome import Outcome
from convcli.fitting.prediction import MeanSquare, mean_square
from convcli.fitting.problem import Problem
from convcli.fitting.result import ROUNDING, Fit
from convcli.fitting.samples import FramePair
from convcli.fitting.snapping import Estimate, Reproduction, divisor_of, whole_numbers
from convcli.fitting.spectrum import Unexplained, unexplained
from convcli.fitting.trials import Choice

Array = NDArray[np.float64]

SAMPLES = 2_000_000
"""Samples that are predicted where products do not tell errors."""

LOSSY = ("JPEG", "JPEG2000", "WEBP", "AVIF", "MPO")


class Kernel(NamedTuple):
    """The weights that are kept: whole numbers over a divisor, a known kernel's, or as fitted."""

    layout: Layout
    weights: Array
    offsets: Array
    divisor: int
    is_snapped: bool
    name: Name | None


def judged(problem: Problem, choice: Choice, outcome: Outcome) -> Fit:
    """Return the fit that an outcome is."""
    pairs = [pair.in_linear_light(choice.linear) for pair in problem.trial]
    levels = problem.levels
    notes: list[str] = []
    plain = _stored(outcome, outcome.filter(), pairs, choice, None)
    explained = is_rounding(plain, outcome, levels)
    kernel = _kernel(problem, pairs, choice, outcome, explained)
    layout = kernel.layout
    chosen = layout.filter(kernel.weights, kernel.offsets, divisor=kernel.divisor)
    errors = _stored(outcome, chosen, pairs, choice, kernel)
    chosen, borders = _with_border(problem, pairs, chosen, choice, math.sqrt(errors.error), notes)
    chosen = chosen.override(
        name=_file_name(kernel.name),
        description=_description(kernel.name, choice.linear),
        preserve_alpha=_keeps_alpha(problem),
    )
    lost = None if explained else unexplained(pairs, chosen, choice.shift)
    if outcome.rank is not None and outcome.rank < layout.unknowns:
        notes.append(
            f"BEFORE determines {outcome.rank} of {layout.unknowns} weights; of the filters that "
            "explain AFTER this is the one with the smallest weights"
        )
    if levels:  # thousandths of a level are what sums of squares do not tell from none
        errors = errors._replace(error=errors.error if errors.error * levels**2 > 1e-6 else 0.0)
    peak = _peak(problem)
    stored_before = outcome.before
    if choice.linear and stored_before is not None:
        stored_before = mean_square(problem.trial, Filter([[1.0]]), choice.shift, SAMPLES).error
    held_out = outcome.held_out / outcome.error * plain.error if outcome.error > 0 else 0.0
    if levels and held_out * levels**2 < 1e-6:
        held_out = 0.0
    return Fit(
        filter=chosen,
        uncertainty=outcome.layout.weight(outcome.uncertainty),
        psnr=psnr(errors.error, peak),
        held_out_psnr=psnr(held_out, peak),
        psnr_before=None if stored_before is None else psnr(stored_before, peak),
        r_squared=1 - errors.error / errors.spread if errors.spread > 0 else math.nan,
        rms=math.sqrt(errors.error),
        levels=levels,
        limit=_limit(problem, errors, outcome, lost),
        shift=choice.shift,
        is_transposed=problem.relation.is_transposed,
        linear=choice.linear,
        channels=layout.channels,
        name=kernel.name.text if kernel.name else "",
        deviation=None if kernel.name is None else kernel.name.deviation,
        is_snapped=kernel.is_snapped,
        solver=outcome.solver,
        ridge=outcome.ridge,
        condition=outcome.condition,
        rank=outcome.rank,
        unknowns=layout.unknowns * layout.systems,
        samples=outcome.offered,
        used=outcome.used,
        clipped=outcome.clipped,
        hidden=outcome.hidden,
        size_errors={
            f"{width}×{height}": math.sqrt(error)
            for (height, width), error in choice.errors.items()
        },
        border_errors=borders,
        lost_from=None if lost is None else lost.lost_from,
        unexplained={}
        if lost is None
        else {f"{end:.3f}": share for end, share in zip(lost.ends, lost.shares, strict=True)},
        notes=tuple(notes),
        pairs=tuple(problem.trial),
    )


def psnr(error: float, peak: float) -> float:
    """Return the peak signal-to-noise ratio in decibels of a mean square error."""
    return 10 * math.log10(peak**2 / error) if error > 0 else math.inf


def is_rounding(errors: MeanSquare, outcome: Outcome, levels: int | None) -> bool:
    """Tell whether a residual is no more than rounding to levels, or to float32, makes it."""
    if levels is not None:
        return math.sqrt(errors.error) * levels <= 1.1 * ROUNDING
    return errors.error <= 4e-12 * (errors.spread + float(np.square(outcome.offsets).max()))


def _stored(
    outcome: Outcome,
    chosen: Filter,
    pairs: list[FramePair],
    choice: Choice,
    kernel: Kernel | None,
) -> MeanSquare:
    """Return the mean squares of a filter's residual, in samples as they are stored."""
    if choice.linear:
        return mean_square(pairs, chosen, choice.shift, SAMPLES)
    if kernel is None:
        return MeanSquare(outcome.error, outcome.spread)
    weights = outcome.layout.systems_of(chosen)
    if weights is None or not outcome.systems:
        return MeanSquare(outcome.error, outcome.spread)
    return MeanSquare(outcome.error_of(weights[0], kernel.offsets), outcome.spread)


def _kernel(
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
        errors=6 * outcome.uncertainty + 1e-9,
        has_bias=bool(outcome.offsets.any()),
        levels=problem.levels,
        reproduces=Reproduction(pairs, outcome.layout, choice.shift, problem.levels),
    )
    simple = _simple(estimate, is_explained)
    is_known = simple is not None and simple.is_snapped
    can_narrow = is_explained and problem.levels and not choice.linear and outcome.systems
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
    """Return the known kernel or the whole numbers that reproduce AFTER, or a near name, or None."""
    name = name_of(estimate, is_explained=is_explained)
    found: tuple[Array, Array, int] | None = None
    if name is not None and name.weights is not None and name.offsets is not None:
        divisor = divisor_of(name.weights) or 1
        weights = name.weights * divisor
        found = (np.rint(weights) if divisor > 1 else weights), name.offsets, divisor
    elif is_explained:
        found = whole_numbers(estimate)
    if found is not None:
        layout, weights = estimate.layout.trimmed(found[0])
        return Kernel(layout, weights, found[1], found[2], True, name)
    return (
        None
        if name is None
        else Kernel(estimate.layout, estimate.weights, estimate.offsets, 1, False, name)
    )


def _with_border(
    problem: Problem,
    pairs: list[FramePair],
    chosen: Filter,
    choice: Choice,
    rms: float,
    notes: list[str],
) -> tuple[Filter, dict[str, float]]:
    """Return the filter with the pad mode that explains the border, and each one's error."""
    if problem.options.pad_mode != "auto":
        return chosen.override(pad_mode=problem.options.pad_mode), {}
    errors = border_errors(pairs, chosen, choice.shift)
    mode = best_mode(errors)
    if errors and problem.levels and errors[mode] > 3 * rms + 1 / problem.levels:
        notes.append(
            f"none of the pad modes explains the border: with {mode}, the nearest, it is "
            f"{errors[mode] * problem.levels:.1f} levels off (root mean square)"
        )
    return chosen.override(pad_mode=mode), errors


def _peak(problem: Problem) -> float:
    """Return what stands for the whole range: 1, or the range of samples without levels."""
    if problem.levels is not None:
        return 1.0
    samples = [pair.after.frame.samples[..., : pair.after.colours] for pair in problem.trial]
    return float(max(one.max() for one in samples) - min(one.min() for one in samples))


def _limit(problem: Problem, errors: MeanSquare, outcome: Outcome, lost: Unexplained | None) -> str:
    """Return what keeps the residual from being smaller, as a phrase."""
    levels = problem.levels
    if is_rounding(errors, outcome, levels):
        if levels is None:
            return "rounding to 32-bit floats"
        return "rounding to whole levels" if errors.error * levels**2 > 1e-4 else "nothing"
    formats = {name for name in problem.formats if name in LOSSY}
    if formats:
        which = " and ".join(sorted(formats))
        if lost is not None and lost.lost_from is not None:
            return f"the loss of {which}: it took frequencies from {lost.lost_from:.2f} cycles a pixel up"
        return f"the loss of {which}"
    return "noise, or something that is no convolution"


def _file_name(name: Name | None) -> str:
    if name is None:
        return "fit"
    return name.text.removeprefix("Pillow's ").partition(":")[0].lower().replace("_", "-")


def _description(name: Name | None, linear: bool) -> str:
    what = f"Fitted to a pair of pictures{f': {name.text}' if name else ''}."
    return f"{what} For linear light: apply it with --linear." if linear else what


def _keeps_alpha(problem: Problem) -> bool:
    """Tell whether transparency is the same before and after."""
    pair = problem.trial[0]
    before, after = pair.before.frame, pair.after.frame
    if not (before.has_alpha and after.has_alpha) or before.size != after.size:
        return False
    rows = min(256, before.size[0])
    return bool((pair.before.rows(0, rows)[..., -1] == pair.after.rows(0, rows)[..., -1]).all())
