"""Padding: which element of an image each position beyond its edge repeats, and the adjoint.

The four modes carry PyTorch's names. Where PyTorch refuses a pad wider than the image, the
pattern goes on: ``reflect`` has the period 2(n-1), ``circular`` the period n.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convcli.errors import ShapeError
from convcli.kernel.arrays import FloatArray
from convcli.kernel.geometry import PAD_MODES, Pads


def check_pad_mode(mode: str) -> None:
    """Raise a ShapeError unless ``mode`` is one of the four."""
    if mode not in PAD_MODES:
        raise ShapeError(f"pad_mode must be one of {', '.join(PAD_MODES)}: got {mode!r}")


def source_index(start: int, stop: int, size: int, mode: str) -> NDArray[np.intp]:
    """Return, for each position of ``range(start, stop)``, which of ``size`` elements fills it.

    -1 is a zero.
    """
    position = np.arange(start, stop)
    if mode == "zeros":
        return np.where((position >= 0) & (position < size), position, -1)
    if mode == "replicate":
        return np.clip(position, 0, size - 1)
    if mode == "circular":
        return position % size
    if size == 1:
        return np.zeros_like(position)
    # One period of a reflection is 0, 1, …, n-1, n-2, …, 1: a ramp folded at n-1.
    folded = position % (2 * (size - 1))
    return np.minimum(folded, 2 * (size - 1) - folded)


def pad_adjoint(padded: FloatArray, pads: Pads, mode: str) -> FloatArray:
    """Apply the transpose of padding: every border element is added to the one it repeats."""
    check_pad_mode(mode)
    top, left, bottom, right = pads
    rows_first = np.moveaxis(padded, -2, 0)
    columns_first = np.moveaxis(_adjoint_along_first(rows_first, top, bottom, mode), -1, 0)
    result = _adjoint_along_first(columns_first, left, right, mode)
    return np.ascontiguousarray(np.moveaxis(result, (1, 0), (-2, -1)))


def _adjoint_along_first(padded: FloatArray, before: int, after: int, mode: str) -> FloatArray:
    size = len(padded) - before - after
    body = padded[before : before + size].copy()
    if mode != "zeros":
        np.add.at(body, source_index(-before, 0, size, mode), padded[:before])
        np.add.at(body, source_index(size, size + after, size, mode), padded[before + size :])
    return body
