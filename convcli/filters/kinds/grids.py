"""What makers share: directions, grids of offsets, Gaussians, sums that are exactly zero."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.errors import FilterError
from convcli.filters.kinds.kind import LARGEST_SIZE
from convcli.filters.validate import MOST_WEIGHTS

Array = NDArray[np.float64]
Fields = dict[str, Any]


def direction(angle: float) -> tuple[float, float]:
    """Return cosine and sine of degrees; whole numbers for multiples of 90."""
    quarter, rest = divmod(angle, 90)
    cosine, sine = math.cos(math.radians(rest)), math.sin(math.radians(rest))
    for _ in range(int(quarter) % 4):
        cosine, sine = -sine, cosine
    return cosine, sine


def offsets(radius: int) -> Array:
    """Return -radius, …, radius."""
    return np.arange(-radius, radius + 1, dtype=np.float64)


def grid(radius_y: int, radius_x: int) -> tuple[Array, Array]:
    """Return x to the right (1, Wf) and y upwards (Hf, 1), for every tap from the centre."""
    return offsets(radius_x)[np.newaxis], -offsets(radius_y)[:, np.newaxis]


def gaussian_taps(sigma: float, radius: int) -> Array:
    """Return a sampled Gaussian of sum 1."""
    taps: Array = np.exp(-0.5 * (offsets(radius) / sigma) ** 2)
    taps /= taps.sum()
    return taps


def radius_of(size: int | None, sigma: float, truncate: float = 4.0) -> int:
    """Return half the ``size``, or the radius that SciPy gives a Gaussian. Raises FilterError."""
    if size is not None:
        return size // 2
    radius = int(truncate * sigma + 0.5)
    if 2 * radius + 1 > LARGEST_SIZE:
        raise FilterError(
            f"sigma {sigma:g} makes {2 * radius + 1:,} taps, and {LARGEST_SIZE:,} are the most: "
            "use a smaller sigma or truncate, or give size"
        )
    return radius


def check_dense(radius_y: int, radius_x: int, remedy: str) -> None:
    """Raise a FilterError for more weights than a kernel that is not separable may have."""
    height, width = 2 * radius_y + 1, 2 * radius_x + 1
    if height * width > MOST_WEIGHTS:
        raise FilterError(
            f"this makes {height:,}×{width:,} weights, and {MOST_WEIGHTS:,} are the most for a "
            f"kernel that is no product of column and row: {remedy}"
        )


def without_sum(kernel: Array) -> Fields:
    """Return weight and divisor of a kernel whose sum is exactly 0, in float32 as well.

    The weights become whole numbers over a power of two, so few that float32 holds the sum of
    their magnitudes; what is left of the sum is taken from the centre.
    """
    exponent = 23 - math.ceil(math.log2(np.abs(kernel).sum()))
    whole = np.rint(np.ldexp(kernel, exponent))
    whole[kernel.shape[0] // 2, kernel.shape[1] // 2] -= whole.sum()
    return {"weight": whole, "divisor": 2.0**exponent}
