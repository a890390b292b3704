"""Weights from the bound of rounding errors: no sample is off by more than half a level.

Least squares treats rounding as noise, and its errors fall as 1/sqrt(n) with n samples. But the
errors are bounded, and samples near the bound determine weights better than others. So residuals
are raised to an increasing power p: if errors are uniform, the variance is 3/(2p-1) times that of
least squares.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from convcli.fitting.geometry import Pair, Source, systems
from convcli.fitting.kernels import Layout
from convcli.fitting.samples import FramePair

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

POWERS = (16, 64, 256)
STEPS = 6
MOST_ELEMENTS = 6_000_000
"""Elements of the matrix of windows."""

NEAR_BOUND = 0.38
"""Residuals, in levels, above which a sample is used."""

ROWS = 16


def narrowed(
    pairs: Sequence[FramePair],
    layout: Layout,
    shift: Pair,
    weights: Array,
    offsets: Array,
    *,
    bias: bool,
) -> tuple[Array, Array]:
    """Return weights and offsets of every system, closer to the bound than those given."""
    found = weights.copy(), offsets.copy()
    for number in range(layout.systems):
        sources = [
            (pair, source)
            for pair in pairs
            for source in systems(
                pair.relation, layout.size, layout.channels, layout.planes, shift
            )[number]
        ]
        start = np.append(weights[number], offsets[number])
        windows, rest = _near_bound(sources, start)
        if len(rest) <= len(start):  # no sample was rounded by much
            continue
        better = _descended(windows, rest, start, bias)
        found[0][number], found[1][number] = better[:-1], better[-1]
    return found


def _near_bound(sources: Sequence[tuple[FramePair, Source]], start: Array) -> tuple[Floats, Floats]:
    """Return windows (samples, unknowns + 1) and residuals of samples near it, in levels."""
    most = MOST_ELEMENTS // len(start)
    offered = sum(source.samples for _, source in sources)
    every = max(1, int(offered * (1 - 2 * NEAR_BOUND) / most / ROWS)) * ROWS
    found_windows, found_rests, count = [], [], 0
    for pair, source in sources:
        for first in range(0, source.y.windows, every):
            stop = min(first + ROWS, source.y.windows)
            for windows, target in _samples(pair, source, first, stop):
                rest = target - windows @ start[np.append(source.unknowns, -1)].astype(np.float32)
                rest *= np.float32(pair.after.unit)
                is_near = np.abs(rest) > NEAR_BOUND
                spread = np.zeros((int(is_near.sum()), len(start)), np.float32)
                spread[:, source.unknowns] = windows[is_near, :-1]
                spread[:, -1] = 1
                found_windows.append(spread * np.float32(pair.after.unit))
                found_rests.append(rest[is_near])
                count += len(spread)
            if count > most:
                break
    return np.concatenate(found_windows), np.concatenate(found_rests)


def _samples(
    pair: FramePair, source: Source, first: int, stop: int
) -> Iterator[tuple[Floats, Floats]]:
    """Yield windows (samples, features + 1) and targets of the evidence in some rows."""
    y, x = source.y, source.x
    height, width = len(y.taps), len(x.taps)
    top = y.first + first * y.step
    read = pair.before.planes_of(
        pair.before.rows(top, y.first + (stop - 1) * y.step + height)
    ).astype(np.float32)
    samples = pair.after.rows(y.target + first * y.spacing, y.target + (stop - 1) * y.spacing + 1)
    samples = samples[:: y.spacing, x.target :: x.spacing][:, : x.windows]
    actual = pair.after.planes_of(samples).astype(np.float32)
    kept = ~pair.after.clipped(samples)
    groups: list[tuple[tuple[int, ...], int]] = [((c,), c) for c in range(pair.after.colours)]
    if source.planes is not None:
        groups = [(source.planes, source.target)]
    for planes, target in groups:
        rows, columns = np.nonzero(kept[..., target])
        windows = np.ones((len(rows), len(planes) * height * width + 1), np.float32)
        for number, plane in enumerate(planes):
            view = np.lib.stride_tricks.sliding_window_view(
                read[plane][:, x.first :], (height, width)
            )
            part = view[:: y.step, :: x.step][rows, columns].reshape(len(rows), -1)
            windows[:, number * height * width : (number + 1) * height * width] = part
        yield windows, actual[target][rows, columns]


def _descended(windows: Floats, rest: Floats, start: Array, bias: bool) -> Array:
    """Return the unknowns with the least p-norm of residuals, for increasing p."""
    unknowns = len(start) if bias else len(start) - 1
    windows = windows[:, :unknowns]
    moved = np.zeros(unknowns)
    residuals: Array = rest.astype(float)
    for power in POWERS:
        for _ in range(STEPS):
            # Relative to the greatest, so that powers do not overflow.
            greatest = float(np.abs(residuals).max())
            ratio = np.abs(residuals) / greatest
            curvature = (ratio ** (power - 2)).astype(np.float32)
            slope = windows.T @ (curvature * residuals.astype(np.float32))
            products = (windows * curvature[:, np.newaxis]).T @ windows
            products[np.diag_indices(unknowns)] *= 1 + 1e-6
            try:
                step = np.linalg.solve(products.astype(float), slope.astype(float)) / (power - 1)
            except np.linalg.LinAlgError:
                break
            change = (windows @ step.astype(np.float32)).astype(float)
            now = float((ratio**power).sum())
            factor = 1.0
            while factor > 1e-3:
                after = float(((np.abs(residuals - factor * change) / greatest) ** power).sum())
                if after < now:
                    break
                factor /= 2
            else:
                break
            moved += factor * step
            residuals = residuals - factor * change
            if after > 0.999 * now:
                break
    result = start.copy()
    result[:unknowns] += moved
    return result
