"""The input cell at a position outside of the input, by the pad mode."""

from __future__ import annotations

from convcli.kernel.padding import source_index


def shown(position: int, size: int, pad_mode: str) -> int | None:
    """Return the index, of ``size`` cells, of the one at a position; None for a zero.

    >>> [shown(position, 4, "reflect") for position in (-2, -1, 0, 4)]
    [2, 1, 0, 2]
    """
    if 0 <= position < size:
        return position
    if pad_mode == "zeros":
        return None
    return int(source_index(position, position + 1, size, pad_mode)[0])
