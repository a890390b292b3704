"""The gradients of a convolution, in symbols: what ``conv2d_backward`` computes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from convcli.explain.algebra import Expression
from convcli.explain.notation import Cells, subscripted
from convcli.explain.setting import Setting
from convcli.explain.text import Line, Lines, heading, paragraph, wrapped


def gradients(setting: Setting) -> tuple[Cells, Cells, Cells]:
    """Return ∂L/∂in, ∂L/∂kernel and ∂L/∂bias, where g is ∂L/∂out.

    They have the shapes of input and kernel, and (channels of the result,).
    """
    setting = setting.with_letters()
    input, kernel = setting.cells
    names = iter(subscripted("g", setting.output))
    to_input: dict[tuple[int, ...], list[Expression]] = {}
    to_kernel: dict[tuple[int, ...], list[Expression]] = {}
    to_bias: dict[tuple[int, ...], list[Expression]] = {}
    for index in np.ndindex(*setting.output):
        f, i, j = index
        g = Expression.symbol(next(names))
        to_bias.setdefault((f,), []).append(g)
        for tap in setting.taps((f, i, j)):
            if tap.source is not None:
                to_input.setdefault(tap.source, []).append(kernel[tap.weight] * g)
                to_kernel.setdefault(tap.weight, []).append(input[tap.source] * g)
    return (
        _summed(to_input, input.shape),
        _summed(to_kernel, kernel.shape),
        _summed(to_bias, setting.output[:1]),
    )


def _summed(parts: dict[tuple[int, ...], list[Expression]], shape: tuple[int, ...]) -> Cells:
    cells = np.empty(shape, dtype=object)
    for index in np.ndindex(*shape):
        cells[index] = Expression.sum(parts.get(index, []))
    return cells


def gradient_lines(setting: Setting) -> Lines:
    """Return the three gradients written out, and which convolutions they are."""
    setting = setting.with_letters()
    to_input, to_kernel, to_bias = gradients(setting)
    input, kernel = setting.cells
    lines = heading("Gradients")
    lines += paragraph(
        "g = ∂L/∂out has the size of the output. Each product of a sum adds g times one factor to "
        "the gradient of the other."
    )
    lines.append(Line(""))
    if setting.transpose:
        lines += paragraph("∂L/∂in: the convolution of g with the same kernel, stride and pad.")
    else:
        lines += paragraph("∂L/∂in: the transposed convolution of g with the same kernel.")
    lines += _listed(to_input, _names(input, "in", setting, flip=False))
    lines.append(Line(""))
    lines += paragraph("∂L/∂kernel: each weight sums g times the inputs that it was multiplied by.")
    lines += _listed(to_kernel, _names(kernel, "kernel", setting, flip=setting.flip))
    lines.append(Line(""))
    lines += paragraph("∂L/∂bias: one sum of g for each output channel.")
    labels = ["∂L/∂bias"] if len(to_bias) == 1 else [f"∂L/∂bias[{f}]" for f in range(len(to_bias))]
    lines += _listed(to_bias, iter(labels))
    lines.append(Line(""))
    lines += paragraph(
        '"Flipped kernel" holds for the gradient in correlation form: with stride 1 it is the '
        "correlation of the padded g with the kernel rotated by 180°. In the sums above the kernel "
        "is not rotated."
        if not setting.transpose
        else "Nothing is flipped: the gradient of a transposed convolution is the convolution.",
        "note",
    )
    return lines


def _listed(cells: Cells, names: Iterator[str]) -> Lines:
    labels = list(names)
    margin = max(map(len, labels))
    lines: Lines = []
    for label, cell in zip(labels, cells.flat, strict=True):
        text = f"{label.ljust(margin)} = {cell}"
        lines += [Line(line) for line in wrapped(text, 4, margin + 7)]
    return lines


def _names(cells: Cells, what: str, setting: Setting, *, flip: bool) -> Iterator[str]:
    """Yield ∂L/∂a for cells that are single, distinct letters, and ∂L/∂in[i,j] for others."""
    symbols = [next(iter(cell.symbols)) if _is_symbol(cell) else None for cell in cells.flat]
    use_letters = None not in symbols and len(set(symbols)) == len(symbols)
    for index, symbol in zip(np.ndindex(*cells.shape), symbols, strict=True):
        if use_letters:
            yield f"∂L/∂{symbol}"
            continue
        *channels, y, x = index
        if flip:
            y, x = cells.shape[-2] - 1 - y, cells.shape[-1] - 1 - x
        shown = [k for k, length in zip(channels, cells.shape[:-2], strict=True) if length > 1]
        shown += [x] if setting.is_row else [y, x]
        yield f"∂L/∂{what}[{','.join(map(str, shown))}]"


def _is_symbol(cell: Expression) -> bool:
    return len(cell.symbols) == 1 and cell == Expression.symbol(next(iter(cell.symbols)))
