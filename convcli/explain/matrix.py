"""A convolution as a matrix, its transpose, and the products with both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli import conv_matrix, conv_output_size
from convcli.errors import PlanError
from convcli.explain.algebra import Expression
from convcli.explain.cells import ZERO
from convcli.explain.notation import ALPHABET, Cells, subscripted
from convcli.explain.setting import Setting
from convcli.explain.text import (
    WIDTH,
    Line,
    Lines,
    beside,
    bracketed,
    heading,
    indented,
    paragraph,
    width,
    wrapped,
)
from convcli.system.atomic_files import check_target, replacing

MOST_COLUMNS = 40
MOST_ENTRIES = 10_000_000


def matrix_of(setting: Setting) -> Cells:
    """Return A, outputs × inputs, with ``A @ input.ravel()`` the raveled result."""
    _, kernel = setting.cells
    rows = int(np.prod(setting.output))
    matrix = np.full((rows, setting.input.count), ZERO, dtype=object)
    for row, index in enumerate(np.ndindex(*setting.output)):
        f, i, j = index
        for tap in setting.taps((f, i, j)):
            if tap.source is not None:
                column = np.ravel_multi_index(tap.source, setting.input.shape)
                matrix[row, column] = matrix[row, column] + kernel[tap.weight]
    return matrix


def numeric_matrix(setting: Setting) -> NDArray[np.float64]:
    """Return :func:`matrix_of` as numbers. Raises :class:`PlanError` if the kernel has letters."""
    rows = int(np.prod([int(k) for k in setting.output], dtype=object))
    if rows * setting.input.count > MOST_ENTRIES:
        raise PlanError(
            f"the matrix would be {rows:,}×{setting.input.count:,}: at most {MOST_ENTRIES:,} "
            "entries are computed"
        )
    cells = setting.kernel_with_numbers().cells
    assert cells is not None
    if any(not cell.is_number for cell in cells.flat):
        raise PlanError("a .npy file holds numbers: give the kernel's weights as numbers")
    weight = np.array([cell.value() for cell in cells.flat]).reshape(cells.shape)
    options: dict[str, Any] = {"stride": setting.stride, "dilation": setting.dilation}
    options |= {"pad": setting.pads, "pad_mode": setting.pad_mode}
    image = setting.output if setting.transpose else setting.input.shape
    matrix = np.asarray(conv_matrix(weight, (image[0], image[1], image[2]), **options), np.float64)
    if not setting.transpose:
        return matrix
    # With output padding beyond the stride, the convolution has more outputs than cells here.
    size = conv_output_size(
        (image[1], image[2]), (cells.shape[2], cells.shape[3]), **_without_mode(options)
    )
    maps = matrix.reshape(cells.shape[0], *size, matrix.shape[1])
    _, height, width = setting.input.shape
    return maps[:, :height, :width].reshape(-1, matrix.shape[1]).T


def _without_mode(options: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key != "pad_mode"}


def matrix_lines(setting: Setting) -> Lines:
    """Return the matrix, its transpose, and the products with the input and with an output."""
    rows = int(np.prod([int(k) for k in setting.output], dtype=object))
    columns = setting.input.count
    if max(rows, columns) > MOST_COLUMNS:
        raise PlanError(
            f"the matrix is {rows:,}×{columns:,}: it and its transpose are printed up to "
            f"{MOST_COLUMNS} columns; use a smaller size, or --matrix -o FILE.npy for the numbers"
        )
    setting = setting.with_letters()
    matrix = matrix_of(setting)
    one, other = ("Mᵀ", "M") if setting.transpose else ("M", "Mᵀ")
    lines = heading("Matrix")
    if setting.transpose:
        lines += paragraph(
            "M is the matrix of the convolution that this one transposes: out = Mᵀ·in."
        )
    else:
        lines += paragraph("out = M·in, both written row by row as one column; back = Mᵀ·out.")
    lines.append(Line(""))
    left = [f"{one} ({rows}×{columns})", *_printed(matrix)]
    right = [f"{other} ({columns}×{rows})", *_printed(matrix.T)]
    together = beside(left, right)
    lines += indented(together if width(together) <= WIDTH - 2 else [*left, "", *right])
    input = setting.cells[0].ravel()
    lines += _product(f"{one}·in", matrix, input)
    symbols = _output_symbols(setting, rows)
    lines += _product(f"{other}·out", matrix.T, symbols)
    pads = sum(setting.pads)
    if pads and not setting.transpose and setting.is_row and setting.pad_mode == "zeros":
        padded = " ".join(["0"] * setting.pads[1] + [str(cell) for cell in input])
        padded += " 0" * setting.pads[3]
        lines.append(Line(""))
        lines += paragraph(
            f"Textbooks often show the matrix of the padded input, {rows}×{columns + pads}, whose "
            f"transpose gives the border too: --input '{padded}' --pad 0."
        )
    return lines


def _output_symbols(setting: Setting, count: int) -> list[Expression]:
    taken = {name for grid in setting.cells for cell in grid.flat for name in cell.symbols}
    names = [f"{letter}'" for letter in ALPHABET[:count]]
    if count > len(names) or taken & set(names):
        names = subscripted("y", (count,))
    return [Expression.symbol(name) for name in names]


def _printed(matrix: Cells) -> list[str]:
    texts = [[str(cell) for cell in row] for row in matrix]
    lines = bracketed(texts)
    if width(lines) <= WIDTH - 2:
        return lines
    # In blocks of as many columns as fit into a line.
    longest = max(len(text) for row in texts for text in row) + 2
    step = (WIDTH - 6) // longest
    blocks: list[str] = []
    for start in range(0, len(texts[0]), step):
        stop = min(start + step, len(texts[0]))
        blocks += [f"columns {start} to {stop - 1}", *bracketed([row[start:stop] for row in texts])]
    return blocks


def _product(name: str, matrix: Cells, vector: Cells | list[Expression]) -> Lines:
    results = [
        str(Expression.sum(entry * weight for entry, weight in zip(vector, row, strict=True)))
        for row in matrix
    ]
    column = bracketed([[str(entry)] for entry in vector])
    listed = [f"row {k}: {text}" for k, text in enumerate(results)]
    lines = heading(f"{name} written out")
    factors = [f"{'in' if name.endswith('in') else 'out'}", *column]
    together = beside(factors, [name, *listed])
    if width(together) <= WIDTH - 2:
        return lines + indented(together)
    for text in listed:
        lines += [Line(line) for line in wrapped(text, 2, 10)]
    return lines


def write_matrix(setting: Setting, path: Path, *, overwrite: bool = False) -> None:
    """Write :func:`numeric_matrix` as a ``.npy`` file. Raises PlanError and ImageError."""
    if path.suffix.lower() != ".npy":
        raise PlanError(f"{path}: a matrix of numbers is written as .npy")
    check_target(path, overwrite)
    matrix = numeric_matrix(setting)
    with replacing(path, overwrite) as file:
        np.save(file, matrix, allow_pickle=False)
