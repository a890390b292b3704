"""The full text about one convolution."""

from __future__ import annotations

from convcli.explain.cells import cell_lines
from convcli.explain.coverage import coverage_lines
from convcli.explain.gradients import gradient_lines
from convcli.explain.matrix import matrix_lines
from convcli.explain.setting import Setting
from convcli.explain.sizes import size_lines
from convcli.explain.text import Line, Lines, heading, indented, paragraph


def explanation(setting: Setting, *, matrix: bool = False, gradients: bool = False) -> Lines:
    """Return the text about a convolution, in the order of the lesson.

    If cells are given, as letters or numbers, every output is written out. ``matrix`` and
    ``gradients`` add the matrix and the gradients, with letters for cells that are not given.
    """
    lines = [Line(setting.title, "title")]
    lines += size_lines(setting)
    lines += coverage_lines(setting)
    if setting.has_cells or (setting.input.cells is not None or setting.kernel.cells is not None):
        lines += cell_lines(setting.with_letters())
        lines += _rotation(setting)
    if matrix:
        lines += matrix_lines(setting)
    if gradients:
        lines += gradient_lines(setting)
    return lines


def _rotation(setting: Setting) -> Lines:
    lines = heading("Flip or not?")
    if setting.transpose:
        text = (
            "Each input scales the kernel as it is. The gathering form, which slides a kernel over "
            "the input with zeros between its cells, uses the kernel rotated by 180°."
        )
    elif setting.flip:
        text = (
            "The kernel was rotated by 180° (--flip): this is convolution in the mathematical "
            "sense. Neural networks do not rotate it, nor do filters unless their flip is true."
        )
    else:
        text = (
            "The kernel was not rotated: this is cross-correlation, which is called convolution in "
            "neural networks. --flip rotates it by 180°: convolution in the mathematical sense."
        )
    return lines + paragraph(text)


def hint(setting: Setting) -> Lines:
    """Return a last line about what else can be shown."""
    if setting.has_cells:
        return []
    return [
        Line(""),
        *indented(["--matrix and --gradients write it out in letters; --animate shows the steps."]),
    ]
