"""A worked sum as text: grids of window, kernel and products, then a line up to the sample."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from convcli.explain.sums import Floats, Plane, Sample, Sum
from convcli.explain.text import (
    WIDTH,
    Line,
    Lines,
    beside,
    bracketed,
    heading,
    indented,
    pads_text,
    pair_text,
    paragraph,
    width,
    wrapped,
)
from convcli.explain.worked import Worked

_MOST_TERMS = 12
"""Products that are listed if the kernel is too large for a grid."""

_LARGEST = 11
"""The largest kernel that is printed as a grid."""

_DEPTHS = {"u1": "8 bits", "u2": "16 bits", "f4": "32-bit floats"}


def worked_lines(worked: Worked, name: str) -> Lines:
    """Return the text of a worked sum; ``name`` is the picture's."""
    (row, column), filter = worked.at, worked.filter
    height, breadth = worked.result_size
    title = f"{filter.name or 'The filter'} at row {row}, column {column} of {name}"
    lines = [Line(title, "title")]
    frame, window = worked.frame, worked.window
    dtype = frame.raster.dtype
    kind = _DEPTHS.get(dtype.str[1:], str(dtype))
    geometry = worked.geometry
    facts = (
        f"The picture is {frame.size[0]}×{frame.size[1]} (H×W), {frame.mode or 'an array'}, "
        f"{kind}; the result {height}×{breadth}. Stride {pair_text(geometry.stride)}, dilation "
        f"{pair_text(geometry.dilation)}, pad {pads_text(geometry.pads)}, pad mode "
        f"{filter.pad_mode}{', kernel flipped' if filter.flip else ''}."
    )
    lines += paragraph(facts)
    lines += paragraph(
        f"The window reads {_positions(window.rows, 'row')} and "
        f"{_positions(window.columns, 'column')}: "
        f"rows start at i·S - P_top = {row}·{geometry.stride[0]} - {geometry.pads[0]}, columns at "
        f"j·S - P_left = {column}·{geometry.stride[1]} - {geometry.pads[1]}."
    )
    if window.is_outside.any():
        shows = "are 0" if filter.pad_mode == "zeros" else f"come from pad mode {filter.pad_mode}"
        lines += paragraph(f"Samples with * are outside of the picture and {shows}.", "note")
    if window.decodes:
        lines += paragraph(
            "Colours are linear light, 0 to 1, decoded from sRGB; the result is encoded again."
        )
    if worked.is_premultiplied:
        lines += paragraph(
            "Colour is weighted by opacity (alpha / full) and divided by the filtered opacity "
            "after, so that transparent pixels add no colour.",
            "note",
        )
    for sample in worked.samples:
        lines += heading(sample.name)
        lines += _sample_lines(sample, worked)
    lines += heading("Result")
    texts = ", ".join(f"{one.name} {number(one.written)}" for one in worked.samples)
    lines += [
        Line(line, "result")
        for line in wrapped(f"row {row}, column {column}: {texts}, as `convcli apply` writes it")
    ]
    return lines


def _positions(line: list[int], noun: str) -> str:
    if len(line) == 1:
        return f"{noun} {line[0]}"
    step = line[1] - line[0]
    return f"{noun}s {line[0]} to {line[-1]}" + (f" in steps of {step}" if step > 1 else "")


def _sample_lines(sample: Sample, worked: Worked) -> Lines:
    if sample.is_copied:
        where = sample.copied_from
        if where is None:
            text = "The kernel's centre is on padding zeros: transparent."
        else:
            text = (
                f"The filter preserves alpha: it is that of the sample under the kernel's centre, "
                f"row {where[0]}, column {where[1]}."
            )
        return paragraph(text) + _closing(f"written {number(sample.written)}")
    lines: Lines = []
    outside = worked.window.is_outside
    for k, one in enumerate(sample.sums):
        if len(sample.sums) > 1:
            lines += indented([f"kernel {k + 1} of {len(sample.sums)}"])
        for plane in one.planes:
            if len(one.planes) > 1:
                lines += indented([f"from {plane.name}"])
            lines += indented(_grids(plane, outside))
        lines += [Line(line) for line in wrapped(_sum_text(one), 2, 6)]
    lines += _closing(_path_text(sample, worked))
    return lines


def _closing(text: str) -> Lines:
    return [Line(line, "result") for line in wrapped(text, 2, 6)]


def _sum_text(one: Sum) -> str:
    """Return the sum in one line: products, divisor, bias."""
    products = [value for plane in one.planes for value in plane.products.ravel() if value]
    if 0 < len(products) <= _MOST_TERMS:
        text = " ".join(
            f"{'-' if value < 0 else '+'} {number(abs(value), 6)}" for value in products
        )
        text = text.removeprefix("+ ")
        if text.startswith("- "):
            text = "-" + text[2:]
        text = f"sum {text} = {number(one.total)}" if len(products) > 1 else f"sum {text}"
    else:
        text = f"sum of {sum(p.products.size for p in one.planes)} products {number(one.total)}"
    if one.divisor != 1:
        text += f"; / divisor {number(one.divisor)} = {number(one.total / one.divisor)}"
    if one.bias:
        text += f"; + bias {number(one.bias)} = {number(one.value)}"
    return text


def _path_text(sample: Sample, worked: Worked) -> str:
    """Return the steps from the sums to the sample that is written."""
    parts = []
    if sample.reduce == "magnitude":
        squares = " + ".join(f"{number(one.value)}²" for one in sample.sums)
        parts.append(f"magnitude √({squares}) = {number(sample.combined)}")
    elif sample.reduce:
        values = ", ".join(number(one.value) for one in sample.sums)
        parts.append(f"{sample.reduce} of {values} = {number(sample.combined)}")
    if sample.opacity is not None:
        if abs(sample.opacity) > 1e-6:
            parts.append(
                f"/ opacity {number(sample.opacity)} = {number(sample.combined / sample.opacity)}"
            )
        else:
            parts.append("opacity 0: no colour, 0")
        if sample.added:
            parts.append(f"+ bias {number(sample.added)} = {number(sample.value)}")
    parts += _range_parts(sample, worked)
    written = f"written {number(sample.written)}"
    window = worked.window
    if window.full != 1 and not math.isnan(sample.ranged):
        nearest = math.floor(min(max(sample.ranged, 0), window.full) + 0.5)
        if nearest != sample.written:
            written += " (the sum in 32-bit floats rounds the other way)"
    return "; ".join([*parts, written])


def _range_parts(sample: Sample, worked: Worked) -> list[str]:
    """Return the steps of range, curve and rounding that change the value."""
    window, parts = worked.window, []
    value = sample.value
    if sample.name != "alpha":
        if worked.filter.range == "abs":
            parts.append(f"abs = {number(abs(value))}")
        elif sample.limits is not None:
            low, high = sample.limits
            scaled = (value - low) / (high - low) * window.scale
            parts.append(
                f"{worked.filter.range} "
                f"({number(value)} {less(low)}) / ({number(high)} {less(low)})"
                f"{'' if window.scale == 1 else f' · {number(window.scale)}'} = {number(scaled)}"
            )
        if window.decodes:
            parts.append(f"sRGB curve · {number(window.full)} = {number(sample.ranged)}")
    if window.full != 1:
        if not 0 <= sample.ranged <= window.full:
            parts.append(f"clipped to 0 … {number(window.full)}")
        elif number(sample.ranged) != number(round(sample.ranged)):
            parts.append("rounded")
    return parts


def _grids(plane: Plane, outside: NDArray[np.bool_]) -> list[str]:
    if max(plane.weights.shape) > _LARGEST:
        return _largest(plane)
    blocks = [["window", *_grid(plane.window, outside)]]
    if plane.opacity is not None:
        blocks.append(["opacity", *_grid(plane.opacity, outside)])
    blocks.append(["kernel", *_grid(plane.weights)])
    blocks.append(["products", *_grid(plane.products)])
    if width(beside(*blocks)) <= WIDTH - 2:
        return beside(*blocks)
    half = len(blocks) // 2
    halves = [beside(*blocks[:half]), beside(*blocks[half:])]
    parts = halves if max(map(width, halves)) <= WIDTH - 2 else blocks
    if max(map(width, parts)) > WIDTH - 2:
        return _largest(plane)
    return [line for k, part in enumerate(parts) for line in ([""] * (k > 0) + part)]


def _grid(values: Floats, marked: NDArray[np.bool_] | None = None) -> list[str]:
    if marked is None or not marked.any():
        return bracketed([[number(value, 4) for value in row] for row in values])
    return bracketed(
        [
            [number(value, 4) + ("*" if star else " ") for value, star in zip(*pair, strict=True)]
            for pair in zip(values, marked, strict=True)
        ]
    )


def _largest(plane: Plane) -> list[str]:
    """Return the largest products of a large kernel."""
    products = plane.products
    order = np.argsort(-np.abs(products), axis=None, kind="stable")[:_MOST_TERMS]
    size = "×".join(map(str, plane.weights.shape))
    lines = [f"The kernel is {size}; its {len(order)} largest products:"]
    for flat in order:
        u, v = (int(k) for k in np.unravel_index(flat, products.shape))
        factor = number(plane.window[u, v], 5)
        if plane.opacity is not None:
            factor += f" · opacity {number(plane.opacity[u, v], 4)}"
        lines.append(
            f"  at [{u},{v}]: {factor} · {number(plane.weights[u, v], 5)}"
            f" = {number(products[u, v], 6)}"
        )
    return lines


def less(value: float) -> str:
    """Return a subtracted number: ``- 2``, or ``+ 2`` for -2."""
    return f"+ {number(-value)}" if value < 0 else f"- {number(value)}"


def number(value: float, digits: int = 7) -> str:
    """Return a number, without a point if it is whole, else with this many significant digits."""
    if math.isfinite(value) and value == round(value) and abs(value) < 1e9:
        return str(round(value))
    return f"{value:.{digits}g}"
