"""Conversion between sRGB samples and linear light.

The curve is that of IEC 61966-2-1: a power of 2.4 with a linear segment near black. Every
8-bit and 16-bit value survives a round trip unchanged.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.arrays import FloatArray

_STRAIGHT_BELOW = 0.04045
"""The sRGB value where the linear segment ends; in linear light that is 0.0031308."""


def linear_planes(samples: NDArray[Any], colours: int) -> FloatArray:
    """Return uint8 or uint16 samples (H, W, C) as (C, H, W) float32 on the 0-1 scale.

    The first ``colours`` channels become linear light; the last one, alpha, is
    linear already.
    """
    channels = samples.transpose(2, 0, 1)
    planes = np.empty(channels.shape, np.float32)
    # A table of all values is faster than the curve, and more exact than it is in float32.
    table = _linear_values(int(np.iinfo(samples.dtype).max))
    planes[:colours] = table.take(channels[:colours])
    planes[colours:] = channels[colours:]
    planes[colours:] /= np.float32(len(table) - 1)
    return planes


def srgb_samples(linear: FloatArray, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return float32 linear light as sRGB samples of an integer ``dtype``: nearest, clipped.

    ``linear`` is overwritten.
    """
    top = np.iinfo(dtype).max
    # fmax(NaN, 0) is 0.
    np.fmax(linear, 0, out=linear)
    np.minimum(linear, 1, out=linear)
    is_straight = linear <= np.float32(_STRAIGHT_BELOW / 12.92)
    samples = np.power(linear, np.float32(1 / 2.4))
    # The cast truncates: adding 0.5 rounds to nearest.
    samples *= np.float32(1.055 * top)
    samples += np.float32(0.5 - 0.055 * top)
    linear *= np.float32(12.92 * top)
    linear += np.float32(0.5)
    np.copyto(samples, linear, where=is_straight)
    return samples.astype(dtype)


@cache
def _linear_values(top: int) -> FloatArray:
    """Return the linear light of each of the sample values 0 to ``top``."""
    srgb = np.arange(top + 1) / top
    curve = ((srgb + 0.055) / 1.055) ** 2.4
    return np.where(srgb <= _STRAIGHT_BELOW, srgb / 12.92, curve).astype(np.float32)
