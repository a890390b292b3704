"""Text drawn as a mask, for scales, labels and numbers in charts."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, features

SPELLED = str.maketrans({"×": "x", "−": "-", "→": ">", "ᵀ": "T", "²": "^2", "³": "^3"})
"""What the font that comes with Pillow has no glyphs for."""


def text_mask(text: str, size: float, *, of_line: bool = False) -> NDArray[np.float32]:
    """Return the coverage of a line of text, 0 to 1, (H, W), about ``size`` pixels high.

    ``of_line`` gives all texts of one size the same height and baseline. A Pillow built without
    FreeType has one size only.
    """
    spelled = text.translate(SPELLED)
    face: Any = font(size)
    if face is None:
        face = ImageFont.load_default()
        spelled = spelled.replace("…", "...").encode("latin-1", "replace").decode("latin-1")
    left, top, right, bottom = face.getbbox(spelled)
    if of_line:
        _, top, _, bottom = face.getbbox("Ag")
    image = Image.new("L", (max(1, round(right - left)), max(1, round(bottom - top))))
    ImageDraw.Draw(image).text((-left, -top), spelled, fill=255, font=face)
    return np.asarray(image, np.float32) / np.float32(255)


@cache
def font(size: float) -> ImageFont.FreeTypeFont | None:
    """Return the font that comes with Pillow, or None where Pillow was built without FreeType."""
    if not features.check("freetype2"):
        return None
    face = ImageFont.load_default(size)
    assert isinstance(face, ImageFont.FreeTypeFont)
    return face
