"""What a kernel does to the mean brightness of each channel, and how that is undone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from convcli.kernel.arrays import FloatArray
from convcli.kernel.factors import Factors, Weight

LEAST_GAIN = 1e-3
"""Part of a kernel's absolute sum below which it is taken to remove the mean brightness."""


class Gain(NamedTuple):
    """The sums of a kernel that maps C channels to F, float64.

    ``sums`` (F, C) is what the kernel does to images of one value, ``most`` the greatest sum of
    absolute weights of a filter. ``profiles`` are how those are distributed over the rows and over
    the columns of the kernel.
    """

    sums: FloatArray
    most: float
    profiles: tuple[FloatArray, FloatArray]

    @classmethod
    def of(cls, kernel: Weight, groups: int = 1) -> Gain:
        """Return the sums of a kernel (F, C/groups, Hf, Wf)."""
        if isinstance(kernel, Factors):
            column, row = (factor.astype(np.float64) for factor in kernel)
            sums = np.array([[column.sum() * row.sum()]])
            profiles = np.abs(column), np.abs(row)
            return cls(sums, float(profiles[0].sum() * profiles[1].sum()), profiles)
        by_filter = kernel.sum((2, 3), dtype=np.float64)
        filters, channels = by_filter.shape
        sums = np.zeros((filters, groups * channels))
        for group in range(groups):
            rows = slice(group * filters // groups, (group + 1) * filters // groups)
            sums[rows, group * channels : (group + 1) * channels] = by_filter[rows]
        sizes = np.abs(kernel)
        most = float(sizes.sum((1, 2, 3), dtype=np.float64).max())
        return cls(sums, most, (sizes.sum((0, 1, 3)), sizes.sum((0, 1, 2))))

    @property
    def centroid(self) -> tuple[float, float]:
        """The row and the column of the kernel where the centre of its weight is."""
        y, x = (
            float(profile @ np.arange(len(profile)) / profile.sum()) for profile in self.profiles
        )
        return y, x

    def inverse(self) -> tuple[FloatArray, FloatArray]:
        """Return the pseudo-inverse (C, F) of the sums, and the grey (C,) of what they lose.

        What a kernel removes altogether, such as the mean of a difference, is middle grey.
        """
        left, values, right = np.linalg.svd(self.sums, full_matrices=False)
        kept = values > LEAST_GAIN * self.most
        inverse = (right[kept].T / values[kept]) @ left[:, kept].T
        lost = 0.5 * (1 - (inverse @ self.sums).sum(1))
        lost[np.abs(lost) < 1e-9] = 0
        return inverse, lost
