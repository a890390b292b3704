"""Conversion between sRGB samples and linear light.

The curve is that of IEC 61966-2-1: a power of 2.4 with a linear segment near black. Every
8-bit and 16-bit value survives a round trip unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.arrays import FloatArray

BLOCK_SAMPLES = 1 << 15
"""About how many samples are converted at once."""

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


def linear_samples(samples: NDArray[Any], colours: int) -> FloatArray:
    """Return sRGB samples (rows, W, C) of an integer dtype as float32 in linear light.

    Channels from ``colours`` on are only scaled to 0-1.
    """
    table = _linear_values(int(np.iinfo(samples.dtype).max))
    values: FloatArray = table.take(samples, mode="clip")
    for channel in range(colours, samples.shape[2]):
        np.divide(samples[..., channel], np.float32(len(table) - 1), out=values[..., channel])
    return values


def _row_blocks(height: int, width: int) -> Iterator[slice]:
    """Give rows, so many at a time that what is computed of them stays in cache."""
    step = max(1, BLOCK_SAMPLES // width)
    return (slice(start, start + step) for start in range(0, height, step))


def srgb_samples(linear: FloatArray, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return float32 linear light as sRGB samples of an integer ``dtype``: nearest, clipped.

    ``linear`` is overwritten.
    """
    top = np.iinfo(dtype).max
    by_row = linear.reshape(-1, linear.shape[-1])
    samples = np.empty(by_row.shape, dtype)
    for rows in _row_blocks(*by_row.shape):
        samples[rows] = _encoded(by_row[rows], top)
    return samples.reshape(linear.shape)


def _encoded(linear: FloatArray, top: int) -> FloatArray:
    """Return linear light, which is overwritten, on the scale of samples, plus 0.5."""
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
    return samples


@cache
def _linear_values(top: int) -> FloatArray:
    """Return the linear light of each of the sample values 0 to ``top``."""
    srgb = np.arange(top + 1) / top
    curve = ((srgb + 0.055) / 1.055) ** 2.4
    return np.where(srgb <= _STRAIGHT_BELOW, srgb / 12.92, curve).astype(np.float32)
