"""Sums of products over windows (im2col), of chosen samples.

The windows of the samples are gathered as the columns of a matrix, which is multiplied with its
transpose.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

PIECE = 256
"""Columns of a product. Of centred bytes float32 sums 1,024 products exactly; with 256, kernels up
to 5×5 stay below the size from which OpenBLAS starts threads of its own, which would wait for ours.
"""

PIECES = 32
"""Products that are computed at a time."""


class WindowSums:
    """The sums of tiles, in two halves, for kernels of ``size`` over ``count`` planes.

    ``pixel`` is the distance of neighbours in a row of samples: the channels that are interleaved.
    ``step`` (y, x) is the distance of neighbouring windows. Products are computed in ``dtype``.
    ``halves`` are (2, n+2, n+2): n features (plane, row, column), a one, and the target.
    """

    def __init__(
        self,
        size: tuple[int, int],
        count: int,
        pixel: int,
        step: tuple[int, int],
        dtype: type[np.floating[Any]],
    ) -> None:
        self.size, self.count, self.pixel, self.step, self.dtype = size, count, pixel, step, dtype
        self.features = count * size[0] * size[1]
        self.halves = np.zeros((2, self.features + 2, self.features + 2))
        self._columns: NDArray[Any] = np.zeros((0, 0), dtype)

    def add(
        self,
        planes: list[NDArray[Any]],
        target: NDArray[Any],
        chosen: NDArray[np.bool_],
        parity: int,
        sign: int,
    ) -> None:
        """Add or subtract the products of the ``chosen`` samples of a tile (rows, samples)."""
        numbers = np.flatnonzero(chosen)
        if not numbers.size:
            return
        rows, samples = np.divmod(numbers, chosen.shape[1])
        width = planes[0].shape[1]
        starts = rows * (self.step[0] * width) + samples * self.step[1]
        lines, targets = [plane.ravel() for plane in planes], target.ravel()
        offsets = np.add.outer(
            np.arange(self.size[0]) * width, np.arange(self.size[1]) * self.pixel
        ).ravel()
        for first in range(0, len(numbers), PIECES * PIECE):
            places = starts[first : first + PIECES * PIECE]
            count = len(places)
            pieces = -(-count // PIECE)
            columns = self._buffer(pieces)
            for number, line in enumerate(lines):
                for row, offset in enumerate(offsets.tolist(), number * len(offsets)):
                    # Unlike "raise", "clip" does not buffer the result; no index is out of range.
                    line[offset:].take(places, out=columns[row, :count], mode="clip")
            columns[self.features, :count] = 1
            targets.take(
                numbers[first : first + count],
                out=columns[self.features + 1, :count],
                mode="clip",
            )
            columns[:, count:] = 0
            by_piece = columns.reshape(len(columns), pieces, PIECE).swapaxes(0, 1)
            products = (by_piece @ by_piece.swapaxes(1, 2)).sum(0, dtype=np.float64)
            kept = self.features + 2
            self.halves[parity] += sign * products[:kept, :kept]

    def _buffer(self, pieces: int) -> NDArray[Any]:
        """Return an array for that many pieces; rows after the target are zeros."""
        # BLAS is a third faster for multiples of four rows.
        shape = -(-(self.features + 2) // 4) * 4, pieces * PIECE
        if self._columns.shape != shape:
            self._columns = np.zeros(shape, self.dtype)
        return self._columns
