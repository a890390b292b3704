"""Notation of sizes, numbers and letters: ``5x5``, ``a b; c d``, ``[[1, 2], [3, 4]]``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from convcli.errors import PlanError
from convcli.explain.algebra import Expression

Cells: TypeAlias = NDArray[Any]
"""Expressions: (C, H, W) of an input, (F, C, Hf, Wf) of a kernel."""

MOST_CELLS = 400
"""Cells of an input or kernel that can be given, or are written out, at most."""

MOST_LETTERS = 13
"""Cells that get letters of the alphabet (half of it) at most; more are numbered."""

MOST_NUMBERS = 10_000
"""Cells that are filled with example numbers at most."""

_SIZE = re.compile(r"\d{1,9}([x×]\d{1,9})*", re.ASCII)
_NUMBER = r"(?:\d{1,12}(?:\.\d{0,12})?|\.\d{1,12})(?:/\d{1,12})?"
_CELL = re.compile(rf"([+-]?)({_NUMBER})?([^\W\d_]_?[0-9]{{0,2}}'{{0,2}})?")
ALPHABET = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Grid:
    """An input or a kernel: its shape, and its cells if they are given.

    ``shape`` is (C, H, W) of an input, (F, C, Hf, Wf) of a kernel; ``channels_given`` is the number
    of leading axes that were given. ``is_row``: one dimension was given.
    """

    shape: tuple[int, ...]
    cells: Cells | None
    is_row: bool
    channels_given: int = 0

    @property
    def count(self) -> int:
        """The number of cells."""
        return int(np.prod([int(length) for length in self.shape], dtype=object))

    def with_cells(self, cells: Cells) -> Grid:
        """Return the grid with these cells."""
        return replace(self, cells=cells)


def parse_input(text: str) -> Grid:
    """Return an input: ``W``, ``HxW``, ``CxHxW``, or its cells. Raises :class:`PlanError`."""
    return _parse(text, "--input", 3)


def parse_kernel(text: str) -> Grid:
    """Return a kernel: ``Wf``, ``HfxWf``, ``CxHfxWf``, ``FxCxHfxWf``, or its cells."""
    return _parse(text, "--kernel", 4)


def _parse(text: str, option: str, axes: int) -> Grid:
    text = text.strip()
    if _SIZE.fullmatch(text):
        sizes = tuple(int(number) for number in re.split("[x×]", text))
        if len(sizes) > axes or 0 in sizes:
            raise PlanError(
                f"{option} {text}: a size has 1 to {axes} numbers from 1 up, such as 5x5"
            )
        shape = (1,) * (axes - len(sizes)) + sizes
        return Grid(shape, None, len(sizes) == 1, max(0, len(sizes) - 2))
    nested = _nested(text, option, axes)
    cells = np.empty(_shape(nested, option, axes), dtype=object)
    for index in np.ndindex(cells.shape):
        item: Any = nested
        for k in index:
            item = item[k]
        cells[index] = _cell(item, option)
    if cells.size > MOST_CELLS:
        raise PlanError(f"{option} has {cells.size} cells, more than {MOST_CELLS}: give a size")
    is_row = ";" not in _plain(text)
    return Grid(cells.shape, cells, is_row, axes - 2)


def _plain(text: str) -> str:
    """Return lists as text in which ``;`` separates rows, ``|`` channels and ``||`` filters."""
    for level, separator in ((4, "||"), (3, "|"), (2, ";")):
        inner = level - 1
        text = re.sub(
            r"\]" + r"\s*\]" * (inner - 1) + r"\s*,?\s*" + r"\[\s*" * (inner - 1) + r"\[",
            separator,
            text,
        )
    return re.sub(r"[\[\]()]", " ", text)


def _nested(text: str, option: str, axes: int) -> list[Any]:
    plain = _plain(text)
    filters = plain.split("||") if axes == 4 else [plain]
    if axes == 3 and "||" in plain:
        raise PlanError("--input has channels, separated by |, and no filters")
    nested = [
        [
            [row.replace(",", " ").split() for row in channel.split(";")]
            for channel in one.split("|")
        ]
        for one in filters
    ]
    return nested if axes == 4 else nested[0]


def _shape(nested: Sequence[Any], option: str, axes: int) -> tuple[int, ...]:
    names = ("filter", "channel", "row", "cell")
    shape: list[int] = []
    level: list[tuple[str, Any]] = [("", nested)]
    for name in names[4 - axes :]:
        for where, items in level:
            if not items:
                place = where.removeprefix(", ") or "it"
                raise PlanError(
                    f"{option}: {place} is empty: give a size (5x5) or cells (a b; c d)"
                )
            if len(items) != len(level[0][1]):
                raise PlanError(
                    f"{option}{where} has {len(items)} {name}s and the first has "
                    f"{len(level[0][1])}: all are equally long"
                )
        shape.append(len(level[0][1]))
        level = [
            (f"{where}, {name} {k}", item)
            for where, items in level
            for k, item in enumerate(items, 1)
        ]
    return tuple(shape)


def _cell(text: str, option: str) -> Expression:
    match = _CELL.fullmatch(text)
    if not match or not (match[2] or match[3]):
        raise PlanError(
            f"{option}: {text!r} is not a cell: give a number (2, -0.5, 1/3) or a letter (a, x1, "
            "-b, 2c), with spaces between cells and ; between rows"
        )
    sign, number, name = match.groups()
    try:
        value = Fraction(number or 1) if number != "." else Fraction(0)
    except ZeroDivisionError:
        raise PlanError(f"{option}: {text!r} divides by zero") from None
    except ValueError:  # 1.5/2, which Fraction does not read
        top, _, bottom = number.partition("/")
        if not int(bottom):
            raise PlanError(f"{option}: {text!r} divides by zero") from None
        value = Fraction(top) / int(bottom)
    constant = Expression.number(-value if sign == "-" else value)
    return constant * Expression.symbol(name) if name else constant


def named(grid: Grid, letter: str, taken: Iterable[str], *, from_end: bool = False) -> Grid:
    """Return a grid with a symbol in each cell: letters if there are enough, else ``letter``₀₀.

    ``from_end`` takes the last letters of the alphabet, as for a kernel. Raises :class:`PlanError`
    for more cells than there are symbols.
    """
    if grid.cells is not None:
        return grid
    free = [name for name in ALPHABET if name not in set(taken)]
    count = grid.count
    if count <= min(len(free), MOST_LETTERS):
        names = free[-count:] if from_end else free[:count]
    else:
        names = subscripted(letter, grid.shape)
    cells = np.empty(grid.shape, dtype=object)
    for index, name in zip(np.ndindex(*grid.shape), names, strict=True):
        cells[index] = Expression.symbol(name)
    return grid.with_cells(cells)


def subscripted(letter: str, shape: Sequence[int]) -> list[str]:
    """Return the names ``x₀₀``, ``x₀₁``, … of all cells of a shape. Raises :class:`PlanError`."""
    count = int(np.prod(shape))
    is_plane = sum(length > 1 for length in shape) > 1
    if count > MOST_CELLS or (max(shape) > 10 and is_plane):
        raise PlanError(
            f"there are not enough letters for {count} cells: the alphabet has 26, and numbered "
            "ones go up to 10 a side; use a smaller size, or leave out what needs letters"
        )
    return [letter + subscript(index, shape) for index in np.ndindex(*shape)]


def subscript(index: Sequence[int], shape: Sequence[int]) -> str:
    """Return an index as subscript digits, without axes of length 1."""
    kept = [k for k, length in zip(index, shape, strict=True) if length > 1]
    return "".join(str(k) for k in kept or [0]).translate(_SUBSCRIPTS)


_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")

_INPUT_NUMBERS = (
    "1 2 0 3 1 2 1",
    "3 4 1 0 2 1 0",
    "2 0 1 3 1 0 2",
    "0 1 2 1 3 2 1",
    "1 3 0 2 1 1 2",
)
_KERNEL_NUMBERS = ("1 2 0 1 -1", "0 1 2 -1 1", "2 0 1 1 0", "-1 1 0 2 1", "1 -1 1 0 2")


def numbered(grid: Grid, *, kernel: bool = False) -> Grid:
    """Return a grid with a small number in each cell, always the same ones."""
    if grid.cells is not None:
        return grid
    if grid.count > MOST_NUMBERS:
        raise PlanError(
            f"{grid.count:,} cells are too many for example numbers: {MOST_NUMBERS:,} are the most"
        )
    rows = example_numbers(kernel=kernel)
    cells = np.empty(grid.shape, dtype=object)
    for index in np.ndindex(*grid.shape):
        *channels, y, x = index
        row = rows[(y + sum(channels)) % len(rows)]
        cells[index] = Expression.number(row[(x + 2 * sum(channels)) % len(row)])
    return grid.with_cells(cells)


def example_numbers(*, kernel: bool) -> list[list[int]]:
    """Return the example numbers for cells that are not given, repeated along both axes."""
    rows = _KERNEL_NUMBERS if kernel else _INPUT_NUMBERS
    return [[int(number) for number in row.split()] for row in rows]
