"""The kernel and the residual as pictures: signed numbers as colours around grey, with a scale."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from convcli.drawing.cells import cells
from convcli.drawing.colours import signed_colours
from convcli.drawing.page import INK, PAPER, inked
from convcli.fitting.geometry import Pair
from convcli.fitting.result import Fit
from convcli.images import Frame, Picture
from convcli.images.labels import text_mask
from convcli.images.raster import new_raster

Array = NDArray[np.float64]
Bytes = NDArray[np.uint8]

SCALE_SAMPLES = 1_000_000
"""Pixels of the residual by which its scale is chosen."""

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
    return _framed((len(body), body.shape[1]), [(0, body)], labels)


def residual_picture(fit: Fit) -> Picture:
    """Return a picture of AFTER minus the filtered BEFORE, and a scale.

    Of several channels the one that differs most is shown. The scale takes in all but a
    thousandth of the samples, and half a level at least. The residual is computed twice: of some
    rows for the scale, then band by band for the colours, so that it is never in memory as a whole.
    """
    size = fit.pairs[0].relation.after
    scale = float(fit.levels or 1)
    some = [_strongest(part).ravel() for _, part in fit.residual_bands(SCALE_SAMPLES / size[1])]
    greatest = _round_up(float(np.quantile(np.abs(np.concatenate(some)), 0.999)) * scale)
    greatest = max(greatest, 0.5 if fit.levels else 1e-12)
    strips = (
        (start, signed_colours(_strongest(part) * scale, greatest))
        for start, part in fit.residual_bands()
    )
    unit = " levels" if fit.levels else ""
    return _framed(size, strips, [f"-{greatest:g}{unit}", "0", f"+{greatest:g}{unit}"])


def _strongest(part: Array) -> Array:
    """Return the channel of (C, rows, W) that is farthest from 0, at each pixel (rows, W)."""
    strongest: Array = np.take_along_axis(part, np.abs(part).argmax(0)[np.newaxis], 0)[0]
    return strongest


def _framed(size: Pair, strips: Iterable[tuple[int, Bytes]], labels: list[str]) -> Picture:
    """Return ``strips`` of a picture on paper, with a bar of colours and its labels below.

    Each strip is its first row, and (rows, W, 3); together they have the ``size``.
    """
    masks = [text_mask(label, TEXT) for label in labels]
    least = sum(mask.shape[1] for mask in masks) + 4 * GAP
    width = max(size[1], least)
    tall = max(mask.shape[0] for mask in masks)
    foot = np.full((GAP + BAR_HEIGHT + 6 + tall + MARGIN, width + 2 * MARGIN, 3), PAPER, np.uint8)
    bar = min(width, max(least, 480))
    start = MARGIN + (width - bar) // 2
    ramp = np.broadcast_to(np.linspace(-1, 1, bar), (BAR_HEIGHT, bar))
    foot[GAP : GAP + BAR_HEIGHT, start : start + bar] = signed_colours(ramp, 1)
    below = GAP + BAR_HEIGHT + 6
    for mask, place in zip(masks, (0.0, 0.5, 1.0), strict=True):
        inked(foot, mask, (below, start + round(place * (bar - mask.shape[1]))), INK)
    whole = MARGIN + size[0] + len(foot), foot.shape[1]
    page = new_raster(whole, 3, np.dtype(np.uint8), "RGB")
    page.write(0, np.full((MARGIN, whole[1], 3), PAPER, np.uint8))
    left = MARGIN + (width - size[1]) // 2
    for first, strip in strips:
        rows = np.full((len(strip), whole[1], 3), PAPER, np.uint8)
        rows[:, left : left + size[1]] = strip
        page.write(MARGIN + first, rows)
    page.write(MARGIN + size[0], foot)
    return Picture((Frame(page, "RGB"),))


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
