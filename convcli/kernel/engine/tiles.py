"""Cutting an axis into overlapping tiles whose lengths transform fast."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

LENGTHS = sorted(2**power * odd for power in range(3, 15) for odd in (1, 3, 5, 9))
"""With more factors of 3 and 5, a transform takes up to a fifth longer for an element."""
CALLS = 8
"""Elements of a tile's length that take as long as the calls for one more tile."""


class Tiles(NamedTuple):
    """Tiles of ``length``, each of which gives ``valid`` elements of the result."""

    length: int
    valid: int
    number: int


@lru_cache(maxsize=64)
def even_tiles(size: int, kernel: int, at_once: int = 1, planes: int = 1, *, longest: int) -> Tiles:
    """Return the cheapest tiles for ``size`` elements of the result, all nearly equally long.

    ``planes`` such axes are computed, ``at_once`` tiles at a time; one tile of them costs as much
    as all. No tile is longer than ``longest``, unless all that a kernel fits into are.
    """
    least: tuple[int, Tiles] | None = None
    for length in LENGTHS:
        if length < kernel:
            continue
        count = -(-size // (length - kernel + 1))
        turns = -(-count * planes // at_once)
        found = turns * (length + CALLS), Tiles(length, -(-size // count), count)
        if least is None or (found[0] < least[0] and length <= longest):
            least = found
    if least is None:
        raise ValueError(f"no tile is longer than {kernel}")
    return least[1]
