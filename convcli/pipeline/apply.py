"""The public functions that process one picture: apply filters, upsample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convcli.filters import Filter
from convcli.images import Picture
from convcli.kernel.geometry import IntOrPair
from convcli.pipeline.operators import Convolution, TransposedConvolution
from convcli.pipeline.presets import preset_filter
from convcli.pipeline.process import Processing, process
from convcli.pipeline.shapes import MAX_PIXELS


def apply_filters(
    picture: Picture,
    filters: Sequence[Filter],
    *,
    linear: bool = False,
    as_float: bool = False,
    reuse: bool = False,
    max_pixels: int = MAX_PIXELS,
    depth: str | None = None,
) -> Picture:
    """Return ``picture`` convolved with each filter in turn, of the same depth or another.

    The last filter's ``range`` says what happens to values outside 0-1.

    Parameters
    ----------
    picture
        Of any mode. Integer samples are scaled to 0-1; floats are taken as they are.
    filters
        Applied from first to last, without rounding in between.
    linear
        Convert colour from sRGB to linear light before, and back after: bias and range then apply
        to linear light.
    as_float
        Return unclipped float32 samples, in linear light with ``linear``.
    reuse
        Let the result overwrite the samples of ``picture``, which must not be used afterwards.
    max_pixels
        Raise an error for a result with more pixels.
    depth
        "8", "16" or "float": the depth of the result; by default that of the picture. "float" is
        the same as ``as_float``: the last filter's ``range`` is not applied.

    Raises
    ------
    ShapeError, FilterError, ImageError
        For filters that do not fit the picture or each other. Warns with :class:`ImageWarning`
        where transparency is dropped, and where ``linear`` changes nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from convcli import Filter, Picture, apply_filters
    >>> picture = Picture.from_array(np.array([[[0, 100, 200]]], np.uint8))
    >>> mean = Filter([[1, 1, 1]], divisor=3, pad_mode="replicate")
    >>> apply_filters(picture, [mean]).frames[0].samples.ravel()
    array([ 33, 100, 167], dtype=uint8)
    """
    operators = [Convolution(filter) for filter in filters]
    return process(picture, operators, Processing(linear, as_float, reuse, max_pixels, depth=depth))


def upsample(
    picture: Picture,
    filter: Filter | str = "bilinear",
    *,
    scale: IntOrPair | None = None,
    output_padding: IntOrPair = 0,
    normalize: bool | None = None,
    linear: bool = False,
    as_float: bool = False,
    max_pixels: int = MAX_PIXELS,
    depth: str | None = None,
) -> Picture:
    """Return ``picture`` enlarged by a transposed convolution.

    The presets equal Pillow's ``resize`` in floating point. 8-bit results are rounded and clipped
    once, at the end; Pillow does so between its two passes as well.

    Parameters
    ----------
    picture, linear, as_float, max_pixels, depth
        As in :func:`apply_filters`.
    filter
        A preset (nearest, bilinear, bicubic, lanczos), or a filter.
    scale
        How many times larger, an int or (y, x): the stride of the transposed convolution. By
        default the filter's own stride, or 2.
    output_padding
        Rows added at the bottom and columns at the right, fewer than the scale.
    normalize
        Divide by the transposed convolution of ones, which removes dark borders and
        checkerboards. By default for presets only.

    Raises
    ------
    ShapeError, FilterError, ImageError
        As :func:`apply_filters`, and where the divisor is 0.

    Examples
    --------
    >>> import numpy as np
    >>> from convcli import Picture, upsample
    >>> picture = Picture.from_array(np.array([[[0.0, 1.0]]]))
    >>> upsample(picture, "bilinear", scale=(1, 2)).tensor
    array([[[0.  , 0.25, 0.75, 1.  ]]], dtype=float32)
    """
    operator = upsampling(filter, scale, output_padding=output_padding, normalize=normalize)
    return process(
        picture, [operator], Processing(linear, as_float, False, max_pixels, depth=depth)
    )


def upsampling(
    filter: Filter | str,
    scale: IntOrPair | None = None,
    *,
    output_padding: IntOrPair = 0,
    normalize: bool | None = None,
    **overrides: Any,
) -> TransposedConvolution:
    """Return the operator of a preset or a filter; ``overrides`` replace its settings."""
    if isinstance(filter, str):
        chosen = preset_filter(filter, scale)
        normalize = True if normalize is None else normalize
    else:
        chosen = filter.override(stride=scale)
    return TransposedConvolution(chosen.override(**overrides), output_padding, bool(normalize))
