"""From computed values to samples: the filter's ``range``, sRGB, and rounding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.images import Frame
from convcli.images.picture import quantized
from convcli.kernel.arrays import FloatArray
from convcli.pipeline.evaluate import Layers
from convcli.pipeline.shapes import Stage
from convcli.pipeline.srgb import srgb_samples
from convcli.pipeline.strips import StripSizes, extremes


def unchanged(colour: FloatArray) -> FloatArray:
    """Return ``colour``: values are clipped when they become samples."""
    return colour


def range_mapping(
    frame: Frame, stages: Sequence[Stage], linear: bool, sizes: StripSizes
) -> Callable[[FloatArray], FloatArray]:
    """Return the function that brings colour to 0-1 by the ``range`` of the last filter.

    "rescale" needs the min and max of the whole result, which is computed once for that.
    """
    match stages[-1].operator.filter.range:
        case "abs":
            return np.abs
        case "rescale":
            low, high = extremes(frame, stages, linear, sizes)
            # Differences within a flat picture are rounding errors, and are not stretched.
            is_flat = high - low <= _rounding(frame, stages, max(abs(low), abs(high)))
            scale = None if is_flat else np.float32(1 / (high - low))
            return lambda colour: colour if scale is None else (colour - np.float32(low)) * scale
    return unchanged


def _rounding(frame: Frame, stages: Sequence[Stage], most: float) -> float:
    """Return a bound for the rounding error of results whose largest magnitude is ``most``."""
    if frame.raster.dtype.kind == "f":
        return 1e-6 * most
    for stage in stages:
        # Samples go up to 1; a sum that cancels out keeps the rounding errors of its terms.
        most = max(most, float(np.abs(stage.operator.filter.kernel).sum((1, 2, 3)).max()))
    return 1e-6 * most


def samples_of(
    layers: Layers,
    in_range: Callable[[FloatArray], FloatArray],
    dtype: np.dtype[Any],
    to_srgb: bool,
) -> NDArray[Any]:
    """Return finished layers as samples (C, rows, W)."""
    colour, alpha = in_range(layers.colour), layers.alpha
    if to_srgb:
        samples = srgb_samples(colour, dtype)
        return samples if alpha is None else np.concatenate([samples, quantized(alpha, dtype)])
    return quantized(colour if alpha is None else np.concatenate([colour, alpha]), dtype)
