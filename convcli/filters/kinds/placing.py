"""Filters that leave values as they are: identity, and shift."""

from __future__ import annotations

import math

import numpy as np

from convcli.filters.kinds.grids import Array, Fields


def identity() -> Fields:
    """Return the kernel 1."""
    return {"weight": [[1]]}


def shift(x: float, y: float) -> Fields:
    """Return the kernel that moves a picture ``x`` to the right and ``y`` down."""
    return {"column": _taps(y), "row": _taps(x)}


def _taps(distance: float) -> Array:
    """Return taps that read the sample ``distance`` before, by linear interpolation."""
    radius = math.ceil(abs(distance))
    taps = np.zeros(2 * radius + 1)
    first = math.floor(-distance)
    share = -distance - first
    taps[radius + first] = 1 - share
    if share:
        taps[radius + first + 1] = share
    return taps
