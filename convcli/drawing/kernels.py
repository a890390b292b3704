"""A filter as a picture: its kernel as a signed heat map, beside its frequency response."""

from __future__ import annotations

import math

import numpy as np

from convcli.drawing.cells import cells
from convcli.drawing.colours import Bytes, gain_colours, signed_colours
from convcli.drawing.page import INK, LINE, MUTED, PAPER, Anchor, Page, fitted
from convcli.filters import Filter
from convcli.filters.analysis import response
from convcli.filters.sums import sums
from convcli.images import Picture
from convcli.kernel.arrays import FloatArray

SIDE = 421
"""Height and width of each panel."""

LEFT, GAP, RIGHT = 24, 96, 28
"""Columns left of the kernel, between the panels, and right of the response."""

TOP, HEADING = 78, 60
"""The row where the panels begin, and the middle of the line above them."""

AXIS, BAR, BOTTOM = 52, 14, 44
"""Rows for the axis below a panel, of the bar of colours, and for its scale."""

TITLE_SIZE, TEXT_SIZE, SMALL_SIZE = 20.0, 14.0, 13.0

PARTED, CHANNELS_PARTED = 6, 3
"""Pixels between the filters of a bank, and between the kernels of a filter's channels."""

LEAST_FRAMED, LARGEST_CELL = 3, 140
"""Sides of cells from which on kernels have a frame, and that of the largest."""

NEGLIGIBLE = 0.02
"""Share of the largest gain below which frequencies are left out, if all beyond are that small."""

PROBES = 65
"""Frequencies along each axis at which that is decided."""

CLOSEST = 12
"""How many times the range of frequencies is halved at most."""


def filter_picture(filter: Filter) -> Picture:
    """Return a picture of a filter: its kernels, and how it amplifies waves of every direction.

    Red weights are positive, blue ones negative; numbers are shown where they fit. The response
    is over horizontal and vertical frequencies, which both grow from the middle; where it ends
    far below the Nyquist frequency, only that part is shown. Kernels of one weight treat all
    frequencies alike, and are shown alone.
    """
    has_response = max(filter.kernel_shape[2:]) > 1
    width = LEFT + SIDE + (GAP + SIDE if has_response else 0) + RIGHT
    page = Page(TOP + SIDE + AXIS + BAR + BOTTOM, width)
    title = filter.name or "filter"
    page.text(fitted(title, TITLE_SIZE, width - LEFT - RIGHT), 26, LEFT, TITLE_SIZE)
    if has_response:
        _draw_response(page, filter, LEFT + SIDE + GAP)
    _draw_kernels(page, filter)
    return page.picture()


def _draw_kernels(page: Page, filter: Filter) -> None:
    kernels = _shown_kernels(filter)
    greatest = float(np.abs(kernels).max()) or 1.0
    factor = _factor(filter)
    panel = _tiled(kernels, greatest, factor)
    top, left = TOP + (SIDE - panel.shape[0]) // 2, LEFT + (SIDE - panel.shape[1]) // 2
    page.place(panel, top, left)
    page.text(_heading(filter), HEADING, LEFT, TEXT_SIZE)
    end = f"{greatest * factor:.4g}" + ("" if factor == 1 else f" / {factor:.6g}")
    ramp = np.linspace(-1, 1, SIDE)[np.newaxis].repeat(BAR, 0)
    _draw_bar(page, LEFT, signed_colours(ramp, 1), {0: f"-{end}", 0.5: "0", 1: end})


def _heading(filter: Filter) -> str:
    """Return how many kernels there are, their size, and the sum of the weights."""
    outputs, inputs, rows, columns = filter.kernel_shape
    if rows == columns == 1 and outputs * inputs > 1:
        return f"weights of {inputs} channels (columns) for {outputs} (rows)"
    if outputs * inputs > 1:
        many = f"{outputs}×{inputs}" if inputs > 1 else f"{outputs}"
        return f"{many} kernels {rows}×{columns}"
    return f"kernel {rows}×{columns}, sum {_plain(float(sums(filter)[0]))}"


def _draw_response(page: Page, filter: Filter, left: int) -> None:
    limit = _limit(filter)
    count = filter.kernel_shape[0]
    columns = math.ceil(math.sqrt(count))
    rows = -(-count // columns)
    side = (SIDE - (columns - 1) * PARTED) // columns
    side -= 1 - side % 2  # the middle is frequency 0
    gains = response(filter, np.linspace(-limit, limit, side))
    greatest = float(gains.max()) or 1.0
    top = TOP + (SIDE - rows * side - (rows - 1) * PARTED) // 2
    for k, plane in enumerate(gains):
        row, column = divmod(k, columns)
        y, x = top + row * (side + PARTED), left + column * (side + PARTED)
        page.place(gain_colours(plane, greatest), y, x)
    page.text(f"gain, up to {greatest:.4g}", HEADING, left, TEXT_SIZE)
    ends = {
        0.0: -limit,
        0.25: -limit / 2,
        0.5: 0.0,
        0.75: limit / 2,
        1.0: limit,
    }
    axis = TOP + SIDE
    if count == 1:
        for place, frequency in ends.items():
            at_pixel = round(place * (SIDE - 1))
            page.samples[axis : axis + 5, left + at_pixel] = INK
            page.samples[TOP + at_pixel, left - 5 : left] = INK
            text = f"{frequency:.3g}" if limit > 0.1 else f"{frequency:.2g}"
            page.text(text, axis + 15, left + at_pixel, SMALL_SIZE, anchor="middle")
            page.text(text, TOP + at_pixel, left - 9, SMALL_SIZE, anchor="end")
        caption = "cycles per pixel, horizontal and vertical"
    else:
        caption = f"each ±{_plain(limit)} cycles per pixel, horizontal and vertical"
    page.text(caption, axis + 35, left + SIDE // 2, SMALL_SIZE, anchor="middle", ink=MUTED)
    ramp = np.linspace(0, 1, SIDE)[np.newaxis].repeat(BAR, 0)
    labels = {0.0: "0", 1.0: f"{greatest:.4g}"}
    if 0.15 < 1 / greatest < 0.85:
        labels[1 / greatest] = "1"
    _draw_bar(page, left, gain_colours(ramp, 1), labels)


def _draw_bar(page: Page, left: int, bar: Bytes, labels: dict[float, str]) -> None:
    """Draw a bar of colours as wide as a panel, with labels at shares of its width."""
    top = TOP + SIDE + AXIS
    page.place(bar, top, left)
    page.frame(top, left, *bar.shape[:2])
    for place, label in labels.items():
        x = left + round(place * (SIDE - 1))
        anchor: Anchor = "start" if place == 0 else "end" if place == 1 else "middle"
        page.text(label, top + BAR + 16, x, SMALL_SIZE, anchor=anchor)
        if 0 < place < 1:
            page.samples[top + BAR : top + BAR + 5, x] = INK


def _limit(filter: Filter) -> float:
    """Return the highest frequency that is shown: beyond it, the filter passes next to nothing."""
    limit = 0.5
    gains = response(filter, np.linspace(-limit, limit, PROBES))
    for _ in range(CLOSEST):
        half = PROBES // 4
        inner = gains[:, half:-half, half:-half]
        outside = gains.copy()
        outside[:, half:-half, half:-half] = 0
        if outside.max() > NEGLIGIBLE * inner.max():
            break
        limit /= 2
        gains = response(filter, np.linspace(-limit, limit, PROBES))
    return limit


def _shown_kernels(filter: Filter) -> FloatArray:
    """Return the kernels (F, C, Hf, Wf), at most SIDE on a side.

    Of each block of weights that becomes one cell, the one farthest from 0 is shown. Kernels of one
    weight are shown as one matrix (1, 1, F, C).
    """
    factors = filter.factors
    if factors is not None:
        column, row = (_strongest(factor, 0) for factor in factors)
        return np.multiply.outer(column, row)[np.newaxis, np.newaxis]
    kernel = filter.kernel
    if kernel.shape[2:] == (1, 1):
        return kernel.reshape(1, 1, *kernel.shape[:2])
    return _strongest(_strongest(kernel, 2), 3)


def _strongest(values: FloatArray, axis: int) -> FloatArray:
    """Return an axis in blocks, so that it has SIDE elements or fewer: the largest of each."""
    length = values.shape[axis]
    if length <= SIDE:
        return values
    starts = np.arange(0, length, -(-length // SIDE))
    high = np.maximum.reduceat(values, starts, axis)
    low = np.minimum.reduceat(values, starts, axis)
    return np.where(high >= -low, high, low)


def _tiled(kernels: FloatArray, greatest: float, factor: float) -> Bytes:
    """Return all kernels in one panel: the channels of a filter in a row, filters in a grid.

    Of a bank with more kernels than there are pixels, the rest is cut off.
    """
    count, channels, rows, columns = kernels.shape
    between = (channels - 1) * CHANNELS_PARTED
    sizes = []
    for across in range(1, count + 1):
        down = -(-count // across)
        wide = (SIDE - (across - 1) * PARTED - across * between) / (across * channels * columns)
        high = (SIDE - (down - 1) * PARTED) / (down * rows)
        sizes.append((min(wide, high), across))
    best, across = max(sizes)
    cell = max(1, min(LARGEST_CELL, int(best)))
    height, width = rows * cell, channels * columns * cell + between
    down = -(-count // across)
    panel = np.full(
        (
            min(SIDE, down * (height + PARTED) - PARTED),
            min(SIDE, across * (width + PARTED) - PARTED),
            3,
        ),
        PAPER,
        np.uint8,
    )
    for number in range(count):
        row, column = divmod(number, across)
        for channel in range(channels):
            y = row * (height + PARTED)
            x = column * (width + PARTED) + channel * (columns * cell + CHANNELS_PARTED)
            part = panel[y : y + height, x : x + columns * cell]
            if part.size:
                drawn = cells(kernels[number, channel], greatest, cell, factor)
                part[:] = drawn[: part.shape[0], : part.shape[1]]
                if cell >= LEAST_FRAMED:
                    part[[0, -1]] = part[:, [0, -1]] = LINE
    return panel


def _factor(filter: Filter) -> float:
    """Return the divisor where the weights of the file are whole numbers, to show those; else 1."""
    if filter.column is not None:
        return 1.0
    divisor = filter.divisor
    if divisor == "sum":
        totals = filter.weight.sum()
        divisor = float(totals) if len(filter.kernel) == 1 and totals else 1.0
    is_whole = bool((filter.weight == np.rint(filter.weight)).all())
    return float(divisor) if is_whole and divisor > 0 else 1.0


def _plain(value: float) -> str:
    text = f"{value:.4g}"
    return "0" if abs(value) < 1e-9 else text
