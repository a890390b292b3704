"""The steps that an animation shows, whatever draws it: boards of cells, and their changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Place = tuple[int, int]
Kind = Literal["input", "pad", "hole", "kernel", "output", "crop", "extra"]
"""What a cell is. ``pad``: a border of the input; ``hole``: a zero between inputs that lie a stride
apart; ``crop``: computed and cut off by the pad; ``extra``: kept because of output padding."""

Way = Literal["convolve", "scatter", "gather"]

MOST_STEPS = 144
MOST_SIDE = 40
"""Cells along a side of a board."""


@dataclass(frozen=True)
class Board:
    """A grid of cells: their kinds, row by row, and the texts that stand in them from the start."""

    title: str
    kinds: tuple[tuple[Kind, ...], ...]
    texts: tuple[tuple[str, ...], ...]

    @property
    def size(self) -> Place:
        """Rows and columns."""
        return len(self.kinds), len(self.kinds[0])


@dataclass(frozen=True)
class Step:
    """One step.

    ``read``: cells of the left board, each with the weight that meets it. ``written``: cells of the
    right board, each with the term that is added where it is one of several steps. ``results``:
    all that stands there after. ``sums``: the sum written out.
    """

    read: dict[Place, str]
    written: dict[Place, str]
    results: dict[Place, str]
    sums: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """One way to compute it: three boards and their steps."""

    way: Way
    title: str
    note: str
    left: Board
    kernel: Board
    right: Board
    steps: tuple[Step, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as the page's script makes it."""
        return {
            "way": self.way,
            "left": {"kinds": self.left.kinds, "texts": self.left.texts},
            "kernel": {"texts": self.kernel.texts},
            "right": {"kinds": self.right.kinds},
            "steps": [
                {
                    "read": {f"{y},{x}": text for (y, x), text in sorted(step.read.items())},
                    "written": {f"{y},{x}": text for (y, x), text in sorted(step.written.items())},
                    "results": {f"{y},{x}": text for (y, x), text in sorted(step.results.items())},
                    "sums": list(step.sums),
                }
                for step in self.steps
            ],
        }
