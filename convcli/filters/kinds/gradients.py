"""Slopes: Sobel, Prewitt, Scharr, in one direction or as the magnitude of two.

A slope towards the angle is positive. A kernel for any angle is the one for 0, times the cosine,
plus the one for 90, times the sine, so a ramp in that direction gives the same result at every
angle, and by the divisor at every size.
"""

from __future__ import annotations

import numpy as np

from convcli.filters.kinds.grids import Array, Fields, direction

# From G. Bradski's OpenCV, getDerivKernels: derivative and smoothing taps.
_SOBEL = {
    3: ([-1, 0, 1], [1, 2, 1], 1),
    5: ([-1, -2, 0, 2, 1], [1, 4, 6, 4, 1], 16),
    7: ([-1, -4, -5, 0, 5, 4, 1], [1, 6, 15, 20, 15, 6, 1], 256),
}


def sobel(size: int, angle: float | None) -> Fields:
    """I. Sobel and G. Feldman, 1968: smoothed by binomial coefficients."""
    derivative, smoothing, divisor = _SOBEL[size]
    return _slope(derivative, smoothing, divisor, angle)


def prewitt(size: int, angle: float | None) -> Fields:
    """J. M. S. Prewitt, 1970: smoothed by the mean of three."""
    return _slope([-1, 0, 1], [1, 1, 1], 1, angle)


def scharr(size: int, angle: float | None) -> Fields:
    """H. Scharr, 2000: smoothed so that the response is equal in every direction."""
    return _slope([-1, 0, 1], [3, 10, 3], 4, angle)


def _slope(
    derivative: list[int], smoothing: list[int], divisor: int, angle: float | None
) -> Fields:
    along, across = np.array(derivative, np.float64), np.array(smoothing, np.float64)
    to_the_right = np.multiply.outer(across, along)
    upwards = np.multiply.outer(-along, across)
    fields: Fields = {} if divisor == 1 else {"divisor": divisor}
    if angle is None:
        bank: Array = np.stack([to_the_right, upwards])[:, np.newaxis]
        return fields | {"weight": bank, "reduce": "magnitude"}
    cosine, sine = direction(angle)
    fields["range"] = "abs"
    if sine == 0:
        return fields | {"column": across, "row": cosine * along}
    if cosine == 0:
        return fields | {"column": -sine * along, "row": across}
    return fields | {"weight": cosine * to_the_right + sine * upwards}
