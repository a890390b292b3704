"""Sums of products over windows by lags, for windows at every sample.

The windows of neighbouring samples overlap: the product of x[i+u, j+v] and x[i+u', j+v'] summed
over j depends on the rows i+u and i+u' alone. So it is computed once for two rows, by one matrix
product of a row's shifted copies with those of the K rows from it on, and each entry is a sum of
such products over a run of rows. That is K times less work than a product of whole windows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray


class LagSums:
    """The sums of tiles, in two halves, for kernels of ``size`` over ``count`` planes.

    ``pixel`` is the distance of neighbours in a row of samples: the channels that are interleaved.
    Products are computed in ``dtype``.
    """

    def __init__(
        self, size: tuple[int, int], count: int, pixel: int, dtype: type[np.floating[Any]]
    ) -> None:
        self.size, self.count, self.pixel, self.dtype = size, count, pixel, dtype
        height, width = size
        # A slot for each shifted copy of a row of each plane, the last for the target. Some in
        # between are zeros: BLAS is faster for multiples of four.
        self.copies = count * width
        self.slots = -(-(self.copies + 1) // 4) * 4
        self.by_lag = np.zeros((2, height, self.slots, height, self.slots))
        self.by_row = np.zeros((2, height, self.slots))
        self.samples = np.zeros(2)
        self._rows: NDArray[Any] = np.zeros(0)

    @property
    def multiplications(self) -> int:
        """Multiplications for each window."""
        return self.size[0] * self.slots**2

    def add(self, planes: list[NDArray[Any]], target: NDArray[Any], parity: int) -> None:
        """Add the products of all windows of a tile to the half ``parity``."""
        height, width = self.size
        count, samples = target.shape
        rows = count + height - 1
        if self._rows.shape != (rows + height - 1, self.slots, samples):
            self._rows = np.zeros((rows + height - 1, self.slots, samples), self.dtype)
        shifted = self._rows
        for number, plane in enumerate(planes):
            for v in range(width):
                left = v * self.pixel
                shifted[:rows, number * width + v] = plane[:, left : left + samples]
        shifted[:count, -1] = target
        row, slot, item = shifted.strides
        following = as_strided(
            shifted, (rows, height * self.slots, samples), (row, slot, item), writeable=False
        )
        # The larger matrix on the left is faster.
        transposed = following @ shifted[:rows].swapaxes(1, 2)
        products = transposed.swapaxes(1, 2).reshape(rows, self.slots, height, self.slots)
        sums = shifted[:rows] @ np.ones(samples, self.dtype)
        # Row u of the windows is in turn each of the rows u to u + count.
        run = np.add.reduce(products[:count], axis=0, dtype=np.float64)
        row_run = np.add.reduce(sums[:count], axis=0, dtype=np.float64)
        for u in range(height):
            if u:
                run[:, : height - u] += products[count + u - 1, :, : height - u]
                run[:, : height - u] -= products[u - 1, :, : height - u]
                row_run += sums[count + u - 1]
                row_run -= sums[u - 1]
            self.by_lag[parity, u, :, : height - u] += run[:, : height - u]
            self.by_row[parity, u] += row_run
        self.samples[parity] += target.size

    def assembled(self, parity: int) -> NDArray[np.float64]:
        """Return the matrix of sums of a half, over features (plane, row, column), one, target."""
        height, width = self.size
        entries = self.count * height * width
        lag, row = self.by_lag[parity], self.by_row[parity]
        sums = np.zeros((entries + 2, entries + 2))
        # Both sides as (plane, row, column).
        matrix = sums[:entries, :entries].reshape(
            self.count, height, width, self.count, height, width
        )
        copies = self.copies
        products = lag[:, :copies, :, :copies].reshape(
            height, self.count, width, height, self.count, width
        )
        for u in range(height):
            for later in range(u, height):
                block = products[u, :, :, later - u]
                matrix[:, u, :, :, later] = block
                matrix[:, later, :, :, u] = block.transpose(2, 3, 0, 1)
        ones = row[:, :copies].reshape(height, self.count, width).swapaxes(0, 1).ravel()
        right_side = (
            lag[0, -1, :, :copies].reshape(height, self.count, width).swapaxes(0, 1).ravel()
        )
        sums[:entries, -2] = sums[-2, :entries] = ones
        sums[:entries, -1] = sums[-1, :entries] = right_side
        sums[-2, -2] = self.samples[parity]
        sums[-2, -1] = sums[-1, -2] = row[0, -1]
        sums[-1, -1] = lag[0, -1, 0, -1]
        return sums
