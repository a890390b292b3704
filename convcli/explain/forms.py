"""The forms of the computation, each as the steps of an animation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from convcli.errors import PlanError
from convcli.explain.algebra import Expression, factor_text
from convcli.explain.setting import Setting, output_cells
from convcli.explain.steps import Board, Form, Kind, Part, Place, Step
from convcli.explain.text import size_text

MOST_STEPS = 144
MOST_SIDE = 40
"""Cells along a side of a board."""


def parts_of(setting: Setting, forms: tuple[Form, ...] = ()) -> list[Part]:
    """Return the parts of an animation: the convolution, or both forms of its transpose.

    Raises :class:`PlanError` for more channels, cells or steps than can be shown.
    """
    setting = setting.with_numbers()
    if setting.input.shape[0] > 1 or setting.kernel.shape[:2] != (1, 1):
        raise PlanError("an animation shows one channel and one filter: give the kernel of one")
    if not setting.transpose:
        chosen: tuple[Form, ...] = ("convolve",)
    else:
        chosen = forms or ("scatter", "gather")
    makers = {"convolve": _convolve, "scatter": _scatter, "gather": _gather}
    for axis in setting.axes:
        longest = max(
            axis.size + axis.before + axis.after,
            axis.output,
            (axis.size - 1) * axis.stride + axis.span if setting.transpose else 0,
            axis.output + axis.span - 1 if "gather" in chosen else 0,
        )
        if longest > MOST_SIDE:
            raise PlanError(
                f"{longest} cells along {axis.name} are too many to draw: {MOST_SIDE} are the "
                "most; use a smaller size, stride or pad"
            )
    for form in chosen:
        height, width = (setting.input.shape if form == "scatter" else setting.output)[1:]
        if height * width > MOST_STEPS:
            raise PlanError(
                f"the animation would have {height * width} steps: {MOST_STEPS} are the most; use "
                "a smaller input or a larger stride"
            )
    return [makers[form](setting) for form in chosen]


def _board(title: str, size: Place, kind: Any, text: Any) -> Board:
    places = [[(y, x) for x in range(size[1])] for y in range(size[0])]
    return Board(
        title,
        tuple(tuple(kind(place) for place in row) for row in places),
        tuple(tuple(text(place) for place in row) for row in places),
    )


def _places(size: Place) -> Iterator[Place]:
    for y in range(size[0]):
        for x in range(size[1]):
            yield y, x


def _name(what: str, place: Place, setting: Setting) -> str:
    return f"{what}[{place[1]}]" if setting.is_row else f"{what}[{place[0]},{place[1]}]"


def _short(setting: Setting, size: tuple[int, ...]) -> str:
    return str(size[-1]) if setting.is_row else size_text(size)


def _kernel_board(setting: Setting, *, rotated: bool = False) -> Board:
    weights = setting.cells[1][0, 0]
    if rotated:
        weights = weights[::-1, ::-1]
    size = weights.shape[0], weights.shape[1]
    title = f"kernel {_short(setting, size)}" + (", rotated" if rotated else "")
    return _board(title, size, lambda _: "kernel", lambda place: str(weights[place]))


def _size(setting: Setting, shape: tuple[int, ...]) -> Place:
    return shape[-2], shape[-1]


def _convolve(setting: Setting) -> Part:
    input, kernel = setting.cells[0][0], setting.cells[1][0, 0]
    top, left, bottom, right = setting.pads
    height, width = _size(setting, input.shape)
    results = output_cells(setting)[0]
    texts: dict[Place, str] = {}

    def source(place: Place) -> Place | None:
        return setting.shown(place[0] - top, place[1] - left)

    def is_inside(place: Place) -> bool:
        return 0 <= place[0] - top < height and 0 <= place[1] - left < width

    def text(place: Place) -> str:
        cell = source(place)
        return "0" if cell is None else str(input[cell])

    steps = []
    for place in _places(_size(setting, setting.output)):
        read, products = {}, []
        for tap in setting.taps((0, *place)):
            weight = kernel[tap.weight[2:]]
            cell = Expression.number(0) if tap.source is None else input[tap.source[1:]]
            read[tap.position[0] + top, tap.position[1] + left] = str(weight)
            products.append(f"{factor_text(cell)}·{factor_text(weight)}")
        texts = {**texts, place: str(results[place])}
        sums = (f"{_name('out', place, setting)} = {' + '.join(products)} = {results[place]}",)
        steps.append(Step(read, {place: ""}, texts, sums))
    size = (height + top + bottom, width + left + right)
    return Part(
        "convolve",
        "Convolution",
        "The kernel slides over the padded input; each output is a sum of products.",
        _board(
            f"input {_short(setting, input.shape)}",
            size,
            lambda place: "input" if is_inside(place) else "pad",
            text,
        ),
        _kernel_board(setting),
        _board(
            f"output {_short(setting, setting.output[1:])}",
            _size(setting, setting.output),
            lambda _: "output",
            lambda _: "",
        ),
        tuple(steps),
    )


def _scatter(setting: Setting) -> Part:
    input, kernel = setting.cells[0][0], setting.cells[1][0, 0]
    height, width = _size(setting, input.shape)
    pads, stride, dilation = setting.pads, setting.stride, setting.dilation
    output = _size(setting, setting.output)
    whole = [
        (length - 1) * stride[k] + dilation[k] * (kernel.shape[k] - 1) + 1
        for k, length in enumerate((height, width))
    ]
    size = (max(whole[0], pads[0] + output[0]), max(whole[1], pads[1] + output[1]))

    def kind(place: Place) -> Kind:
        inside = [place[k] - pads[k] for k in (0, 1)]
        if any(not 0 <= inside[k] < output[k] for k in (0, 1)):
            return "crop"
        extra = setting.output_padding
        return "extra" if any(inside[k] >= output[k] - extra[k] for k in (0, 1)) else "output"

    values: dict[Place, Expression] = {}
    steps = []
    for place in _places((height, width)):
        cell = input[place]
        written: dict[Place, str] = {}
        sums: list[str] = []
        for tap in _places(_size(setting, kernel.shape)):
            at = (
                place[0] * stride[0] + tap[0] * dilation[0],
                place[1] * stride[1] + tap[1] * dilation[1],
            )
            before = values.get(at)
            product = f"{factor_text(cell)}·{factor_text(kernel[tap])}"
            values[at] = (before or Expression.number(0)) + cell * kernel[tap]
            written[at] = f"+{factor_text(cell * kernel[tap])}"
            if kind(at) != "crop":
                name = _name("" if sums else "out", (at[0] - pads[0], at[1] - pads[1]), setting)
                start = "" if before is None else f"{factor_text(before)} + "
                sums.append(f"{name} = {start}{product} = {values[at]}")
        results = {at: str(value) for at, value in values.items()}
        lead = f"{_name('in', place, setting)} = {cell} times the kernel:"
        written_sums = tuple(f"{one};" for one in sums[:-1]) + tuple(sums[-1:])
        texts = (lead, *(written_sums or ("all of it is cropped",)))
        steps.append(Step({place: ""}, written, results, texts))
    return Part(
        "scatter",
        "Transposed convolution, scattering",
        "Each input scales the kernel; the copies are placed a stride apart and summed.",
        _board(
            f"input {_short(setting, input.shape)}",
            (height, width),
            lambda _: "input",
            lambda place: str(input[place]),
        ),
        _kernel_board(setting),
        _board(f"output {_short(setting, output)}", size, kind, lambda _: ""),
        tuple(steps),
    )


def _gather(setting: Setting) -> Part:
    input, kernel = setting.cells[0][0], setting.cells[1][0, 0]
    height, width = _size(setting, input.shape)
    pads, stride, dilation = setting.pads, setting.stride, setting.dilation
    output = _size(setting, setting.output)
    results = output_cells(setting)[0]
    # Input i is at position i·S, and output o reads position o + P - u·D for each tap u.
    first = [min(0, pads[k] - dilation[k] * (kernel.shape[k] - 1)) for k in (0, 1)]
    last = [
        max((length - 1) * stride[k], output[k] - 1 + pads[k])
        for k, length in enumerate((height, width))
    ]

    def source(place: Place) -> Place | None:
        found = []
        for k, length in enumerate((height, width)):
            at = place[k] + first[k]
            if at % stride[k] or not 0 <= at // stride[k] < length:
                return None
            found.append(at // stride[k])
        return found[0], found[1]

    def kind(place: Place) -> Kind:
        if source(place) is not None:
            return "input"
        inside = all(
            0 <= place[k] + first[k] <= (length - 1) * stride[k]
            for k, length in enumerate((height, width))
        )
        return "hole" if inside else "pad"

    def text(place: Place) -> str:
        cell = source(place)
        return "0" if cell is None else str(input[cell])

    extra = setting.output_padding
    texts: dict[Place, str] = {}
    steps = []
    for place in _places(output):
        read, products = {}, []
        for tap in reversed(list(_places(_size(setting, kernel.shape)))):
            at = (
                place[0] + pads[0] - tap[0] * dilation[0] - first[0],
                place[1] + pads[1] - tap[1] * dilation[1] - first[1],
            )
            read[at] = str(kernel[tap])
            cell = source(at)
            if cell is not None:
                products.append(f"{factor_text(input[cell])}·{factor_text(kernel[tap])}")
        texts = {**texts, place: str(results[place])}
        terms = " + ".join(products)
        name = _name("out", place, setting)
        sums = (
            f"{name} = {terms} = {results[place]}" if terms else f"{name} = 0, no input reaches it",
        )
        steps.append(Step(read, {place: ""}, texts, sums))
    return Part(
        "gather",
        "Transposed convolution, gathering",
        "Zeros go between the inputs; the rotated kernel slides over them, one cell at a time.",
        _board(
            f"input {_short(setting, input.shape)}, a stride apart",
            (last[0] - first[0] + 1, last[1] - first[1] + 1),
            kind,
            text,
        ),
        _kernel_board(setting, rotated=True),
        _board(
            f"output {_short(setting, output)}",
            output,
            lambda place: (
                "extra" if any(place[k] >= output[k] - extra[k] for k in (0, 1)) else "output"
            ),
            lambda _: "",
        ),
        tuple(steps),
    )
