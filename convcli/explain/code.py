"""Code that computes the same, in NumPy, PyTorch or convcli."""

from __future__ import annotations

from typing import Any

from convcli.explain.algebra import number_text
from convcli.explain.notation import Cells
from convcli.explain.positions import shown
from convcli.explain.setting import Setting

NUMPY_PADS = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
TORCH_PADS = {"zeros": "constant"}

CORRELATE = """\
span = [dilation[k] * (weight.shape[2 + k] - 1) + 1 for k in (0, 1)]
size = [(padded.shape[1 + k] - span[k]) // stride[k] + 1 for k in (0, 1)]
out = np.zeros((len(weight), *size))
for row in range(size[0]):
    for column in range(size[1]):
        top, left = row * stride[0], column * stride[1]
        window = padded[:, top : top + span[0] : dilation[0], left : left + span[1] : dilation[1]]
        out[:, row, column] = (weight * window).sum((1, 2, 3))
print(out)"""

SCATTER = """\
span = [dilation[k] * (weight.shape[2 + k] - 1) + 1 for k in (0, 1)]
for row in range(image.shape[1]):
    for column in range(image.shape[2]):
        top, left = row * stride[0], column * stride[1]
        # Each input scales the kernel; overlaps are summed.
        full[
            :, top : top + span[0] : dilation[0], left : left + span[1] : dilation[1]
        ] += np.tensordot(image[:, row, column], weight, 1)"""


def setting_code(setting: Setting, language: str) -> list[str]:
    """Return code that computes a setting; letters are set to 1, 2, 3, …"""
    setting = setting.with_numbers()
    makers = {"numpy": _numpy, "pytorch": _pytorch, "convcli": _convcli}
    return makers[language](setting)


def _letters(setting: Setting) -> list[str]:
    names: dict[str, None] = {}
    for grid in setting.cells:
        for cell in grid.flat:
            names |= dict.fromkeys(sorted(cell.symbols))
    if not names:
        return []
    lines, values = [], list(names)
    for start in range(0, len(values), 10):
        part = values[start : start + 10]
        numbers = ", ".join(str(start + k + 1) for k in range(len(part)))
        lines.append(f"{', '.join(_identifier(name) for name in part)} = {numbers}")
    return lines


def _identifier(name: str) -> str:
    return name.replace("'", "_prime").translate(str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789"))


def nested(values: Any, write: Any) -> str:
    """Return an array as Python lists."""
    if getattr(values, "ndim", 0) == 0:
        return str(write(values))
    return f"[{', '.join(nested(value, write) for value in values)}]"


def _cell(cell: Any) -> str:
    """Return a cell as Python code: a number, a name, or a product of both."""
    parts = []
    for names, coefficient in cell.terms:
        factors = [_identifier(name) for name in names]
        if coefficient != 1 or not factors:
            factors.insert(0, number_text(coefficient))
        parts.append(" * ".join(factors))
    return " + ".join(parts) or "0"


def _array(name: str, cells: Cells, call: str, note: str) -> list[str]:
    text = nested(cells, _cell)
    line = f"{name} = {call.format(text)}  # {note}"
    if len(line) <= 100:
        return [line]
    # One row per line.
    rows = text.replace("], [", "],\n    [")
    return [f"# {note}", f"{name} = {call.format(rows)}"]


def _shape_note(setting: Setting) -> tuple[str, str]:
    rotated = ", rotated by 180°" if setting.flip else ""
    return "(C, H, W)", f"(F, C, Hf, Wf){rotated}"


def _numpy(setting: Setting) -> list[str]:
    input, kernel = setting.cells
    first, second = _shape_note(setting)
    if setting.transpose:
        first, second = "(F, H, W)", second
    top, left, bottom, right = setting.pads
    lines = ["import numpy as np", "", *_letters(setting)]
    lines += _array("image", input, "np.array({}, float)", first)
    lines += _array("weight", kernel, "np.array({}, float)", second)
    lines += [f"stride, dilation = {setting.stride}, {setting.dilation}"]
    if not setting.transpose:
        mode = NUMPY_PADS[setting.pad_mode]
        how = "" if mode == "constant" else f', "{mode}"'
        lines.append(f"padded = np.pad(image, ((0, 0), ({top}, {bottom}), ({left}, {right})){how})")
        return [*lines, *CORRELATE.split("\n")]
    channels, height, width = setting.output
    whole = _whole(setting)
    rows, columns = max(whole[0], top + height), max(whole[1], left + width)
    lines.append(f"full = np.zeros(({channels}, {rows}, {columns}))")
    lines += SCATTER.split("\n")
    lines.append("# The pad is cropped away.")
    lines.append(f"out = full[:, {top} : {top + height}, {left} : {left + width}]")
    return [*lines, "print(out)"]


def _whole(setting: Setting) -> list[int]:
    """Return the size of a transposed convolution's result before cropping."""
    return [
        (setting.input.shape[1 + k] - 1) * setting.stride[k]
        + setting.dilation[k] * (setting.kernel.shape[2 + k] - 1)
        + 1
        for k in (0, 1)
    ]


def _pytorch(setting: Setting) -> list[str]:
    input, kernel = setting.cells
    first, second = _shape_note(setting)
    name = "conv_transpose2d" if setting.transpose else "conv2d"
    top, left, bottom, right = setting.pads
    is_even = top == bottom and left == right
    extra = setting.output_padding
    allowed = all(extra[k] < max(setting.stride[k], setting.dilation[k]) for k in (0, 1))
    is_direct = is_even and allowed and (setting.transpose or setting.pad_mode == "zeros")
    lines = ["import torch"]
    lines.append(f"from torch.nn.functional import {name}" + ("" if is_direct else ", pad"))
    lines += ["", *_letters(setting)]
    call = "torch.tensor([{}], dtype=torch.float64)"
    lines += _array("image", input, call, f"(N, {first[1:]}")
    lines += _array("weight", kernel, "torch.tensor({}, dtype=torch.float64)", second)
    steps = f"stride={setting.stride}, dilation={setting.dilation}"
    if is_direct:
        more = f", output_padding={extra}" if any(extra) else ""
        lines.append(f"out = {name}(image, weight, {steps}, padding=({top}, {left}){more})")
    elif not setting.transpose:
        size = (input.shape[1], input.shape[2])
        padding = torch_padding("image", setting.pads, setting.pad_mode, size)
        if "pad(" not in padding[-1]:
            lines[1] = f"from torch.nn.functional import {name}"
        lines += padding
        lines.append(f"out = {name}(padded, weight, {steps})")
    else:
        _, height, width = setting.output
        whole = _whole(setting)
        below, beside = max(0, top + height - whole[0]), max(0, left + width - whole[1])
        lines.append(f"full = {name}(image, weight, {steps})")
        if below or beside:
            lines.append(f"full = pad(full, (0, {beside}, 0, {below}))")
        else:
            lines[1] = f"from torch.nn.functional import {name}"
        lines.append(f"out = full[:, :, {top} : {top + height}, {left} : {left + width}]")
    return [*lines, "print(out[0])"]


def torch_padding(
    batch: str, pads: tuple[int, int, int, int], pad_mode: str, size: tuple[int, int]
) -> list[str]:
    """Return code that sets ``padded``, by indices for pads wider than PyTorch's ``pad`` allows."""
    top, left, bottom, right = pads
    # Reflection does not repeat the edge.
    most = {"reflect": -1, "circular": 0}.get(pad_mode)
    if most is None or all(
        max(pads[k], pads[k + 2]) <= length + most for k, length in enumerate(size)
    ):
        mode = TORCH_PADS.get(pad_mode, pad_mode)
        return [f'padded = pad({batch}, ({left}, {right}, {top}, {bottom}), mode="{mode}")']
    rows, columns = (
        [shown(place, length, pad_mode) for place in range(-pads[k], length + pads[k + 2])]
        for k, length in enumerate(size)
    )
    return [
        f"# The padding is wider than pad(..., mode={pad_mode!r}) allows.",
        f"rows = {rows}",
        f"columns = {columns}",
        f"padded = ({batch})[:, :, rows][..., columns]",
    ]


def _convcli(setting: Setting) -> list[str]:
    input, kernel = setting.cells
    first, second = _shape_note(setting)
    name = "conv_transpose2d" if setting.transpose else "conv2d"
    options = [f"stride={setting.stride}", f"dilation={setting.dilation}", f"pad={setting.pads}"]
    if setting.pad_mode != "zeros":
        options.append(f'pad_mode="{setting.pad_mode}"')
    if any(setting.output_padding):
        options.append(f"output_padding={setting.output_padding}")
    return [
        "import numpy as np",
        f"from convcli import {name}",
        "",
        *_letters(setting),
        *_array("image", input, "np.array({}, float)", first),
        *_array("weight", kernel, "np.array({}, float)", second),
        f"out = {name}(image, weight, {', '.join(options)})",
        "print(out)",
    ]


def numbers(values: Any) -> str:
    """Return an array of floats as lists, whole numbers without a decimal point."""
    return nested(values, lambda value: f"{float(value):.17g}")
