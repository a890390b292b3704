"""A grid of pictures with labels, as large as a screen allows."""

from __future__ import annotations

from typing import NamedTuple

from convcli.errors import PlanError

WIDTH = 1600
"""Pixels that a page is wide at most, which a screen shows as a whole."""

FLATNESS = 0.625
"""The height of the largest page, as a share of its width."""

MARGIN, GAP, LABEL = 16, 12, 20
"""Pixels around the page, between cells, and for the label below each picture."""

LEAST_SIDE = 24
"""The narrowest pictures that show anything."""

NEARLY = 0.9
"""Pictures so much smaller than the largest possible are accepted for a fuller grid."""

LARGEST_ENLARGEMENT = 8
"""How many times pictures smaller than their cells are enlarged at most."""


class Grid(NamedTuple):
    """Rows and columns of cells, each ``cell`` (H, W) pixels and a label below.

    Pictures are reduced to ``thumbnail`` (H, W), filtered, and enlarged ``enlargement`` times.
    """

    rows: int
    columns: int
    cell: tuple[int, int]
    thumbnail: tuple[int, int]
    enlargement: int

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the page."""
        height, width = self.cell
        return (
            2 * MARGIN + self.rows * (height + LABEL) + (self.rows - 1) * GAP,
            2 * MARGIN + self.columns * width + (self.columns - 1) * GAP,
        )

    def corner(self, number: int) -> tuple[int, int]:
        """Return the top and left of the cell ``number``."""
        row, column = divmod(number, self.columns)
        height, width = self.cell
        return MARGIN + row * (height + LABEL + GAP), MARGIN + column * (width + GAP)


def grid_for(count: int, size: tuple[int, int], width: int = WIDTH) -> Grid:
    """Return the grid in which ``count`` pictures of ``size`` (H, W) are large on one page.

    Of the grids with the largest pictures, or nearly so, it is the one with the fewest empty cells.
    ``width`` is the page's, at most. Raises :class:`PlanError` where there are too many pictures.

    >>> grid_for(20, (512, 768)).size
    (956, 1600)
    """
    layouts = [_layout(count, columns, size, width) for columns in range(1, count + 1)]
    largest = max(layout.scale for layout in layouts)
    near = [layout for layout in layouts if layout.scale >= NEARLY * largest]
    scale, rows, columns = min(near, key=lambda one: (one.rows * one.columns - count, -one.scale))
    enlargement = max(1, min(int(scale), LARGEST_ENLARGEMENT))
    reduction = min(scale, 1.0)
    thumbnail = max(1, int(size[0] * reduction)), max(1, int(size[1] * reduction))
    if reduction < 1 and max(thumbnail) < LEAST_SIDE:
        raise PlanError(
            f"{count} pictures do not fit a sheet {width} pixels wide: show fewer filters"
        )
    cell = thumbnail[0] * enlargement, thumbnail[1] * enlargement
    return Grid(rows, columns, cell, thumbnail, enlargement)


class _Layout(NamedTuple):
    scale: float
    rows: int
    columns: int


def _layout(count: int, columns: int, size: tuple[int, int], width: int) -> _Layout:
    """Return the scale at which pictures fit so many columns, and the rows that takes."""
    rows = -(-count // columns)
    across = (width - 2 * MARGIN + GAP) / columns - GAP
    down = (int(FLATNESS * width) - 2 * MARGIN + GAP) / rows - GAP - LABEL
    return _Layout(max(0.0, min(down / size[0], across / size[1])), rows, columns)
