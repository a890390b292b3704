"""The kernel and the residual as pictures: signed numbers as colours around grey, with a scale."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from convcli.drawing.cells import cells
from convcli.drawing.colours import signed_colours
from convcli.drawing.page import INK, PAPER, inked
from convcli.fitting.geometry import Pair
from convcli.fitting.result import Fit
from convcli.images import Frame, Picture
from convcli.images.labels import text_mask

Array = NDArray[np.float64]
Bytes = NDArray[np.uint8]

BAND = 256

KERNEL_SIDE = 384
"""About the side of a kernel, in pixels."""

MARGIN, GAP = 16, 12
BAR_HEIGHT, TEXT = 14, 14.0


def kernel_picture(fit: Fit) -> Picture:
    """Return a picture of every kernel: cells with their weights, and a scale."""
    kernel = fit.filter.kernel
    if fit.channels == "separate":
        each = np.arange(len(kernel))
        kernel = kernel[each, each][np.newaxis]
    rows, columns, height, width = kernel.shape
    cell = max(3, min(64, KERNEL_SIDE // max(height, width)))
    if rows * columns > 1:
        cell = max(3, min(cell, 900 // (columns * width), 900 // (rows * height)))
    greatest = float(np.abs(kernel).max()) or 1.0
    factor = float(fit.filter.divisor) if fit.is_snapped and fit.filter.divisor != "sum" else 1.0
    panels = []
    for row in kernel:
        panels.append(_beside([cells(one, greatest, cell, factor) for one in row]))
    body = _below(panels)
    labels = _scale_labels(greatest)
    if fit.filter.divisor not in (1, "sum") and fit.is_snapped:
        divisor = float(fit.filter.divisor)
        labels = [
            f"{-greatest * divisor:g}/{divisor:g}",
            "0",
            f"{greatest * divisor:g}/{divisor:g}",
        ]
    return _framed(body.shape[:2], lambda part: np.copyto(part, body), labels)


def residual_picture(fit: Fit) -> Picture:
    """Return a picture of AFTER minus the filtered BEFORE, and a scale.

    Of several channels the one that differs most is shown. The scale takes in all but a
    thousandth of the samples, and half a level at least.
    """
    scale = float(fit.levels or 1)
    # In levels, half floats have digits enough for colours, and 24 megapixels fit 48 MB.
    values = np.empty(fit.pairs[0].relation.after, np.float16 if fit.levels else np.float32)
    for start, part in fit.residual_bands():
        strongest = np.abs(part).argmax(0)[np.newaxis]
        rows = np.take_along_axis(part, strongest, 0)[0]
        values[start : start + part.shape[1]] = rows * scale
    sample = np.abs(values.ravel()[:: max(1, values.size // 1_000_000)])
    greatest = float(np.quantile(sample.astype(float), 0.999)) / scale
    greatest = max(_round_up(greatest * scale) / scale, 0.5 / scale if fit.levels else 1e-12)
    unit = " levels" if fit.levels else ""
    end = f"{greatest * scale:g}"

    def draw(body: Bytes) -> None:
        for start in range(0, len(values), BAND):
            rows = slice(start, start + BAND)
            body[rows] = signed_colours(values[rows], greatest * scale)

    return _framed(values.shape, draw, [f"-{end}{unit}", "0", f"+{end}{unit}"])


def _framed(size: Pair, draw: Callable[[Bytes], None], labels: list[str]) -> Picture:
    """Return what ``draw`` draws, on paper, with a bar of colours and its labels below."""
    masks = [text_mask(label, TEXT) for label in labels]
    least = sum(mask.shape[1] for mask in masks) + 4 * GAP
    width = max(size[1], least)
    tall = max(mask.shape[0] for mask in masks)
    height = size[0] + GAP + BAR_HEIGHT + 6 + tall
    page = np.full((height + 2 * MARGIN, width + 2 * MARGIN, 3), PAPER, np.uint8)
    left = MARGIN + (width - size[1]) // 2
    draw(page[MARGIN : MARGIN + size[0], left : left + size[1]])
    bar = min(width, max(least, 480))
    start = MARGIN + (width - bar) // 2
    top = MARGIN + size[0] + GAP
    ramp = np.broadcast_to(np.linspace(-1, 1, bar), (BAR_HEIGHT, bar))
    page[top : top + BAR_HEIGHT, start : start + bar] = signed_colours(ramp, 1)
    below = top + BAR_HEIGHT + 6
    for mask, place in zip(masks, (0.0, 0.5, 1.0), strict=True):
        corner = (below, start + round(place * (bar - mask.shape[1])))
        inked(page, mask, corner, INK)
    return Picture((Frame.of(page, "RGB"),))


def _beside(panels: list[Bytes]) -> Bytes:
    """Return pictures of one height side by side."""
    gap = np.full((len(panels[0]), GAP, 3), PAPER, np.uint8)
    return np.concatenate([part for panel in panels for part in (gap, panel)][1:], 1)


def _below(panels: list[Bytes]) -> Bytes:
    gap = np.full((GAP, panels[0].shape[1], 3), PAPER, np.uint8)
    return np.concatenate([part for panel in panels for part in (gap, panel)][1:], 0)


def _scale_labels(greatest: float) -> list[str]:
    return [f"{-greatest:.3g}", "0", f"{greatest:.3g}"]


def _round_up(value: float) -> float:
    """Return the next number of one digit or 1.5, 2.5, in its power of ten."""
    if not value > 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    steps = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
    return next(step * power for step in steps if step * power >= value * (1 - 1e-9))
