"""A kernel as coloured cells, with its weights in them where they fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convcli.drawing.colours import Bytes, signed_colours
from convcli.drawing.page import INK, PAPER, inked
from convcli.images.labels import text_mask

LEAST_RULED, LEAST_NUMBERED = 8, 24
"""Sides of cells, in pixels, from which on lines part them, and numbers fit."""

LARGEST_TEXT = 26.0


def cells(kernel: NDArray[np.float64], greatest: float, cell: int, factor: float = 1.0) -> Bytes:
    """Return a kernel (Hf, Wf) as cells of ``cell`` pixels, (H, W, 3).

    Colours reach from ``-greatest`` to ``greatest``; numbers are the weights times ``factor``.
    """
    picture = signed_colours(kernel, greatest).repeat(cell, 0).repeat(cell, 1)
    if cell >= LEAST_RULED:
        picture[::cell] = picture[:, ::cell] = PAPER
    if cell < LEAST_NUMBERED:
        return picture
    for (y, x), weight in np.ndenumerate(kernel):
        text = number(weight * factor)
        mask = text_mask(text, min(LARGEST_TEXT, cell * 0.34))
        if mask.shape[1] > cell - 4:
            mask = text_mask(text, max(7.0, cell * 0.34 * (cell - 4) / mask.shape[1]))
        if mask.shape[1] <= cell - 2:
            is_dark = abs(weight) > 0.55 * greatest
            top = y * cell + (cell - mask.shape[0]) // 2
            left = x * cell + (cell - mask.shape[1]) // 2
            inked(picture, mask, (top, left), PAPER if is_dark else INK)
    return picture


def number(value: float) -> str:
    """Return a weight in as few characters as show it.

    >>> number(-2.0), number(0.0625), number(12.34)
    ('-2', '.062', '12.3')
    """
    if abs(value - round(value)) < 5e-4:
        return str(round(value))
    text = f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text
