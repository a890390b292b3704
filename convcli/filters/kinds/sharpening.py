"""The identity and something more, of sum 1: unsharp masking, and relief."""

from __future__ import annotations

import math

import numpy as np

from convcli.filters.kinds.grids import Fields, direction, gaussian_taps, grid, radius_of


def unsharp(sigma: float, amount: float, size: int | None) -> Fields:
    """Return identity + amount · (identity - Gaussian)."""
    radius = radius_of(size, sigma)
    taps = gaussian_taps(sigma, radius)
    kernel = -amount * np.multiply.outer(taps, taps)
    kernel[radius, radius] += 1 + amount
    return {"weight": kernel}


def emboss(angle: float, depth: float) -> Fields:
    """Return the identity and a slope that rises away from the light.

    At 135 degrees and depth 1 that is the classical -2 -1 0 / -1 1 1 / 0 1 2.
    """
    cosine, sine = direction(angle)
    x, y = grid(1, 1)
    kernel = -depth * math.sqrt(2) * (x * cosine + y * sine)
    kernel[1, 1] = 1
    # √2 times √½ is 1 but for rounding.
    return {"weight": kernel.round(12)}
