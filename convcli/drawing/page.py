"""A page of paper that pictures, lines and texts are placed on."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from convcli.images import Frame, Picture
from convcli.images.labels import text_mask

Bytes = NDArray[np.uint8]

PAPER, INK, MUTED, LINE = 255, 33, 105, 190
"""Grey levels of the page, of text, of less important text, and of thin lines."""

Anchor = Literal["start", "middle", "end"]


class Page:
    """An RGB page of a fixed size."""

    def __init__(self, height: int, width: int) -> None:
        self.samples = np.full((height, width, 3), PAPER, np.uint8)

    def place(self, picture: Bytes, top: int, left: int) -> None:
        """Place a picture (H, W, 3), whole, with its upper left corner at (top, left)."""
        self.samples[top : top + picture.shape[0], left : left + picture.shape[1]] = picture

    def frame(self, top: int, left: int, height: int, width: int) -> None:
        """Draw a thin line around a rectangle, just outside of it."""
        area = self.samples[max(top - 1, 0) : top + height + 1, max(left - 1, 0) : left + width + 1]
        area[[0, -1]] = area[:, [0, -1]] = LINE

    def text(
        self, text: str, y: int, x: int, size: float, *, anchor: Anchor = "start", ink: int = INK
    ) -> None:
        """Write a line of text whose middle is at row ``y``; the anchor is at column ``x``."""
        mask = text_mask(text, size, of_line=True)
        height, width = mask.shape
        left = x - {"start": 0, "middle": width // 2, "end": width}[anchor]
        inked(self.samples, mask, (y - height // 2, left), ink)

    def picture(self) -> Picture:
        """Return the page as a picture."""
        return Picture((Frame.of(self.samples, "RGB"),))


def inked(samples: Bytes, mask: NDArray[np.float32], corner: tuple[int, int], ink: int) -> None:
    """Print a mask of text in grey level ``ink``; parts outside of ``samples`` are left out."""
    y, x = corner
    top, left = max(-y, 0), max(-x, 0)
    y, x = max(y, 0), max(x, 0)
    part = samples[y : y + mask.shape[0] - top, x : x + mask.shape[1] - left]
    mask = mask[top : top + part.shape[0], left : left + part.shape[1]]
    part[:] = np.rint(part + (ink - part.astype(float)) * mask[..., np.newaxis])


def fitted(text: str, size: float, width: int) -> str:
    """Return a text, or its beginning and an ellipsis where it is wider than ``width`` pixels."""
    if text_mask(text, size).shape[1] <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if text_mask(f"{text[:middle].rstrip()}…", size).shape[1] <= width:
            low = middle
        else:
            high = middle - 1
    return f"{text[:low].rstrip()}…"
