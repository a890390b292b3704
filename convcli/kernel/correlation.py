"""The one place that says how a convolution is arranged for NumPy.

Everything else in the kernel is written in terms of :func:`correlate`.
"""

from __future__ import annotations

import numpy as np

from convcli.kernel.arrays import FloatArray
from convcli.kernel.geometry import Pair, span


def correlate(
    images: FloatArray, weight: FloatArray, stride: Pair, dilation: Pair, groups: int
) -> FloatArray:
    """Return (N, F, H_out, W_out): the cross-correlation of images that need no more border.

    ``images`` is (N, C, H, W) and ``weight`` (F, C/groups, Hf, Wf). One matrix product over the
    channels for each tap of the kernel, all pixels of all images at once.
    """
    count, channels, height, width = images.shape
    filters, depth, taps_y, taps_x = weight.shape
    rows = (height - span(taps_y, dilation[0])) // stride[0] + 1
    columns = (width - span(taps_x, dilation[1])) // stride[1] + 1
    grouped = images.reshape(count, groups, channels // groups, height, width)
    result = np.zeros((count, groups, filters // groups, rows * columns), images.dtype)
    for u in range(taps_y):
        for v in range(taps_x):
            top, left = u * dilation[0], v * dilation[1]
            seen = grouped[
                ...,
                top : top + (rows - 1) * stride[0] + 1 : stride[0],
                left : left + (columns - 1) * stride[1] + 1 : stride[1],
            ].reshape(count, groups, depth, rows * columns)
            tap = weight[:, :, u, v].reshape(groups, filters // groups, depth)
            result += tap @ seen
    return result.reshape(count, filters, rows, columns)
