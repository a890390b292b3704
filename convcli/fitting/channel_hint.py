"""Whether the residual of a kernel for all channels calls for kernels of another kind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from convcli.filters import Filter
from convcli.fitting.geometry import Pair
from convcli.fitting.prediction import Predictor
from convcli.fitting.samples import FramePair

MUCH_LESS = 0.7
"""The part of the residual's squares that is left where another kind explains much more."""

ROWS = 256

FEWEST = 100
"""Samples of a channel that tell something."""


def channel_hint(pairs: Sequence[FramePair], chosen: Filter, shift: Pair) -> str | None:
    """Return a note that recommends a kernel for each channel, or kernels across channels; or None.

    Each channel of AFTER is regressed on what the filter makes of the same channel of BEFORE, and
    on what it makes of all of them.
    """
    pair = pairs[0]
    if chosen.is_cross_channel or not 1 < pair.before.colours == pair.after.colours:
        return None
    bands = list(Predictor(pair, chosen, shift).bands(ROWS))
    predicted = np.concatenate(
        [band.predicted.reshape(pair.after.colours, -1) for band in bands], 1
    )
    actual = np.concatenate([band.actual.reshape(pair.after.colours, -1) for band in bands], 1)
    evidence = np.concatenate(
        [band.is_evidence.reshape(pair.after.colours, -1) for band in bands], 1
    )
    left = np.zeros(3)
    for channel, kept in enumerate(evidence):
        if kept.sum() < FEWEST:
            continue
        wanted = actual[channel, kept]
        own = predicted[channel : channel + 1, kept]
        left += (
            float(np.square(wanted - own[0]).sum()),
            _left(wanted, own),
            _left(wanted, predicted[:, kept]),
        )
    shared, separate, mixed = left
    if mixed < MUCH_LESS * separate:
        return (
            "channels of AFTER depend on several of BEFORE, which one kernel for all of them does "
            'not explain: channels="mixed" would'
        )
    if separate < MUCH_LESS * shared:
        return (
            "channels differ in what was done to them, which one kernel for all of them does not "
            'explain: channels="separate" would'
        )
    return None


def _left(wanted: NDArray[np.float64], known: NDArray[np.float64]) -> float:
    """Return the sum of squares that a linear combination of ``known`` rows and 1 leaves."""
    columns = np.vstack([known, np.ones(len(wanted))]).T
    solution = np.linalg.lstsq(columns, wanted)[0]
    return float(np.square(wanted - columns @ solution).sum())
