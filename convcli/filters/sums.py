"""Sums of a filter's weights, those of separable filters without computing the weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convcli.filters.filter import Filter


def sums(filter: Filter) -> NDArray[np.float64]:
    """Return the sum of the weights of each of the F filters, divided.

    >>> from convcli import Filter
    >>> sums(Filter([[1, 2, 1]], divisor=2))
    array([2.])
    """
    factors = filter.factors
    if factors is None:
        by_filter: NDArray[np.float64] = filter.kernel.sum((1, 2, 3))
        return by_filter
    return np.array([float(factors.column.sum()) * float(factors.row.sum())])


def absolute_sums(filter: Filter) -> NDArray[np.float64]:
    """Return the sum of the weights' magnitudes of each of the F filters, divided.

    It is the largest result for samples from -1 to 1.

    >>> from convcli import Filter
    >>> absolute_sums(Filter(column=[1, 1], row=[-1, 1]))
    array([4.])
    """
    factors = filter.factors
    if factors is None:
        by_filter: NDArray[np.float64] = np.abs(filter.kernel).sum((1, 2, 3))
        return by_filter
    return np.array([float(np.abs(factors.column).sum()) * float(np.abs(factors.row).sum())])
