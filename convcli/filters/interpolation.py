"""Interpolation kernels for upsampling, as the taps of a transposed convolution.

With factor f and half-support R the kernel has ``2 R f`` taps for even f and ``2 R f - 1`` for odd
f, is placed every f pixels and cropped by ``(taps - f) / 2``, which puts the centres of pixels at
half-integers. Divided by the transposed convolution of ones it equals Pillow's ``resize`` in
floating point (mode F). With 8 bits Pillow rounds and clips between its horizontal pass and its
vertical one, which shows as tens of levels at hard edges.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def _box(t: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(t) <= 0.5, 1.0, 0.0)


def _triangle(t: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(t) < 1, 1 - np.abs(t), 0)


def _cubic(t: NDArray[np.float64], a: float = -0.5) -> NDArray[np.float64]:
    """R. G. Keys, "Cubic convolution interpolation for digital image processing", 1981."""
    t = np.abs(t)
    inner = ((a + 2) * t - (a + 3)) * t * t + 1
    outer = ((t - 5) * t + 8) * a * t - 4 * a
    return np.where(t < 1, inner, np.where(t < 2, outer, 0))


def _lanczos(t: NDArray[np.float64], lobes: int = 3) -> NDArray[np.float64]:
    """C. E. Duchon, "Lanczos filtering in one and two dimensions", 1979."""
    return np.where(np.abs(t) < lobes, np.sinc(t) * np.sinc(t / lobes), 0)


_CURVES: dict[str, tuple[Curve, float]] = {
    "nearest": (_box, 0.5),
    "bilinear": (_triangle, 1),
    "bicubic": (_cubic, 2),
    "lanczos": (_lanczos, 3),
}

PRESETS = tuple(_CURVES)

KERNEL_AREA = {preset: (2 * support) ** 2 for preset, (_, support) in _CURVES.items()}
"""How many pixels of the picture a preset's kernel covers; times both scales, its weights."""


def interpolation_taps(preset: str, factor: int) -> tuple[NDArray[np.float64], int]:
    """Return the taps along one axis, and how many elements to crop at either end."""
    curve, half_support = _CURVES[preset]
    count = int(2 * half_support * factor)
    if factor % 2 and preset != "nearest":
        count -= 1
    crop = (count - factor) // 2
    position: NDArray[np.float64] = (np.arange(count) - crop + 0.5) / factor - 0.5
    return curve(position), crop
