"""The filters of PNG (W3C specification, 9): rows minus predictions from their neighbours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from convcli.images.raster import Raster

NONE, SUB, UP, AVERAGE, PAETH = range(5)

_BLOCK = 1 << 16
"""Bytes filtered at a time, so that intermediate arrays stay in the cache."""

Samples = NDArray[np.uint8]


def row_filter(raster: Raster, most: int) -> Callable[[int, int, tuple[int, ...]], Samples]:
    """Return a function ``(start, stop, filters)`` that filters rows, up to ``most`` at a time.

    It returns (rows, 1 + bytes a row), each row with the number of its filter in front, in memory
    that the next call uses again. Filters work on bytes, of 16-bit samples too, whose high byte is
    first (PNG, 7.1 and 9.1).
    """
    pixel = raster.channels * raster.dtype.itemsize
    row = raster.size[1] * pixel
    # One row above and one pixel on the left are zeros outside the picture (PNG, 9.2).
    padded = np.zeros((most + 1, pixel + row), np.uint8)
    result = np.empty((most, 1 + row), np.uint8)
    step = max(1, _BLOCK // row)

    def filtered(start: int, stop: int, filters: tuple[int, ...]) -> Samples:
        rows, above = stop - start, min(start, 1)
        padded[0] = 0
        samples = raster.read(start - above, stop)
        padded[1 - above : rows + 1, pixel:] = _big_endian(samples).reshape(-1, row)
        for top in range(0, rows, step):
            bottom = min(top + step, rows)
            _filter_block(padded[top : bottom + 1], pixel, filters, result[top:bottom])
        return result[:rows]

    return filtered


def _big_endian(samples: NDArray[Any]) -> Samples:
    if samples.dtype == np.uint8:
        return samples
    return np.ascontiguousarray(samples).astype(">u2", copy=False).view(np.uint8)


def _filter_block(padded: Samples, pixel: int, filters: tuple[int, ...], result: Samples) -> None:
    """Filter the rows of ``padded`` into ``result``, with the best of ``filters``, modulo 256."""
    here, left = padded[1:, pixel:], padded[1:, :-pixel]
    above, corner = padded[:-1, pixel:], padded[:-1, :-pixel]
    if len(filters) == 1:
        result[:, 0] = filters[0]
        np.subtract(here, _prediction(filters[0], left, above, corner), out=result[:, 1:])
        return
    residuals = np.stack([here - _prediction(kind, left, above, corner) for kind in filters])
    # The heuristic of the specification (12.7): the least sum of absolute values of signed bytes.
    best = np.abs(residuals.view(np.int8)).view(np.uint8).sum(2, dtype=np.int64).argmin(0)
    result[:, 0] = np.array(filters, np.uint8)[best]
    result[:, 1:] = residuals[best, np.arange(len(best))]


def _prediction(kind: int, left: Samples, above: Samples, corner: Samples) -> Samples | np.uint8:
    if kind == PAETH:
        return paeth(left, above, corner)
    if kind == AVERAGE:  # (left + above) // 2 without exceeding 8 bits
        return cast(Samples, (left & above) + ((left ^ above) >> 1))
    if kind == NONE:
        return np.uint8(0)
    return left if kind == SUB else above


def paeth(left: Samples, above: Samples, corner: Samples) -> Samples:
    """Return the one of the three nearest to p = left + above - corner (PNG, 9.4), in bytes.

    Let l <= h be left and above in order, and c the corner. If c < l, then p > h, and h is nearest,
    as for c = l; likewise l for c > h. So c may be clipped to l..h. Then the distances of p are h -
    c from l, c - l from h, and |(h - c) - (c - l)| from c. So l is nearest if h - c <= (c - l) - (h
    - c), that is 3 (h - c) <= h - l; h if 3 (c - l) <= h - l; c otherwise.
    """
    low, high = np.minimum(left, above), np.maximum(left, above)
    nearest = np.minimum(np.maximum(corner, low), high)
    third = high - low
    third //= 3
    down, up = nearest - low, high - nearest
    is_low, is_high = up <= third, down <= third
    # Both are true only if low == high, and then both steps are 0. Faster than np.where.
    down *= is_low.view(np.uint8)
    up *= is_high.view(np.uint8)
    nearest -= down
    nearest += up
    return nearest
