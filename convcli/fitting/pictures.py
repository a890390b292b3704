"""The kernel and the residual as pictures: signed numbers as colours around grey, with a scale."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.fitting.geometry import Pair
from convcli.fitting.result import Fit
from convcli.images import Frame, Picture
from convcli.images.labels import text_mask

Array = NDArray[np.float64]
Bytes = NDArray[np.uint8]

BAND = 256

GREY = np.array([0.93, 0.93, 0.93])
POSITIVE = (np.array([0.96, 0.65, 0.45]), np.array([0.70, 0.09, 0.17]), np.array([0.35, 0.0, 0.08]))
NEGATIVE = (
    np.array([0.57, 0.77, 0.87]),
    np.array([0.13, 0.40, 0.67]),
    np.array([0.02, 0.16, 0.36]),
)
INK, PAPER = 33, 255

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
    panels = []
    for row in kernel:
        panels.append(_beside([_cells(one, greatest, cell, fit) for one in row]))
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


def signed_colours(values: NDArray[Any], greatest: float) -> Bytes:
    """Return (H, W, 3) of signed numbers (H, W): grey at 0, red above it, blue below."""
    stops = 255 * np.array([*NEGATIVE[::-1], GREY, *POSITIVE])
    at = np.array([-1, -0.7, -0.3, 0, 0.3, 0.7, 1])
    colours = np.empty((*values.shape, 3), np.uint8)
    for start in range(0, len(values), BAND):
        share = np.nan_to_num(values[start : start + BAND]) / greatest
        for k in range(3):
            colours[start : start + BAND, :, k] = np.rint(np.interp(share, at, stops[:, k]))
    return colours


def _cells(kernel: Array, greatest: float, cell: int, fit: Fit) -> Bytes:
    """Return a kernel as cells, with numbers in them where they fit."""
    picture = signed_colours(kernel, greatest).repeat(cell, 0).repeat(cell, 1)
    if cell >= 8:
        picture[::cell] = picture[:, ::cell] = PAPER
    if cell < 24:
        return picture
    factor = 1.0
    if fit.is_snapped and fit.filter.divisor != "sum":
        factor = float(fit.filter.divisor)
    for (y, x), weight in np.ndenumerate(kernel):
        text = _number(weight * factor)
        mask = text_mask(text, min(20.0, cell * 0.34))
        if mask.shape[1] > cell - 4:
            mask = text_mask(text, max(7.0, cell * 0.34 * (cell - 4) / mask.shape[1]))
        if mask.shape[1] <= cell - 2:
            dark = abs(weight) > 0.55 * greatest
            corner = (
                y * cell + (cell - mask.shape[0]) // 2,
                x * cell + (cell - mask.shape[1]) // 2,
            )
            _ink(picture, mask, corner, PAPER if dark else INK)
    return picture


def _number(value: float) -> str:
    """Return a weight in as few characters as tell it."""
    if abs(value - round(value)) < 5e-4:
        return str(round(value))
    text = f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text


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
        _ink(page, mask, corner, INK)
    return Picture((Frame.of(page, "RGB"),))


def _ink(page: Bytes, mask: NDArray[np.float32], corner: tuple[int, int], ink: int) -> None:
    y, x = corner
    part = page[y : y + mask.shape[0], x : x + mask.shape[1]]
    part[:] = np.rint(part + (ink - part.astype(float)) * mask[..., np.newaxis])


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
