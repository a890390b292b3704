"""Designed low-pass filters, each the product of a column and a row: binomial, savgol, lowpass."""

from __future__ import annotations

import math

import numpy as np

from convcli.errors import FilterError
from convcli.filters.kinds.grids import Array, Fields, offsets
from convcli.filters.kinds.kind import LARGEST_SIZE


def binomial(order: int) -> Fields:
    """Return a row of Pascal's triangle both ways: whole numbers, over their sum."""
    taps = np.array([math.comb(order, k) for k in range(order + 1)], np.float64)
    return {"column": taps, "row": taps, "divisor": 4.0**order}


def savgol(size: int, degree: int, derivative: int, axis: str) -> Fields:
    """Return the value, or a derivative, at the centre of the polynomial that fits a window.

    Least squares: A. Savitzky and M. J. E. Golay, 1964, as ``scipy.signal.savgol_coeffs`` gives
    for correlation. Derivatives are by pixel, to the right and down.
    """
    if degree >= size:
        raise FilterError(f"degree is {degree}: it must be below size, which is {size}")
    if derivative > degree:
        raise FilterError(f"derivative is {derivative}: a polynomial of degree {degree} has none")
    taps, one = _savgol_taps(size, degree, derivative), np.ones(1)
    fields: Fields = {
        "column": one if axis == "x" else taps,
        "row": one if axis == "y" else taps,
    }
    return fields | ({"preserve_alpha": True, "range": "abs"} if derivative else {})


def _savgol_taps(size: int, degree: int, derivative: int) -> Array:
    half = max(size // 2, 1)
    # Powers of numbers from -1 to 1, orthonormalised: powers of pixels would be ill-conditioned.
    powers = np.vander(offsets(size // 2) / half, degree + 1, increasing=True)
    basis, triangle = np.linalg.qr(powers)
    wanted = np.zeros(degree + 1)
    wanted[derivative] = math.factorial(derivative) / half**derivative
    taps: Array = basis @ np.linalg.solve(triangle.T, wanted)
    # Even derivatives are even functions, odd ones odd.
    taps = (taps + (-1) ** derivative * taps[::-1]) / 2
    if derivative == 0:
        taps /= taps.sum()
    return taps


def lowpass(cutoff: float, taps: int | None, window: str, beta: float) -> Fields:
    """Return a windowed sinc of sum 1 both ways, as ``scipy.signal.firwin`` does."""
    if taps is None:
        # A transition about as wide as the passband: Hamming's is 3.3 / taps of sampling.
        taps = 2 * math.ceil(4 / cutoff) + 1
        if taps > LARGEST_SIZE:
            raise FilterError(f"cutoff {cutoff:g} makes {taps:,} taps: give taps")
    half = taps // 2
    values = cutoff * np.sinc(cutoff * offsets(half)) * _window(window, half, beta)
    values /= values.sum()
    return {"column": values, "row": values}


def _window(name: str, half: int, beta: float) -> Array:
    if name == "kaiser":
        return np.kaiser(2 * half + 1, beta)
    terms = {"hann": (0.5, 0.5), "hamming": (0.54, 0.46), "blackman": (0.42, 0.5, 0.08)}[name]
    phase = np.pi * offsets(half) / half
    total = np.zeros(2 * half + 1)
    for k, term in enumerate(terms):
        total += term * np.cos(k * phase)
    return total
