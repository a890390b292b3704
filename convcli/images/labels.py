"""Text drawn as a mask, for scales and numbers in charts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont


def text_mask(text: str, size: float) -> NDArray[np.float32]:
    """Return the coverage of a line of text, 0 to 1, (H, W), about ``size`` pixels high.

    A Pillow built without FreeType has one size only.
    """
    font = ImageFont.load_default(size)
    left, top, right, bottom = font.getbbox(text)
    image = Image.new("L", (max(1, round(right - left)), max(1, round(bottom - top))))
    ImageDraw.Draw(image).text((-left, -top), text, fill=255, font=font)
    return np.asarray(image, np.float32) / np.float32(255)
