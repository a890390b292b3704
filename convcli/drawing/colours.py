"""Numbers as colours that people of every colour vision can tell apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

_BAND = 256
"""Rows that are coloured at once, which limits the memory."""

# Red and blue around light grey, after RdBu of ColorBrewer (C. Brewer, 2003).
_POSITIVE = ((0.96, 0.65, 0.45), (0.70, 0.09, 0.17), (0.35, 0.0, 0.08))
_GREY = (0.93, 0.93, 0.93)
_NEGATIVE = ((0.57, 0.77, 0.87), (0.13, 0.40, 0.67), (0.02, 0.16, 0.36))
_SIGNED = 255 * np.array([*_NEGATIVE[::-1], _GREY, *_POSITIVE])
_SIGNED_AT = np.array([-1, -0.7, -0.3, 0, 0.3, 0.7, 1])

# Ten stops of cividis (J. R. Nuñez, C. R. Anderton, R. S. Renslow, 2018).
_GAIN = np.array(
    [
        *((0, 34, 78), (18, 53, 112), (59, 73, 108), (87, 93, 109), (112, 113, 115)),
        *((138, 134, 120), (165, 156, 116), (195, 179, 105), (225, 204, 85), (254, 232, 56)),
    ],
    float,
)
_GAIN_AT = np.linspace(0, 1, len(_GAIN))


def signed_colours(values: NDArray[Any], greatest: float) -> Bytes:
    """Return (H, W, 3) of signed numbers (H, W): grey at 0, red above it, blue below.

    >>> signed_colours(np.array([[0.0]]), 1.0).tolist()
    [[[237, 237, 237]]]
    """
    return _coloured(values, greatest, _SIGNED_AT, _SIGNED)


def gain_colours(values: NDArray[Any], greatest: float) -> Bytes:
    """Return (H, W, 3) of numbers from 0, dark blue, to ``greatest``, yellow."""
    return _coloured(values, greatest, _GAIN_AT, _GAIN)


def _coloured(
    values: NDArray[Any], greatest: float, at: NDArray[np.float64], stops: NDArray[np.float64]
) -> Bytes:
    colours = np.empty((*values.shape, 3), np.uint8)
    for start in range(0, len(values), _BAND):
        share = np.nan_to_num(values[start : start + _BAND]) / greatest
        for k in range(3):
            colours[start : start + _BAND, :, k] = np.rint(np.interp(share, at, stops[:, k]))
    return colours
