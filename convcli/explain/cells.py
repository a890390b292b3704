"""Results written out cell by cell: every product of every sum, in letters or numbers."""

from __future__ import annotations

import numpy as np

from convcli.errors import PlanError
from convcli.explain.algebra import Expression, factor_text
from convcli.explain.notation import MOST_CELLS, Cells
from convcli.explain.setting import Setting, output_cells
from convcli.explain.text import (
    WIDTH,
    Line,
    Lines,
    beside,
    bracketed,
    heading,
    indented,
    width,
    wrapped,
)

ZERO = Expression.number(0)


def cell_lines(setting: Setting) -> Lines:
    """Return input, kernel, the sum of every output, and the result."""
    count = int(np.prod([int(length) for length in setting.output], dtype=object))
    if count > MOST_CELLS:
        raise PlanError(
            f"the result has {count} cells: at most {MOST_CELLS} are written out; "
            "give sizes (5x5) instead of cells"
        )
    input, kernel = setting.cells
    result = output_cells(setting)
    lines = heading("Cell by cell")
    # The kernel is shown as it is multiplied: flipped, if --flip is given.
    label = "kernel, flipped" if setting.flip else "kernel"
    lines += indented(
        _beside(["input", *_blocks(input)], [label, *(_filters(kernel))], is_row=setting.is_row)
    )
    lines.append(Line(""))
    for index in np.ndindex(*setting.output):
        f, i, j = index
        text = f"{output_name(setting, (f, i, j))} = {sum_text(setting, (f, i, j))}"
        lines += [Line(line) for line in wrapped(text, 2, 10)]
    lines += heading("Result")
    blocks = _blocks(result)
    if width(blocks) > WIDTH - 2:
        lines += indented(["It is too wide to print as rows: the cells are above."])
    else:
        lines += indented(blocks, "result")
    return lines


def _beside(left: list[str], right: list[str], *, is_row: bool) -> list[str]:
    if is_row and len(left) == len(right) == 2:
        margin = width([left[0], right[0]]) + 2
        return [left[0].ljust(margin) + left[1], right[0].ljust(margin) + right[1]]
    together = beside(left, right)
    return together if width(together) <= WIDTH - 2 else [*left, *right]


def output_name(setting: Setting, index: tuple[int, int, int]) -> str:
    """Return ``out[i]``, ``out[i,j]`` or ``out[f,i,j]``."""
    channel, i, j = index
    parts = ([channel] if setting.output[0] > 1 else []) + ([j] if setting.is_row else [i, j])
    return f"out[{','.join(map(str, parts))}]"


def sum_text(setting: Setting, index: tuple[int, int, int]) -> str:
    """Return the sum of one output: its products, and its value if that is written differently."""
    input, kernel = setting.cells
    written = []
    total = []
    for tap in setting.taps(index):
        cell = ZERO if tap.source is None else input[tap.source]
        written.append(_product_text(cell, kernel[tap.weight]))
        total.append(cell * kernel[tap.weight])
    products = " + ".join(written) or "0"
    value = str(Expression.sum(total))
    if products == value:
        return value
    return f"{products} = {value}" if written else "0 (no kernel reaches it)"


def _product_text(cell: Expression, weight: Expression) -> str:
    product = str(cell * weight)
    one, two = factor_text(cell), factor_text(weight)
    # A product of two letters is written without a dot.
    if cell.symbols and weight.symbols and product == f"{one}{two}":
        return product
    return f"{one}·{two}"


def _filters(kernel: Cells) -> list[str]:
    blocks = [_blocks(one) for one in kernel]
    lines = blocks[0]
    for block in blocks[1:]:
        lines = [*lines, "", *block]
    return lines


def _blocks(cells: Cells) -> list[str]:
    """Return (C, H, W) as lines, channels below each other."""
    lines: list[str] = []
    for channel in cells:
        if lines:
            lines.append("")
        if len(channel) == 1:
            lines.append(f"[{', '.join(map(str, channel[0]))}]")
        else:
            lines += bracketed([[str(cell) for cell in row] for row in channel])
    return lines
