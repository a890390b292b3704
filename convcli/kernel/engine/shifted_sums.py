"""A weighted sum of samples as passes over rows: additions of shifted rows, few multiplications.

Rows lie one behind the other, so the samples under a tap begin so many rows and so many samples
further on, and a pass is one long loop. Taps of one weight are added up before they are multiplied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Tap = tuple[int, int]

TOTAL, TERM = "total", "term"


class Operation(NamedTuple):
    """A pass over a block: ``into = do(left, right)``.

    Operands are the samples under a tap, numbers, the TOTAL, or the TERM to be added to it.
    """

    do: Callable[..., Any]
    left: Tap | str
    right: Tap | str | float
    into: str


def weighted_sum(weight: NDArray[Any]) -> Iterator[Operation]:
    """Yield the operations of the weighted sum, the largest weights first.

    ``weight`` (Hf, Wf) is of whole numbers for rows of integers.
    """
    taps = _taps(weight)
    sizes = sorted({abs(value) for value in taps if value}, reverse=True)
    if not sizes:
        yield Operation(np.multiply, (0, 0), 0, TOTAL)
    into = TOTAL
    for size in sizes:
        added, subtracted = taps.get(size, []), taps.get(-size, [])
        if size == 1 and into == TERM:
            yield from (Operation(np.add, TOTAL, tap, TOTAL) for tap in added)
            yield from (Operation(np.subtract, TOTAL, tap, TOTAL) for tap in subtracted)
            continue
        is_negative = not added
        if is_negative:
            added, subtracted = subtracted, added
        factor = -size if is_negative and into == TOTAL else size
        yield from _term(added, subtracted, factor, into)
        if into == TERM:
            yield Operation(np.subtract if is_negative else np.add, TOTAL, TERM, TOTAL)
        into = TERM


def _term(added: list[Tap], subtracted: list[Tap], factor: float, into: str) -> Iterator[Operation]:
    """Yield the operations of ``factor`` times a sum of taps, of which one at least is added."""
    left: Tap | str = added[0]
    for do, taps in ((np.add, added[1:]), (np.subtract, subtracted)):
        for tap in taps:
            yield Operation(do, left, tap, into)
            left = into
    if factor != 1 or left != into:
        yield Operation(np.multiply, left, factor, into)


def _taps(weight: NDArray[Any]) -> dict[float, list[Tap]]:
    """Return the taps of each weight."""
    taps: dict[float, list[Tap]] = {}
    for row, weights in enumerate(weight.tolist()):
        for column, value in enumerate(weights):
            taps.setdefault(value, []).append((row, column))
    return taps
