"""The terms of a weight's gradient as one small product for each row of the output.

The C·Hf input rows that an output row reads lie one below the other in a buffer (row, channel,
column), and v·D columns further right are those that column v of the kernel meets: a strided view
of the buffer, no copy. With the row of grad_y (F × columns) this makes Wf products
(C·Hf × columns) @ (columns × F). They are small enough for BLAS to multiply where they lie, about
twice as fast as products that sum over many rows.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine.method import BUFFER_BYTES, PRODUCT_LIMIT
from convcli.kernel.window import RowReader, Window

LEAST_COLUMNS, MOST_COLUMNS = 64, 512
"""Columns of the output that a product sums over."""

LEAST_PRODUCT = 1000
"""Multiplications of a product below which the call takes longer than they do."""

MOST_WEIGHTS = 1 << 15
"""Weights of a group above which a product over many rows is as fast."""

MOST_ROWS = 32
"""Rows of the output whose products are added up in single precision, and kept for that."""


class RowProducts:
    """The buffers of one thread, for gradients of ``filters`` filters across ``channels``."""

    def __init__(
        self, images: FloatArray, window: Window, channels: int, filters: int, count: int
    ) -> None:
        """``count`` is the most rows of the output at once."""
        self._window = window
        self._reader = RowReader(window, images.shape[3])
        rows = (count - 1) * window.stride[0] + window.kernel[0]
        self._read = np.zeros((rows, channels, self._reader.length), images.dtype)
        row, channel, item = self._read.strides
        # (output row, Wf, Hf·C, output column)
        self._met = as_strided(
            self._read,
            (count, window.kernel[1], window.kernel[0] * channels, window.output[1]),
            (window.stride[0] * row, window.dilation[1] * item, channel, item),
        )
        self._products = np.empty((*self._met.shape[:3], filters), images.dtype)
        self._cuts = self._column_cuts(channels, filters)

    @staticmethod
    def suits(window: Window, channels: int, filters: int) -> bool:
        """Return whether rows are read without gaps, and products are small and wide enough."""
        height, width = window.kernel
        product = height * channels * filters
        columns = min(window.output[1], MOST_COLUMNS)
        return (
            window.stride[1] == 1
            and (window.dilation[0] == 1 or height == 1)
            and columns >= LEAST_COLUMNS
            and product * columns >= LEAST_PRODUCT
            and product * LEAST_COLUMNS <= PRODUCT_LIMIT
            and product * width <= MOST_WEIGHTS
        )

    @staticmethod
    def rows_at_once(window: Window, channels: int, filters: int, dtype: np.dtype[Any]) -> int:
        """Return how many rows of the output are best read at once."""
        read = channels * window.columns * window.stride[0]
        made = window.kernel[0] * window.kernel[1] * channels * filters
        return min(max(BUFFER_BYTES // ((read + made) * dtype.itemsize), 4), MOST_ROWS)

    def read(self, image: NDArray[Any], start: int, stop: int) -> None:
        """Fill the buffer with what the output rows from ``start`` to ``stop`` read."""
        part = self._window.for_rows(start, stop)
        self._reader.read(image, part.origin[0], 1, self._read[: part.rows, :, np.newaxis])

    def add_terms(self, gradient: FloatArray, sums: NDArray[np.float64]) -> None:
        """Add the products with ``gradient`` (F, rows, columns) to ``sums`` (Wf, Hf, C, F)."""
        by_row = gradient.transpose(1, 2, 0)[:, np.newaxis]
        met, products = self._met[: len(by_row)], self._products[: len(by_row)]
        for left, right in pairwise(self._cuts):
            np.matmul(met[..., left:right], by_row[:, :, left:right], out=products)
            sums += products.sum(0).reshape(sums.shape)

    def _column_cuts(self, channels: int, filters: int) -> list[int]:
        columns = self._window.output[1]
        most = min(PRODUCT_LIMIT // (self._window.kernel[0] * channels * filters), MOST_COLUMNS)
        parts = -(-columns // most)
        return [columns * part // parts for part in range(parts + 1)]
