"""Likely mistakes in a filter, which make white or black pictures: warned of, not refused."""

from __future__ import annotations

import numpy as np

from convcli.filters.filter import Filter
from convcli.filters.sums import absolute_sums, sums

MOST_SUM = 1.5
"""The sum of weights from which most results are white."""

DARK = 0.5
"""The greatest result of weights that cancel, on the 0-1 scale, below which pictures are black."""


def doubts(filter: Filter, gain: float = 1) -> list[str]:
    """Return what is doubtful about a filter, a sentence each.

    ``gain`` is the sum of weights that leaves a picture as bright as it is: 1, or the product of
    the strides where the filter is transposed.

    >>> from convcli import Filter
    >>> doubts(Filter([[1, 1, 1]], name="mean"))
    ['filter mean: its weights sum to 3, so most results are white: "divisor": "sum" divides by it']
    """
    name = f"filter {filter.name or 'given'}"
    found = []
    total = float(sums(filter).max())
    # Sums that equal those of the magnitudes: no weight is negative.
    is_positive = np.allclose(sums(filter), absolute_sums(filter), rtol=1e-12, atol=0)
    if (
        is_positive
        and filter.divisor == 1
        and filter.range in ("clip", "abs")
        and total >= MOST_SUM * gain
    ):
        found.append(
            f"{name}: its weights sum to {total:g}, so most results are white: "
            '"divisor": "sum" divides by it'
        )
    biases = filter.offsets
    if filter.range in ("clip", "abs") and not biases.any() and filter.reduce is None:
        most = _most_left_of_white(filter)
        if most < DARK:
            found.append(
                f"{name}: its weights cancel, and of white details {most:.2g} is left at most, so "
                'results are nearly black: "range": "rescale" stretches them'
            )
    largest = float(biases[np.abs(biases).argmax()])
    if abs(largest) > 1 and filter.range in ("clip", "abs"):
        colour = "white" if largest > 0 or filter.range == "abs" else "black"
        found.append(
            f"{name}: its bias is {largest:g} and samples go from 0 to 1, so most results are "
            f"{colour}: {abs(largest):g} of 255 levels are {abs(largest) / 255:.3g}"
        )
    return found


def _most_left_of_white(filter: Filter) -> float:
    """Return the greatest result, of samples from 0 to 1, where weights cancel; else infinity."""
    magnitudes, totals = absolute_sums(filter), sums(filter)
    if not (np.abs(totals) < magnitudes / 2).all():
        return np.inf
    greatest = magnitudes + (np.abs(totals) if filter.range == "abs" else totals)
    return float(greatest.max()) / 2
