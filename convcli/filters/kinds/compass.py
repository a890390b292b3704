"""Compass masks: one kernel turned into several directions, of which the strongest counts."""

from __future__ import annotations

import numpy as np

from convcli.filters.kinds.grids import Array, Fields

_RING = ((1, 2), (0, 2), (0, 1), (0, 0), (1, 0), (2, 0), (2, 1), (2, 2))
"""The eight neighbours of the centre, counter-clockwise from the right: (row, column)."""


def kirsch(orientations: int) -> Fields:
    """R. A. Kirsch, 1971; over 4, which makes it about as strong as Sobel's operator."""
    return _bank([5, 5, -3, -3, -3, -3, -3, 5], orientations) | {"divisor": 4}


def robinson(orientations: int) -> Fields:
    """G. S. Robinson, "Edge detection by compass gradient masks", 1977."""
    return _bank([2, 1, 0, -1, -2, -1, 0, 1], orientations)


def _bank(ring: list[int], orientations: int) -> Fields:
    """Return the mask whose ring is ``ring`` from the right on, turned by equal angles."""
    bank: Array = np.zeros((orientations, 1, 3, 3))
    for k in range(orientations):
        turn = k * 8 // orientations
        for place, (row, column) in enumerate(_RING):
            bank[k, 0, row, column] = ring[(place - turn) % 8]
    return {"weight": bank, "reduce": "max"}
