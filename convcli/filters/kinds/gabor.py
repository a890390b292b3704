"""Gabor filters: a wave within a Gaussian (D. Gabor, 1946)."""

from __future__ import annotations

import math

import numpy as np

from convcli.filters.kinds.grids import Array, Fields, check_dense, direction, grid

_DEVIATIONS = 3
"""How many standard deviations it reaches, as in OpenCV's ``getGaborKernel``."""


def gabor(
    sigma: float,
    wavelength: float,
    angle: float,
    aspect: float,
    phase: float,
    orientations: int | None,
    size: int | None,
) -> Fields:
    """Return ``exp(-(u² + (aspect v)²) / (2 sigma²)) · cos(2π u / wavelength + phase)``.

    u runs towards the angle and v across. The divisor is the sum of the Gaussian, so that the
    filter's results stay within those of the picture. A bank's directions are equally far apart
    within 180 degrees.
    """
    angles = [angle + 180 * k / (orientations or 1) for k in range(orientations or 1)]
    radius = _radius(sigma, aspect, angles, size)
    check_dense(*radius, "use a smaller sigma, or give size")
    x, y = grid(*radius)
    kernels: list[Array] = []
    for each in angles:
        cosine, sine = direction(each)
        u, v = x * cosine + y * sine, y * cosine - x * sine
        envelope = np.exp(-0.5 * (u * u + (aspect * v) ** 2) / sigma**2)
        kernels.append(envelope * _wave(u, wavelength, phase))
    divisor = float(envelope.sum())
    if orientations is None:
        return {"weight": kernels[0], "divisor": divisor}
    bank = np.stack(kernels)[:, np.newaxis]
    return {"weight": bank, "divisor": divisor, "reduce": "max"}


def _wave(u: Array, wavelength: float, phase: float) -> Array:
    """Return cos(2π u / wavelength + phase), exactly odd at a phase of 90 degrees."""
    cosine, sine = direction(phase)
    turn = 2 * math.pi * u / wavelength
    return cosine * np.cos(turn) - sine * np.sin(turn)


def _radius(sigma: float, aspect: float, angles: list[float], size: int | None) -> tuple[int, int]:
    """Return how far the kernels reach down and to the side."""
    if size is not None:
        return size // 2, size // 2
    radius_y = radius_x = 0
    for cosine, sine in map(direction, angles):
        along, across = _DEVIATIONS * sigma, _DEVIATIONS * sigma / aspect
        radius_x = max(radius_x, round(max(abs(along * cosine), abs(across * sine))))
        radius_y = max(radius_y, round(max(abs(along * sine), abs(across * cosine))))
    return radius_y, radius_x
