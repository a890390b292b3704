"""The predictors of TIFF: differences of neighbours, which deflate makes smaller than samples.

Horizontal differences (TIFF 6.0, section 14) are for integers. For floats (Adobe Photoshop TIFF
Technical Note 3) the bytes of a row are sorted first, all of the highest weight before the others.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

HORIZONTAL, FLOATING = 2, 3


def predictor_of(dtype: np.dtype[Any]) -> int:
    """Return the predictor for samples of a type."""
    return FLOATING if dtype.kind == "f" else HORIZONTAL


def differences(rows: NDArray[Any]) -> bytes:
    """Return rows (rows, W, C) after the predictor of their type, the low bytes first."""
    if rows.dtype.kind == "f":
        count, width, channels = rows.shape
        bytes_of = rows.astype(f">f{rows.itemsize}").view(np.uint8)
        planes = bytes_of.reshape(count, width * channels, -1).transpose(0, 2, 1)
        rows = planes.reshape(count, -1, channels)
    result = rows.astype(rows.dtype.newbyteorder("<"))
    result[:, 1:] -= rows[:, :-1]
    return result.tobytes()


def floats_of(differences: NDArray[Any], axis: int = -2, out: object = None) -> NDArray[Any]:
    """Return floats (..., rows, W, C) from their differences, in an array of the same type.

    The arguments are those of tifffile's decoders; ``axis`` is always that of W.
    """
    width, channels = differences.shape[-2:]
    itemsize = differences.itemsize
    stored = np.ascontiguousarray(differences).view(np.uint8)
    planes = np.cumsum(stored.reshape(-1, itemsize * width, channels), 1, np.uint8)
    weights = planes.reshape(-1, itemsize, width * channels).transpose(0, 2, 1)
    floats = np.ascontiguousarray(weights).view(f">f{itemsize}")
    return floats.reshape(differences.shape).astype(differences.dtype)
