"""From solved weights to the result of a fit: simplified, named, with pad mode, errors, notes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from convcli.filters import Filter
from convcli.fitting.borders import best_mode, border_errors
from convcli.fitting.channel_hint import channel_hint
from convcli.fitting.known import known_filter
from convcli.fitting.naming import Name
from convcli.fitting.outcome import Outcome
from convcli.fitting.prediction import MeanSquare, mean_square
from convcli.fitting.problem import Problem
from convcli.fitting.result import ROUNDING, Fit
from convcli.fitting.samples import FramePair
from convcli.fitting.simplest import Kernel, simplest
from convcli.fitting.spectrum import Unexplained, unexplained
from convcli.fitting.trials import Choice

Array = NDArray[np.float64]

SAMPLES = 2_000_000
"""How many samples are predicted where the sums of products do not give the error."""

LOSSY = ("JPEG", "JPEG2000", "WEBP", "AVIF", "MPO")


def judged(problem: Problem, choice: Choice, outcome: Outcome) -> Fit:
    """Return the result of a fit whose weights are solved."""
    pairs = [pair.in_linear_light(choice.linear) for pair in problem.trial]
    levels = problem.levels
    notes: list[str] = []
    plain = _stored(outcome, outcome.filter(), pairs, choice, None)
    explained = is_rounding(plain, outcome, levels)
    known = None
    if levels and not explained and problem.options.snap:
        known = known_filter(problem.trial, choice.shift)
    if known is not None:
        return _known_fit(problem, choice, outcome, *known)
    kernel = simplest(problem, pairs, choice, outcome, explained)
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
    hint = None if explained else channel_hint(pairs, chosen, choice.shift)
    if hint is not None:
        notes.append(hint)
    if outcome.rank is not None and outcome.rank < layout.unknowns:
        notes.append(
            f"BEFORE determines {outcome.rank} of {layout.unknowns} weights; of the filters that "
            "explain AFTER this is the one with the smallest weights"
        )
    if levels:  # sums of squares cannot distinguish thousandths of a level from 0
        errors = errors._replace(error=errors.error if errors.error * levels**2 > 1e-6 else 0.0)
    peak = _peak(problem)
    stored_before = outcome.before
    if choice.linear and stored_before is not None:
        stored_before = mean_square(
            problem.trial, Filter(np.ones((1, 1))), choice.shift, SAMPLES
        ).error
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
        is_rounding_alone=explained and levels is not None,
        limit=_limit(problem, errors, lost, is_explained=explained),
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


def _known_fit(
    problem: Problem, choice: Choice, outcome: Outcome, chosen: Filter, errors: MeanSquare
) -> Fit:
    """Return the fit of a bundled filter that explains AFTER, where no linear one does."""
    what = chosen.reduce or ("across channels" if chosen.range == "clip" else chosen.range)
    peak = _peak(problem)
    return Fit(
        filter=chosen,
        uncertainty=np.zeros(chosen.weight.shape),
        psnr=psnr(errors.error, peak),
        held_out_psnr=psnr(errors.error, peak),
        psnr_before=None if outcome.before is None else psnr(outcome.before, peak),
        r_squared=1 - errors.error / errors.spread if errors.spread > 0 else math.nan,
        rms=math.sqrt(errors.error),
        levels=problem.levels,
        is_rounding_alone=True,
        limit="rounding to whole levels" if errors.error else "nothing",
        shift=choice.shift,
        is_transposed=False,
        linear=False,
        channels="mixed" if chosen.is_cross_channel else "shared",
        name=chosen.name,
        deviation=0.0,
        is_snapped=True,
        solver="trial",
        ridge=0.0,
        condition=None,
        rank=None,
        unknowns=chosen.weight.size,
        samples=outcome.offered,
        used=outcome.used,
        clipped=outcome.clipped,
        hidden=outcome.hidden,
        notes=(f"no kernel by itself explains AFTER; the bundled filter does ({what})",),
        pairs=tuple(problem.trial),
    )


def psnr(error: float, peak: float) -> float:
    """Return the peak signal-to-noise ratio in decibels of a mean square error."""
    return 10 * math.log10(peak**2 / error) if error > 0 else math.inf


def is_rounding(errors: MeanSquare, outcome: Outcome, levels: int | None) -> bool:
    """Return whether rounding to levels, or to float32, explains the residual."""
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


def _with_border(
    problem: Problem,
    pairs: list[FramePair],
    chosen: Filter,
    choice: Choice,
    rms: float,
    notes: list[str],
) -> tuple[Filter, dict[str, float]]:
    """Return the filter with the best pad mode for the border, and the error of each mode."""
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
    """Return the peak for PSNR: 1, or the range of samples that have no levels."""
    if problem.levels is not None:
        return 1.0
    samples = [pair.after.frame.samples[..., : pair.after.colours] for pair in problem.trial]
    return float(max(one.max() for one in samples) - min(one.min() for one in samples))


def _limit(
    problem: Problem, errors: MeanSquare, lost: Unexplained | None, *, is_explained: bool
) -> str:
    """Return the cause of the remaining residual, as a phrase."""
    levels = problem.levels
    if is_explained:
        if levels is None:
            return "rounding to 32-bit floats"
        return "rounding to whole levels" if errors.error else "nothing"
    formats = {name for name in problem.formats if name in LOSSY}
    if formats:
        which = " and ".join(sorted(formats))
        if lost is not None and lost.lost_from is not None:
            start = f"{lost.lost_from:.2f} cycles a pixel"
            return f"the loss of {which}: it took frequencies from {start} up"
        return f"the loss of {which}"
    return "noise, or something that is no convolution"


def _file_name(name: Name | None) -> str:
    if name is None:
        return "fit"
    return name.text.removeprefix("Pillow's ").partition(":")[0].lower().replace("_", "-")


def _description(name: Name | None, linear: bool) -> str:
    what = f"Fitted to a pair of pictures{f': {name.text}' if name else ''}."
    return f"{what} For linear light (linear=True)." if linear else what


def _keeps_alpha(problem: Problem) -> bool:
    """Return whether transparency is the same before and after."""
    pair = problem.trial[0]
    before, after = pair.before.frame, pair.after.frame
    if not (before.has_alpha and after.has_alpha) or before.size != after.size:
        return False
    rows = min(256, before.size[0])
    return bool((pair.before.rows(0, rows)[..., -1] == pair.after.rows(0, rows)[..., -1]).all())
