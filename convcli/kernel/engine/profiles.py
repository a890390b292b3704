"""Kernels of rank 1 as the product of a column and a row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.factors import Factors

Profiles = tuple[NDArray[np.float64], NDArray[np.float64]]
"""A column (Hf,) and a row (Wf,)."""


def profiles_of(problem: ConvolutionProblem) -> Profiles | None:
    """Return column and row of the one kernel of a problem; None where it has none of rank 1."""
    weight = problem.weight
    if isinstance(weight, Factors):
        return weight.column.astype(np.float64), weight.row.astype(np.float64)
    return profiles(weight[0, 0, 0]) if problem.shape[:3] == (1, 1, 1) else None


def profiles(kernel: FloatArray) -> Profiles | None:
    """Return column and row whose product is ``kernel`` (Hf, Wf) but for the noise of its dtype.

    >>> import numpy as np
    >>> profiles(np.array([[2.0, 4.0], [3.0, 6.0]]))
    (array([4., 6.]), array([0.5, 1. ]))
    >>> profiles(np.eye(2)) is None
    True
    """
    values = kernel.astype(np.float64)
    largest = np.unravel_index(np.abs(values).argmax(), values.shape)
    pivot = values[largest]
    if pivot == 0:
        return None
    column, row = values[:, largest[1]], values[largest[0]] / pivot
    noise = 8 * float(np.finfo(kernel.dtype).eps) * abs(float(pivot))
    # A few of its weights show where it is not possible.
    for rows in (slice(0, 3), slice(None)):
        if np.abs(np.outer(column[rows], row) - values[rows]).max() > noise:
            return None
    return column, row
