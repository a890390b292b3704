"""The size of a result: the formula in symbols, then in numbers, and its inverse."""

from __future__ import annotations

from convcli.explain.setting import Axis, Setting
from convcli.explain.text import Line, Lines, heading, indented, paragraph, size_text


def size_lines(setting: Setting) -> Lines:
    """Return the computation of the output size, axis by axis."""
    axes = setting.axes
    lines = heading("Size")
    formula = _transposed if setting.transpose else _forward
    lines += indented(formula(axes[0]))
    if len(axes) > 1:
        first, second = axes
        if first._replace(name="") == second._replace(name=""):
            lines += indented([f"W_out is the same: {second.output}"])
        else:
            lines += indented(formula(second))
    lines += _channel_lines(setting)
    for axis in axes[:1] if _alike(axes) else axes:
        lines += _transposed_notes(axis) if setting.transpose else _forward_notes(axis)
    return lines


def _alike(axes: tuple[Axis, ...]) -> bool:
    return len({axis._replace(name="") for axis in axes}) == 1


def _pads(axis: Axis) -> tuple[str, str]:
    """Return the pads in symbols and in numbers."""
    if axis.before == axis.after:
        return "2P", f"2·{axis.before}"
    names = ("P_left", "P_right") if axis.name == "W" else ("P_top", "P_bottom")
    return " + ".join(names), f"{axis.before} + {axis.after}"


def _forward(axis: Axis) -> list[str]:
    name, kernel = axis.name, f"{axis.name}f"
    pads, numbers = _pads(axis)
    return [
        f"{name}_out = floor(({name} + {pads} - (D({kernel} - 1) + 1)) / S) + 1",
        f"      = floor(({axis.size} + {numbers} - ({axis.dilation}·({axis.kernel} - 1) + 1))"
        f" / {axis.stride}) + 1",
        f"      = floor({axis.size + axis.before + axis.after - axis.span} / {axis.stride}) + 1"
        f" = {axis.output}",
    ]


def _transposed(axis: Axis) -> list[str]:
    name, kernel = axis.name, f"{axis.name}f"
    pads, numbers = _pads(axis)
    if axis.before != axis.after:
        pads, numbers = f"({pads})", f"({numbers})"
    whole = (axis.size - 1) * axis.stride + axis.span
    return [
        f"{name}_out = ({name} - 1)S + D({kernel} - 1) + 1 - {pads} + output padding",
        f"      = ({axis.size} - 1)·{axis.stride} + {axis.dilation}·({axis.kernel} - 1) + 1"
        f" - {numbers} + {axis.extra}",
        f"      = {whole} - {axis.before + axis.after} + {axis.extra} = {axis.output}",
    ]


def _channel_lines(setting: Setting) -> Lines:
    filters, depth, height, width = setting.kernel.shape
    if filters == depth == 1:
        return []
    reads, writes = (filters, depth) if setting.transpose else (depth, filters)
    weights = filters * depth * height * width
    products = weights * (
        setting.input.shape[1] * setting.input.shape[2]
        if setting.transpose
        else setting.output[1] * setting.output[2]
    )
    return paragraph(
        f"Channels: {reads} in, {writes} out. The kernel has {size_text(setting.kernel.shape)} = "
        f"{weights:,} weights, and {writes:,} biases if there are any; {products:,} products."
    )


def _forward_notes(axis: Axis) -> Lines:
    lines: Lines = [Line("")]
    side = "row" if axis.name == "H" else "column"
    rest = (axis.size + axis.before + axis.after - axis.span) % axis.stride
    if rest:
        unread = (
            f"the last {side} of the padded input is"
            if rest == 1
            else (f"the last {rest} {side}s of the padded input are")
        )
        lines += paragraph(
            f"It does not divide: floor drops {rest}/{axis.stride}, and {unread} not read. "
            f"{_fitting(axis, rest)} fit exactly.",
            "note",
        )
    lines += paragraph(
        f"Receptive field: one output reads {axis.span} {side}s of the input (D(K - 1) + 1); "
        f"through two such layers {_field(axis, 2)}, through three {_field(axis, 3)}."
    )
    back = (axis.output - 1) * axis.stride + axis.span - axis.before - axis.after
    lines += paragraph(
        f"Back: the transposed convolution of the {axis.output} {side}s gives ({axis.output} - 1)·"
        f"{axis.stride} + {axis.span} - {axis.before + axis.after} = {back}"
        + (
            ", as many as there were: output padding 0."
            if back == axis.size
            else f"; output padding {axis.size - back} restores {axis.size}."
        )
    )
    return lines


def _fitting(axis: Axis, rest: int) -> str:
    smaller, larger = axis.size - rest, axis.size - rest + axis.stride
    return f"Inputs of {smaller} or {larger}" if smaller > 0 else f"Inputs of {larger}"


def _field(axis: Axis, layers: int) -> int:
    """Return the receptive field of a stack of such layers: 1 + D(K - 1)(1 + S + S² + …)."""
    return 1 + (axis.span - 1) * sum(int(axis.stride**k) for k in range(layers))


def _transposed_notes(axis: Axis) -> Lines:
    lines: Lines = [Line("")]
    pads = axis.before + axis.after
    whole = (axis.size - 1) * axis.stride + axis.span
    if pads:
        lines += paragraph(
            f"Padding makes this result smaller: the scaled kernels cover {whole}, and the pad is "
            f"cropped, {axis.before} before and {axis.after} after. It is the pad of the "
            "convolution that this one transposes.",
            "note",
        )
    short = axis.size * axis.stride - axis.output
    if axis.stride > 1 and not axis.extra and 0 < short < max(axis.stride, axis.dilation):
        lines += paragraph(
            f"Often given as S times the input, {axis.size * axis.stride}: that needs output "
            f"padding {short}.",
            "note",
        )
    if axis.extra:
        lines += paragraph(
            f"Output padding {axis.extra} adds at the end only: {axis.output - axis.extra} becomes "
            f"{axis.output}. These cells are computed like the others, and zero only where no "
            "kernel reaches."
        )
    lines += paragraph(
        f"Which map is the input? The input of the transposed convolution ({axis.size}) is what "
        f"the convolution writes, its output ({axis.output}) what the convolution reads."
    )
    base = axis.output - axis.extra
    if axis.stride > 1:
        last = base + axis.stride - 1
        lines += paragraph(
            f"A convolution with this kernel, stride and pad makes {axis.size} of every size from "
            f"{base} to {last}, because floor drops the remainder: output padding "
            f"{', '.join(f'{k} for {base + k}' for k in range(min(axis.stride, 4)))}"
            f"{', …' if axis.stride > 4 else ''} chooses the size to restore."
        )
    return lines
