"""Second derivatives, of sum exactly 0: Laplacian, Laplacian of Gaussian, difference of Gaussians.

All are negative or positive as mathematics has it: the Laplacian of a bright spot is negative.
"""

from __future__ import annotations

import numpy as np

from convcli.filters.kinds.grids import (
    Fields,
    gaussian_taps,
    offsets,
    radius_of,
    without_sum,
)


def log(sigma: float, size: int | None) -> Fields:
    """Return the Laplacian of a sampled Gaussian, as ``scipy.ndimage.gaussian_laplace``.

    What cutting it off leaves of the sum is taken from the centre.
    """
    radius = radius_of(size, sigma)
    taps = gaussian_taps(sigma, radius)
    curved = taps * (offsets(radius) ** 2 / sigma**4 - 1 / sigma**2)
    kernel = np.multiply.outer(curved, taps)
    return without_sum(kernel + kernel.T)


def dog(sigma: float, ratio: float, size: int | None) -> Fields:
    """Return a Gaussian less one ``ratio`` times as wide, over the extent of the wide one."""
    radius = radius_of(size, ratio * sigma)
    narrow, wide = gaussian_taps(sigma, radius), gaussian_taps(ratio * sigma, radius)
    return without_sum(np.multiply.outer(narrow, narrow) - np.multiply.outer(wide, wide))


def laplacian(neighbours: int) -> Fields:
    """Return the sum of the differences to 4 or 8 neighbours."""
    corner = int(neighbours == 8)
    return {
        "weight": [[corner, 1, corner], [1, -neighbours, 1], [corner, 1, corner]],
    }
