"""Which inputs an output reads, how many terms it sums, and whether that number is even."""

from __future__ import annotations

from convcli.explain.setting import Axis, Setting
from convcli.explain.text import (
    WIDTH,
    Line,
    Lines,
    grid,
    heading,
    indented,
    paragraph,
    plural,
    width,
)

_MOST_ROWS = 12
"""Lines of a drawing of windows; of longer axes the first and last ones are shown."""


def terms_at(axis: Axis, place: int) -> list[tuple[int, int]]:
    """Return (input index, kernel index) of each product that a transposed output sums."""
    found = []
    for u in reversed(range(axis.kernel)):
        reach = place + axis.before - u * axis.dilation
        if reach % axis.stride == 0 and 0 <= reach // axis.stride < axis.size:
            found.append((reach // axis.stride, u))
    return found


def terms_by_phase(axis: Axis) -> list[int]:
    """Return the number of taps of each of the S phases inside a transposed result.

    The result is even if all are equal; for dilation 1, if S divides K.
    """
    counts = [0] * axis.stride
    for u in range(axis.kernel):
        counts[u * axis.dilation % axis.stride] += 1
    return counts


def coverage_lines(setting: Setting) -> Lines:
    """Return the windows of a convolution, or the overlaps of a transposed one."""
    return _overlaps(setting) if setting.transpose else _windows(setting)


def _windows(setting: Setting) -> Lines:
    axes = setting.axes
    lines = heading("Which inputs each output reads")
    same = len(axes) == 2 and axes[0]._replace(name="") == axes[1]._replace(name="")
    for axis in axes[:1] if same else axes:
        side = "row" if axis.name == "H" else "column" if len(axes) == 2 else "cell"
        lines += indented(_window_picture(axis, side))
        lines.append(Line(""))
    if same:
        lines += indented(["Columns: the same."])
        lines.append(Line(""))
    if all(_is_drawn(axis) for axis in axes):
        lines += indented([_legend(setting)])
    return lines


def _legend(setting: Setting) -> str:
    axes = setting.axes
    legend = "# is read"
    if any(axis.before or axis.after for axis in axes):
        what = "zeros" if setting.pad_mode == "zeros" else setting.pad_mode
        legend += f", o is read from the padding ({what})"
    if any(axis.dilation > 1 for axis in axes):
        legend += ", dilation leaves gaps between them"
    return f"{legend}."


def _is_drawn(axis: Axis) -> bool:
    """Whether each window fits into a line, and all of them on a screen."""
    places = axis.before + axis.size + axis.after
    return axis.output <= _MOST_ROWS and places * (len(str(places)) + 1) <= WIDTH - 20


def _window_picture(axis: Axis, side: str) -> list[str]:
    """Draw the windows below each other, one line per output, inputs from left to right."""
    first, last = -axis.before, axis.size + axis.after - 1
    if not _is_drawn(axis):
        return _window_list(axis, side, _selected(axis.output))
    label = f"input {side}"
    cell = max(len(str(last)), len(str(first))) + 1
    margin = len(f"output {side} {axis.output - 1}")
    rows = [label.ljust(margin) + "".join(str(p).rjust(cell) for p in range(first, last + 1))]
    for i in range(axis.output):
        marks = {i * axis.stride + u * axis.dilation - axis.before for u in range(axis.kernel)}
        row = "".join(
            (("#" if 0 <= p < axis.size else "o") if p in marks else "").rjust(cell)
            for p in range(first, last + 1)
        )
        rows.append(f"output {side} {i}".ljust(margin) + row)
    return rows


def _window_list(axis: Axis, side: str, outputs: list[int | None]) -> list[str]:
    rows = []
    for i in outputs:
        if i is None:
            rows.append("…")
            continue
        start = i * axis.stride - axis.before
        stop = start + axis.span - 1
        step = f" in steps of {axis.dilation}" if axis.dilation > 1 and axis.kernel > 1 else ""
        outside = max(0, -start) + max(0, stop - axis.size + 1)
        note = f" ({plural(min(outside, axis.span), 'place')} in the padding)" if outside else ""
        rows.append(f"output {side} {i} reads input {side}s {start} to {stop}{step}{note}")
    return rows


def _selected(count: int) -> list[int | None]:
    if count <= _MOST_ROWS:
        return list(range(count))
    return [0, 1, 2, None, count - 2, count - 1]


def _overlaps(setting: Setting) -> Lines:
    axes = setting.axes
    lines = heading("Overlaps: how many scaled kernels each output sums")
    same = len(axes) == 2 and axes[0]._replace(name="") == axes[1]._replace(name="")
    counts = []
    for axis in axes:
        shown = min(axis.output, 18)
        counts.append([len(terms_at(axis, place)) for place in range(shown)])
    for k, axis in enumerate(axes[:1] if same else axes):
        side = "row" if axis.name == "H" else "column" if len(axes) == 2 else "cell"
        lines += indented(_count_rows(axis, side, counts[k]))
    if same:
        lines += indented(["columns: the same"])
    if len(axes) == 2 and all(len(row) <= 14 for row in counts):
        table = [[str(one * other) for other in counts[1]] for one in counts[0]]
        lines.append(Line(""))
        lines += indented(["rows × columns:", *("  " + row for row in grid(table))])
    lines.append(Line(""))
    # What repeats inside does not depend on sizes and pads.
    alike = len({(axis.kernel, axis.stride, axis.dilation) for axis in axes}) == 1
    for axis in axes[:1] if alike else axes:
        where = "here" if len(axes) == 1 else "along H and W" if alike else f"along {axis.name}"
        lines += _evenness(axis, where)
    return lines


def _count_rows(axis: Axis, side: str, counts: list[int]) -> list[str]:
    more = axis.output > len(counts)
    rows = grid(
        [
            [str(k) for k in range(len(counts))] + ["…"] * more,
            [str(count) for count in counts] + ["…"] * more,
        ]
    )
    names = (f"output {side}", "terms")
    margin = width(names) + 2
    return [name.ljust(margin) + row for name, row in zip(names, rows, strict=True)]


def _evenness(axis: Axis, where: str) -> Lines:
    by_phase = terms_by_phase(axis)
    stride, kernel = axis.stride, axis.kernel
    if stride == 1:
        return paragraph(
            f"Stride 1: inside, every output sums {kernel} terms {where}; only the edges sum fewer."
        )
    if len(set(by_phase)) == 1:
        return paragraph(
            f"Even: inside, every output sums {plural(by_phase[0], 'term')} {where}, because the "
            f"kernel size {kernel} is a multiple of the stride {stride}. Overlaps cause no "
            "checkerboard; uneven weights still can.",
            "result",
        )
    pattern = ", ".join(str(count) for count in by_phase[:12]) + (", …" if stride > 12 else "")
    why = (
        f"the kernel size {kernel} is not a multiple of the stride {stride}"
        if kernel % stride
        else f"the dilation {axis.dilation} and the stride {stride} have a common factor"
    )
    board = "stripes" if where == "here" else "a checkerboard"
    lines = paragraph(
        f"Uneven {where}: inside, outputs sum {pattern} terms in turn, because {why}. Sums of "
        f"more terms are brighter: {board}.",
        "note",
    )
    if kernel % stride:
        near = sorted({max(1, kernel // stride) * stride, -(-kernel // stride) * stride})
        lines += paragraph(
            f"Kernels of {' or '.join(map(str, near))} would be even; `upsample --normalize` "
            "divides by the transposed convolution of ones, which makes it even."
        )
    else:
        lines += paragraph(
            "`upsample --normalize` divides by the transposed convolution of ones, which makes it "
            "even if every output sums at least one term."
        )
    return lines
