"""Weights from ``.npy`` files."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.errors import FilterError
from convcli.filters.validate import MOST_WEIGHTS

MAGIC = b"\x93NUMPY"


def read_weights(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Return the array of a ``.npy`` file, which is loaded without pickles.

    Its rank and its values are checked where the filter is made. Raises :class:`FilterError`.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(len(MAGIC))
            file.seek(0)
            if start != MAGIC:
                what = "an archive of arrays (.npz)" if start[:2] == b"PK" else "no NumPy array"
                raise FilterError(f"it is {what}: save one array by numpy.save")
            shape, dtype = _header(file)
            if dtype.hasobject:
                raise FilterError("it holds objects of Python, which are not loaded: save numbers")
            if dtype.kind not in "iuf":
                raise FilterError(f"it holds {dtype.name}, where real numbers belong")
            if math.prod(shape) > MOST_WEIGHTS:
                raise FilterError(
                    f"it has {math.prod(shape):,} numbers: {MOST_WEIGHTS:,} are the most"
                )
            file.seek(0)
            array: NDArray[Any] = np.load(file, allow_pickle=False)
            return array
    except OSError as error:
        raise FilterError(f"it cannot be read: {error.strerror or error}") from None
    except (ValueError, EOFError) as error:
        if isinstance(error, FilterError):
            raise
        raise FilterError(f"it is not a NumPy array that can be read: {error}") from None


def _header(file: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    first = version == (1, 0)
    read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
    try:
        shape, _, dtype = read(file)
    except Exception as error:  # a broken header makes NumPy raise nearly anything
        raise FilterError(f"it is not a NumPy array that can be read: {error}") from None
    return shape, dtype
