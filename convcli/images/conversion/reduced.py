"""Frames reduced in size, antialiased, at their own depth."""

from __future__ import annotations

import numpy as np
from PIL import Image

from convcli.images.picture import Frame, full_scale

REDUCING_GAP = 3.0
"""Pictures are averaged to three times the size first, which is fast, then resampled."""


def reduced(frame: Frame, size: tuple[int, int]) -> Frame:
    """Return a frame at a smaller ``size`` (H, W), by bicubic resampling with antialiasing.

    Colours are weighted by alpha, so that those of invisible pixels do not appear.
    """
    if size == frame.size:
        return frame
    samples, dtype = frame.samples, frame.raster.dtype
    full = np.float32(full_scale(dtype))
    alpha = samples[..., -1] / full if frame.has_alpha else None
    planes = []
    for k in range(samples.shape[2]):
        plane = samples[..., k].astype(np.float32)
        if alpha is not None and k < samples.shape[2] - 1:
            plane *= alpha
        planes.append(_resized(plane, size))
    if alpha is not None:
        opacity = planes[-1] / full
        for plane in planes[:-1]:
            np.divide(plane, opacity, out=plane, where=opacity > 1e-6)
    values = np.stack(planes, -1)
    if dtype.kind != "f":
        values = np.clip(np.rint(values), 0, full)
    return Frame.of(values.astype(dtype), frame.mode)


def _resized(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    image = Image.fromarray(plane)
    small = image.resize((size[1], size[0]), Image.Resampling.BICUBIC, reducing_gap=REDUCING_GAP)
    return np.array(small, np.float32)
