"""The public function: the picture that a filter blurred."""

from __future__ import annotations

from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.deconvolution.operator import Deconvolution
from convcli.filters import Filter
from convcli.images import Picture
from convcli.pipeline.process import Processing, process
from convcli.pipeline.shapes import MAX_PIXELS


@overload
def deconvolve(
    picture: Picture,
    filter: Filter,
    *,
    method: str = ...,
    iterations: int | None = ...,
    regularize: float | Literal["auto"] = ...,
    pad_mode: str | None = ...,
    linear: bool = ...,
    as_float: bool = ...,
    depth: str | None = ...,
    max_pixels: int = ...,
) -> Picture: ...


@overload
def deconvolve(
    picture: ArrayLike,
    filter: Filter,
    *,
    method: str = ...,
    iterations: int | None = ...,
    regularize: float | Literal["auto"] = ...,
    pad_mode: str | None = ...,
    linear: bool = ...,
    as_float: bool = ...,
    depth: str | None = ...,
    max_pixels: int = ...,
) -> NDArray[Any]: ...


def deconvolve(
    picture: Picture | ArrayLike,
    filter: Filter,
    *,
    method: str = "richardson-lucy",
    iterations: int | None = None,
    regularize: float | Literal["auto"] = "auto",
    pad_mode: str | None = None,
    linear: bool = False,
    as_float: bool = False,
    depth: str | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Picture | NDArray[Any]:
    """Return the picture that ``filter``, the point spread function, blurred into ``picture``.

    The scene is taken to go on outside the frame: the unknown is the larger image that the frame
    sees, so borders do not ring, and the part of it within the frame is returned.

    Parameters
    ----------
    picture
        A picture, or an array (H, W), (C, H, W) or (N, C, H, W) of floats, uint8 or uint16.
    filter
        What blurred it, such as a motion blur; of stride 1. Its ``pad`` says how the size changed:
        "same", the default, not at all. Its ``pad_mode`` and ``range`` are not used.
    method
        "richardson-lucy", for pictures and filters without negative values, accelerated after
        Biggs and Andrews (1997); or "tikhonov", for any filter: least squares that stays near the
        picture.
    iterations
        By default 20 for Richardson-Lucy, where more sharpen more, and bring out noise. Tikhonov's
        conjugate gradients end when converged, after 200 at most.
    regularize
        Tikhonov's λ, on the 0-1 scale of samples and for a filter whose weights sum to 1: about
        the variance of the noise divided by that of the detail. Larger is smoother: 0.001 suits a
        picture without visible noise, 0.02 a photo with noise of one level of 255. "auto" measures
        noise and detail of each channel; it is 0.001 where channels have kernels of their own, or
        a picture is too small to tell.
    pad_mode
        "zeros", "reflect", "replicate" or "circular" where the picture was not blurred by a lens,
        but by a program that continued it so at its borders.
    linear
        Convert colour from sRGB to linear light before, and back after: light blurs linearly.
    as_float
        Return unclipped float32 samples, in linear light with ``linear``.
    depth
        "8", "16" or "float": the depth of the result; by default that of the picture. "float" is
        the same as ``as_float``.
    max_pixels
        Raise an error for a result with more pixels.

    Returns
    -------
    What was given, a picture or an array, of the same shape and sample type.

    Raises
    ------
    FilterError, ShapeError, ImageError
        For filters that cannot be undone or do not fit the picture, options out of their range, and
        samples that are not finite, or negative for Richardson-Lucy.

    Examples
    --------
    >>> import numpy as np
    >>> from convcli import Filter, conv2d, deconvolve
    >>> scene = np.zeros((1, 64), np.float32)
    >>> scene[0, 20:24] = 1  # a bright bar, four pixels wide
    >>> blur = Filter([[1, 1, 1, 1, 1, 1, 1]], divisor="sum")
    >>> blurred = conv2d(scene[np.newaxis], blur.kernel, pad="same")[0]
    >>> restored = deconvolve(blurred, blur, iterations=60)
    >>> print(f"{abs(blurred - scene).max():.2f} {abs(restored - scene).max():.2f}")
    0.43 0.00
    """
    operators = [Deconvolution(filter, method, iterations, regularize, pad_mode)]
    processing = Processing(linear, as_float, False, max_pixels, depth=depth)
    if isinstance(picture, Picture):
        return process(picture, operators, processing)
    array = np.asarray(picture)
    result = process(Picture.from_array(array), operators, processing)
    stack = np.stack([frame.samples.transpose(2, 0, 1) for frame in result.frames])
    return stack.reshape(stack.shape[4 - array.ndim :])
