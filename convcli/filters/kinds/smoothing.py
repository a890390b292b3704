"""Blurs of sum 1: Gaussian, box, disk, motion."""

from __future__ import annotations

import math

import numpy as np

from convcli.filters.kinds.grids import (
    Array,
    Fields,
    check_dense,
    direction,
    gaussian_taps,
    grid,
    radius_of,
)


def gaussian(
    sigma: float, sigma_y: float | None, angle: float, truncate: float, size: int | None
) -> Fields:
    """Return a sampled Gaussian, cut off as ``scipy.ndimage.gaussian_filter`` does.

    Turned, it reaches as far along each axis as its deviation along that axis says.
    """
    across = sigma if sigma_y is None else sigma_y
    cosine, sine = direction(angle)
    along_x = sigma if across == sigma else math.hypot(sigma * cosine, across * sine)
    along_y = sigma if across == sigma else math.hypot(sigma * sine, across * cosine)
    radius_x, radius_y = (radius_of(size, each, truncate) for each in (along_x, along_y))
    if across == sigma or 0 in (cosine, sine):
        return {
            "column": gaussian_taps(along_y, radius_y),
            "row": gaussian_taps(along_x, radius_x),
        }
    check_dense(radius_y, radius_x, "use a smaller sigma, or an angle of 0 or 90")
    x, y = grid(radius_y, radius_x)
    u, v = (x * cosine + y * sine) / sigma, (y * cosine - x * sine) / across
    kernel = np.exp(-0.5 * (u * u + v * v))
    return {"weight": kernel / kernel.sum()}


def box(size: int) -> Fields:
    """Return the mean of ``size`` × ``size`` pixels."""
    return {"column": np.ones(size), "row": np.ones(size), "divisor": "sum"}


def disk(radius: float) -> Fields:
    """Return for every pixel how much of it a disk covers, over the area of the disk."""
    reach = max(0, math.ceil(radius - 0.5))
    edges: Array = np.arange(-reach, reach + 2, dtype=np.float64) - 0.5
    corner = _quarter(edges[np.newaxis], edges[:, np.newaxis], radius)
    covered = np.diff(np.diff(corner, axis=0), axis=1)
    covered = covered.clip(0)
    return {"weight": covered / covered.sum()}


def _quarter(x: Array, y: Array, radius: float) -> Array:
    """Return the area of the disk between 0 and ``x`` and 0 and ``y``, signed as x·y is.

    Where the corner is outside, it is a rectangle up to where the circle is ``y`` high, and from
    there on the area under the circle, whose integral is (t √(r² - t²) + r² arcsin(t/r)) / 2.
    """
    sign = np.sign(x) * np.sign(y)
    x, y = np.minimum(np.abs(x), radius), np.minimum(np.abs(y), radius)
    start = np.minimum(np.sqrt(radius * radius - y * y), x)

    def integral(t: Array) -> Array:
        root = np.sqrt(np.maximum(radius * radius - t * t, 0))
        area: Array = (t * root + radius * radius * np.arcsin(t / radius)) / 2
        return area

    area: Array = sign * (start * y + integral(x) - integral(start))
    return area


def motion(length: float, angle: float) -> Fields:
    """Return for every pixel how much of it a line covers that is one pixel wide."""
    cosine, sine = direction(angle)
    if 0 in (cosine, sine):
        taps, one = _interval(length), np.ones(1)
        return {"column": one, "row": taps} if sine == 0 else {"column": taps, "row": one}
    extent_x = (length * abs(cosine) + abs(sine)) / 2
    extent_y = (length * abs(sine) + abs(cosine)) / 2
    radius_y, radius_x = math.ceil(extent_y - 0.5), math.ceil(extent_x - 0.5)
    check_dense(radius_y, radius_x, "use a shorter length, or an angle of 0 or 90")
    x, y = grid(radius_y, radius_x)
    along, across = x * cosine + y * sine, y * cosine - x * sine
    half_diagonal = math.sqrt(0.5)
    near = (np.abs(along) < length / 2 + half_diagonal) & (np.abs(across) < 0.5 + half_diagonal)
    kernel = np.zeros(near.shape)
    for row, column in np.argwhere(near):
        centre = along[row, column], across[row, column]
        kernel[row, column] = _overlap(centre, (cosine, sine), length / 2)
    return {"weight": kernel / kernel.sum()}


def _interval(length: float) -> Array:
    """Return how much of each pixel an interval of ``length`` around the centre covers, sum 1."""
    reach = max(0, math.ceil(length / 2 - 0.5))
    taps = np.ones(2 * reach + 1)
    if reach:
        taps[[0, -1]] = length / 2 - (reach - 0.5)
    taps /= taps.sum()
    return taps


def _overlap(centre: tuple[float, float], turned: tuple[float, float], half_length: float) -> float:
    """Return the area of a unit square that the line covers.

    The square is at ``centre`` in the coordinates (along, across) of the line, and its sides are
    turned against them by the angle whose cosine and sine are ``turned``.
    """
    cosine, sine = turned
    corners = [
        (centre[0] + x * cosine + y * sine, centre[1] + y * cosine - x * sine)
        for x, y in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
    ]
    for axis, limit in ((0, half_length), (0, -half_length), (1, 0.5), (1, -0.5)):
        corners = _cut(corners, axis, limit)
    area = 0.0
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        area += x0 * y1 - x1 * y0
    return abs(area) / 2


def _cut(corners: list[tuple[float, float]], axis: int, limit: float) -> list[tuple[float, float]]:
    """Return the part of a convex polygon on the inner side of a line (Sutherland and Hodgman)."""
    sign = 1 if limit > 0 else -1
    kept: list[tuple[float, float]] = []
    for start, end in zip(corners, corners[1:] + corners[:1], strict=True):
        before, after = sign * (limit - start[axis]), sign * (limit - end[axis])
        if before >= 0:
            kept.append(start)
        if before * after < 0:
            share = before / (before - after)
            kept.append(
                (start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]))
            )
    return kept
