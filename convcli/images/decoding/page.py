"""What a header says of a page that is not Pillow's to read."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Page(NamedTuple):
    """What a header says of a page: ``size`` is (H, W), ``mode`` a frame's; floats are float32."""

    size: tuple[int, int]
    mode: str
    dtype: np.dtype[Any]
    profile: bytes | None = None
