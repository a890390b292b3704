"""What lies beyond the edge of an image: what shows there, and where its gradient goes.

The four modes carry PyTorch's names. Where PyTorch refuses a pad wider than the image, the
pattern simply goes on: ``reflect`` has the period 2(n-1), ``circular`` the period n.
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
    """Return, for each position of ``range(start, stop)``, the index in 0..size-1 it shows.

    ``mode`` is any but ``zeros``, whose outside shows nothing.
    """
    position = np.arange(start, stop)
    if mode == "replicate":
        return np.clip(position, 0, size - 1)
    if mode == "circular":
        return position % size
    if size == 1:
        return np.zeros_like(position)
    # One period of a reflection runs 0, 1, …, n-1, n-2, …, 1: a ramp folded at n-1.
    folded = position % (2 * (size - 1))
    return np.minimum(folded, 2 * (size - 1) - folded)


def fold(extended: FloatArray, pads: Pads, mode: str) -> FloatArray:
    """Return images whose border elements are added to their sources: extending, transposed."""
    check_pad_mode(mode)
    top, left, bottom, right = pads
    rows_first = np.moveaxis(extended, -2, 0)
    columns_first = np.moveaxis(_fold_first_axis(rows_first, top, bottom, mode), -1, 0)
    folded = _fold_first_axis(columns_first, left, right, mode)
    return np.ascontiguousarray(np.moveaxis(folded, (1, 0), (-2, -1)))


def _fold_first_axis(extended: FloatArray, before: int, after: int, mode: str) -> FloatArray:
    size = len(extended) - before - after
    body = extended[before : before + size].copy()
    if mode != "zeros":
        np.add.at(body, source_index(-before, 0, size, mode), extended[:before])
        np.add.at(body, source_index(size, size + after, size, mode), extended[before + size :])
    return body
