"""From computed values to samples: the filter's ``range``, sRGB, and rounding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.filters.sums import absolute_sums
from convcli.images import Frame
from convcli.images.picture import quantized
from convcli.kernel.arrays import FloatArray
from convcli.pipeline.evaluate import Layers
from convcli.pipeline.operators import Convolution
from convcli.pipeline.shapes import Stage
from convcli.pipeline.srgb import srgb_samples

Floats = NDArray[np.float64]


def unchanged(colour: FloatArray) -> FloatArray:
    """Return ``colour``: values are clipped when they become samples."""
    return colour


def range_mapping(
    frame: Frame, stages: Sequence[Stage], find_extremes: Callable[[], tuple[Floats, Floats]]
) -> Callable[[FloatArray], FloatArray]:
    """Return the function that brings colour to 0-1 by the ``range`` of the last filter.

    The rescaling ranges need min and max of the whole result, which is computed once for that by
    ``find_extremes``.
    """
    match stages[-1].operator.filter.range:
        case "abs":
            return np.abs
        case "rescale":
            lows, highs = find_extremes()
            is_visible = lows <= highs
            low = lows[is_visible].min(initial=np.inf)
            high = highs[is_visible].max(initial=-np.inf)
            rounding = _rounding(frame, stages, lows, highs).max()
            return _rescaling(np.array([low]), np.array([high]), rounding)
        case "rescale-channels":
            lows, highs = find_extremes()
            return _rescaling(lows, highs, _rounding(frame, stages, lows, highs))
    return unchanged


def _rescaling(lows: Floats, highs: Floats, rounding: Floats) -> Callable[[FloatArray], FloatArray]:
    """Return the function that maps ``lows`` to 0 and ``highs`` to 1, of one or of each channel.

    Channels whose values differ by rounding errors alone are flat, and are not stretched.
    """
    is_flat = ~(highs - lows > rounding)
    offsets = np.where(is_flat, 0, lows).astype(np.float32)[:, np.newaxis, np.newaxis]
    spans = np.where(is_flat, 1, highs - lows)
    scales = (1 / spans).astype(np.float32)[:, np.newaxis, np.newaxis]
    return lambda colour: (colour - offsets) * scales


def _rounding(frame: Frame, stages: Sequence[Stage], lows: Floats, highs: Floats) -> Floats:
    """Return a bound for the rounding error of each channel of a result, from its extremes."""
    largest = np.where(lows <= highs, np.maximum(np.abs(lows), np.abs(highs)), 0.0)
    if frame.raster.dtype.kind == "f":
        return 1e-6 * largest
    # Samples go up to 1; a sum that cancels out keeps the rounding errors of its terms.
    for stage in stages:
        sums = absolute_sums(stage.operator.filter)
        is_by_channel = (
            stage is stages[-1]
            and stage.operator.filter.is_cross_channel
            and isinstance(stage.operator, Convolution)
        )
        largest = np.maximum(largest, sums[: len(largest)] if is_by_channel else sums.max())
    return 1e-6 * largest


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
