"""The pad mode: each one is tried where the kernel extends beyond the edge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from convcli.filters import Filter
from convcli.fitting.geometry import Pair
from convcli.fitting.prediction import Predictor, Rectangle, as_stored
from convcli.fitting.samples import FramePair
from convcli.kernel.geometry import PAD_MODES

MOST_PAIRS = 4
BAND, MOST_BANDS = 64, 8


def border_errors(pairs: Sequence[FramePair], chosen: Filter, shift: Pair) -> dict[str, float]:
    """Return the root mean square error along the border of each pad mode, on the 0-1 scale.

    Empty if the kernel does not extend beyond the edge. Predictions are clipped like AFTER.
    """
    errors: dict[str, float] = {}
    for mode in sorted(PAD_MODES, key=lambda mode: mode != "replicate"):
        squares = count = 0.0
        for pair in pairs[:MOST_PAIRS]:
            predictor = Predictor(pair, chosen, shift, mode)
            for rows in border_of(predictor):
                band = predictor.band(*rows)
                predicted, actual = (
                    as_stored(values, pair.after.linear) for values in (band.predicted, band.actual)
                )
                if pair.after.has_levels:
                    predicted = np.clip(predicted, 0, 1)
                rest = predicted - actual
                if pair.before.frame.has_alpha or pair.after.frame.has_alpha:
                    rest = rest[band.is_evidence]
                squares += float((rest**2).sum())
                count += rest.size
        if count:
            errors[mode] = float(np.sqrt(squares / count))
    return errors


def best_mode(errors: dict[str, float]) -> str:
    """Return the mode with the least error; of equal ones the first."""
    if not errors:
        return "replicate"
    least = min(errors.values())
    return next(mode for mode, error in errors.items() if error <= 1.001 * least + 1e-9)


def border_of(predictor: Predictor) -> Iterator[Rectangle]:
    """Yield the rectangles around the inner one, without those outside of a shifted picture."""
    top, bottom, left, right = predictor.inside
    height, width = predictor.pair.relation.after
    low, high = max(0, predictor.shift[0]), min(height, height + predictor.shift[0])
    first, past = max(0, predictor.shift[1]), min(width, width + predictor.shift[1])
    # For a tall picture, some bands of rows are enough at the left and right edges.
    count = min(MOST_BANDS, -(-(bottom - top) // BAND))
    starts = np.linspace(top, max(top, bottom - BAND), count).astype(int).tolist()
    sides = [(start, min(start + BAND, bottom)) for start in sorted(set(starts))]
    for rectangle in (
        (low, top, first, past),
        (bottom, high, first, past),
        *((*rows, first, left) for rows in sides),
        *((*rows, right, past) for rows in sides),
    ):
        if rectangle[0] < rectangle[1] and rectangle[2] < rectangle[3]:
            yield rectangle
