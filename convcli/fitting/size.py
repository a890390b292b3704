"""The size of a kernel, by the error on held-out tiles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from convcli.fitting.geometry import Pair, Relation
from convcli.fitting.moments import Moments
from convcli.fitting.solve import System

WORTH = 1.002
"""A larger kernel is chosen if every smaller one has more than this many times its error."""


def candidate_sizes(relation: Relation, largest: int = 15) -> list[Pair]:
    """Return the sizes to try: odd ones, or even ones if the picture is enlarged by an even factor.

    A kernel for an even factor is symmetric about the middle of a pixel only if its size is even.
    """
    sizes: list[Pair] = []
    for number in range(1, largest + 2, 2):
        size = tuple(
            number + 1 if relation.is_transposed and factor % 2 == 0 else number
            for factor in relation.stride
        )
        fits = all(4 * size[k] <= 3 * relation.before[k] + 1 for k in (0, 1))
        if fits and min(size) <= largest + 1 and number <= largest:
            sizes.append((size[0], size[1]))
    return sizes or [(1, 1)]


def places_within(
    relation: Relation, largest: Pair, size: Pair, planes: int
) -> NDArray[np.intp] | None:
    """Return the indices of a smaller kernel's weights among those of the largest."""
    top, left = (relation.anchor(largest)[k] - relation.anchor(size)[k] for k in (0, 1))
    if min(top, left) < 0 or top + size[0] > largest[0] or left + size[1] > largest[1]:
        return None
    grid = np.arange(planes * largest[0] * largest[1]).reshape(planes, *largest)
    return grid[:, top : top + size[0], left : left + size[1]].ravel()


def sizes_by_error(
    moments: Sequence[Moments], relation: Relation, sizes: Sequence[Pair], planes: int, bias: bool
) -> dict[Pair, float]:
    """Return the mean square error on held-out tiles of each size.

    ``moments`` are those of each system, for the largest size.
    """
    errors: dict[Pair, float] = {}
    for size in sizes:
        places = places_within(relation, sizes[-1], size, planes)
        if places is None:
            continue
        squares = count = 0.0
        for one in moments:
            small = one.cropped(places)
            halves = [System(small.half(parity), bias) for parity in (0, 1)]
            if min(half.count for half in halves) < 2 * len(places):
                break
            for known, other in (halves, halves[::-1]):
                weights = known.solve(1e-12)
                squares += other.squares(weights, known.bias(weights))
                count += other.count
        else:
            errors[size] = squares / max(count, 1.0)
    return errors


def smallest_good(errors: dict[Pair, float], negligible: float) -> Pair:
    """Return the smallest size whose error is negligibly larger than the best."""
    best = min(errors.values())
    return next(size for size, error in errors.items() if error <= WORTH * best + negligible)
