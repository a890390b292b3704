"""The gradient of a convolution for its weight."""

from __future__ import annotations

import numpy as np

from convcli.kernel.arrays import FloatArray
from convcli.kernel.scan import RowReader, Scan


def weight_gradient(grad_y: FloatArray, images: FloatArray, scan: Scan, groups: int) -> FloatArray:
    """Return (F, C/groups, Hf, Wf) from ``grad_y`` (N, F, *scan.output) and the images."""
    count, filters, rows, columns = grad_y.shape
    depth = images.shape[1] // groups
    stride, dilation = scan.stride, scan.dilation
    reader = RowReader(scan, images.shape[3])
    answers = grad_y.reshape(count, groups, filters // groups, rows * columns)
    extended = np.zeros((count, scan.rows, images.shape[1], reader.length), images.dtype)
    for image, into in zip(images, extended, strict=True):
        reader.read(image, scan.origin[0], 1, into[:, :, np.newaxis])
    extended = extended.swapaxes(1, 2)
    result = np.empty((*scan.kernel, groups, filters // groups, depth), grad_y.dtype)
    for u in range(scan.kernel[0]):
        for v in range(scan.kernel[1]):
            top, left = u * dilation[0], v * dilation[1]
            seen = extended[
                ...,
                top : top + (rows - 1) * stride[0] + 1 : stride[0],
                left : left + (columns - 1) * stride[1] + 1 : stride[1],
            ].reshape(count, groups, depth, rows * columns)
            result[u, v] = (answers @ seen.swapaxes(-1, -2)).sum(0)
    return result.transpose(2, 3, 4, 0, 1).reshape(filters, depth, *scan.kernel)
