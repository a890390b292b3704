"""The steps of an animation, independent of its format: boards of cells, and their changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Place = tuple[int, int]
Kind = Literal["input", "pad", "hole", "kernel", "output", "crop", "extra"]
"""The kind of a cell. ``pad``: padding of the input; ``hole``: a zero between inputs a stride
apart; ``crop``: computed, then cropped by the pad; ``extra``: kept because of output padding."""

Form = Literal["convolve", "scatter", "gather"]
"""A convolution, or the form in which a transposed one is computed: by inputs or by outputs."""

MOST_STEPS = 144
MOST_SIDE = 40
"""Cells along a side of a board, at most."""


@dataclass(frozen=True)
class Board:
    """A grid of cells: their kinds, row by row, and their texts at the start."""

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

    ``read``: cells of the left board, each with the weight that multiplies it. ``written``: cells
    of the right board, each with the term that is added, if it is added in several steps.
    ``results``: the texts of the right board after the step. ``sums``: the sum written out.
    """

    read: dict[Place, str]
    written: dict[Place, str]
    results: dict[Place, str]
    sums: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """One form of the computation: three boards and their steps."""

    form: Form
    title: str
    note: str
    left: Board
    kernel: Board
    right: Board
    steps: tuple[Step, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the part as the page's script computes it."""
        return {
            "form": self.form,
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
