"""Conversion between sRGB samples and linear light.

The curve is that of IEC 61966-2-1: a power of 2.4 with a linear segment near black. Every
8-bit and 16-bit value survives a round trip unchanged.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.arrays import FloatArray
from convcli.system.threads import block_samples

BLOCK_SAMPLES = 1 << 15
"""About how many samples are converted at once."""

SHARED = 4
"""How many times as many where threads share tasks."""

_STRAIGHT_BELOW = 0.04045
"""The sRGB value where the linear segment ends; in linear light that is 0.0031308."""


def linear_planes(samples: NDArray[Any], colours: int) -> FloatArray:
    """Return uint8 or uint16 samples (H, W, C) as (C, H, W) float32 on the 0-1 scale.

    The first ``colours`` channels become linear light; the last one, alpha, is
    linear already.
    """
    height, width, count = samples.shape
    planes = np.empty((count, height, width), np.float32)
    # A table of all values is faster than the curve, and more exact than it is in float32.
    table = _linear_values(int(np.iinfo(samples.dtype).max))
    for rows in _row_blocks(height, width):
        for channel in range(colours):
            table.take(samples[rows, :, channel], out=planes[channel, rows], mode="clip")
    for channel in range(colours, count):
        np.divide(samples[..., channel], np.float32(len(table) - 1), out=planes[channel])
    return planes


def linear_samples(samples: NDArray[Any], colours: int | None = None) -> FloatArray:
    """Return sRGB samples (rows, W, C) of uint8 or uint16 as float32 in linear light.

    Channels from ``colours`` on are only scaled to 0-1; None takes all as colours, in any shape.
    """
    table = _linear_values(int(np.iinfo(samples.dtype).max))
    light = np.empty(samples.shape, np.float32)
    given, converted = samples.reshape(-1), light.reshape(-1)
    for block in _blocks(len(given)):
        table.take(given[block], out=converted[block], mode="clip")
    if colours is not None:
        for channel in range(colours, samples.shape[-1]):
            np.divide(samples[..., channel], np.float32(len(table) - 1), out=light[..., channel])
    return light


def _row_blocks(height: int, width: int) -> Iterator[slice]:
    """Give rows, so many at a time that what is computed of them stays in cache."""
    step = max(1, _block_samples() // width)
    return (slice(start, start + step) for start in range(0, height, step))


def _blocks(size: int) -> Iterator[slice]:
    """Give samples of a flat array, so many at a time that what is computed stays in cache."""
    step = _block_samples()
    return (slice(start, start + step) for start in range(0, size, step))


def _block_samples() -> int:
    return block_samples(BLOCK_SAMPLES, SHARED)


def srgb_samples(linear: FloatArray, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return float32 linear light as sRGB samples of an integer ``dtype``: nearest, clipped.

    ``linear`` is overwritten. NaN is black.
    """
    light = linear.reshape(-1)
    samples = np.empty(light.shape, dtype)
    encode = _ByTable() if dtype == np.uint8 else _encode_by_curve
    for block in _blocks(len(light)):
        encode(light[block], samples[block])
    return samples.reshape(linear.shape)


_UPPER_HALF = int(sys.byteorder == "little")
"""Which of the two halves of a float32 has its sign, its exponent and 7 bits of its mantissa."""


class _Intervals(NamedTuple):
    """All numbers of equal upper 16 bits are an interval, which has one threshold at most.

    ``levels`` (65536,) are the 8-bit samples at the intervals' ends next to 0, ``thresholds`` the
    least value of the next sample; NaN where there is none.
    """

    levels: NDArray[np.uint8]
    thresholds: FloatArray


@cache
def _intervals() -> _Intervals:
    exact = _linear_light((np.arange(255) + 0.5) / 255)
    thresholds = exact.astype(np.float32)
    low = thresholds < exact
    thresholds[low] = np.nextafter(thresholds[low], np.float32(2))
    ends = (np.arange(1 << 16, dtype=np.uint32) << 16).view(np.float32)
    # NaN comes last in order.
    levels = np.searchsorted(thresholds, np.where(ends > 0, ends, 0), "right")
    return _Intervals(levels.astype(np.uint8), np.append(thresholds, np.float32(np.nan))[levels])


class _ByTable:
    """Encoding to 8 bits: the upper half of a float32 names an interval of two samples at most."""

    def __init__(self) -> None:
        most = _block_samples()
        self._index = np.empty(most, np.intp)
        self._thresholds = np.empty(most, np.float32)
        self._is_next = np.empty(most, bool)

    def __call__(self, light: FloatArray, samples: NDArray[Any]) -> None:
        """Write a block of linear light (n,) as samples."""
        table, size = _intervals(), len(light)
        index, thresholds = self._index[:size], self._thresholds[:size]
        is_next = self._is_next[:size]
        np.copyto(index, light.view(np.uint16)[_UPPER_HALF::2])
        table.levels.take(index, out=samples, mode="clip")
        table.thresholds.take(index, out=thresholds, mode="clip")
        np.greater_equal(light, thresholds, out=is_next)
        np.add(samples, is_next.view(np.uint8), out=samples)


def _encode_by_curve(linear: FloatArray, into: NDArray[Any]) -> None:
    """Write linear light, which is overwritten, as samples of a depth too large for a table."""
    top = np.iinfo(into.dtype).max
    # fmax(NaN, 0) is 0.
    np.fmax(linear, 0, out=linear)
    np.minimum(linear, 1, out=linear)
    is_straight = linear <= np.float32(_STRAIGHT_BELOW / 12.92)
    samples: FloatArray = np.power(linear, np.float32(1 / 2.4))
    # The cast truncates: adding 0.5 rounds to nearest.
    samples *= np.float32(1.055 * top)
    samples += np.float32(0.5 - 0.055 * top)
    linear *= np.float32(12.92 * top)
    linear += np.float32(0.5)
    np.copyto(samples, linear, where=is_straight)
    np.copyto(into, samples, casting="unsafe")


@cache
def _linear_values(top: int) -> FloatArray:
    """Return the linear light of each of the sample values 0 to ``top``."""
    return _linear_light(np.arange(top + 1) / top).astype(np.float32)


def _linear_light(srgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the linear light of sRGB values."""
    curve = ((srgb + 0.055) / 1.055) ** 2.4
    return np.where(srgb <= _STRAIGHT_BELOW, srgb / 12.92, curve)
