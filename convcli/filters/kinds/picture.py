"""A picture as kernel."""

from __future__ import annotations

import numpy as np

from convcli.errors import ConvcliError, FilterError
from convcli.filters.kinds.grids import Fields
from convcli.filters.validate import MOST_WEIGHTS

_LUMA = (0.299, 0.587, 0.114)
"""Rec. 601, as Pillow converts to grey."""


def image(path: str) -> Fields:
    """Return the picture at ``path`` as weights: grey, times its opacity, over their sum.

    The first frame counts. The kernel is flipped, so that a point of light takes the shape that
    the picture has.
    """
    from convcli.images import read_image
    from convcli.images.picture import full_scale

    try:
        frame = read_image(path, frames="first").frames[0]
    except ConvcliError as error:
        raise FilterError(str(error)) from None
    height, width = frame.size
    if height * width > MOST_WEIGHTS:
        raise FilterError(
            f"{path}: it has {width:,}×{height:,} pixels, and {MOST_WEIGHTS:,} are the most of a "
            "kernel: use a smaller picture"
        )
    samples = frame.samples.astype(np.float64)
    if frame.has_alpha:
        samples = samples[..., :-1] * (samples[..., -1:] / full_scale(frame.raster.dtype))
    channels = samples.shape[2]
    if channels not in (1, 3):
        raise FilterError(f"{path}: it has {channels} channels: a kernel is made from grey or RGB")
    weight = samples @ np.array(_LUMA) if channels == 3 else samples[..., 0]
    if not np.isfinite(weight).all():
        raise FilterError(f"{path}: some of its samples are not finite")
    total = float(weight.sum())
    if total <= 0:
        raise FilterError(
            f"{path}: the picture is black, so its sum is 0: a kernel needs something bright"
        )
    return {"weight": weight, "divisor": "sum"}
