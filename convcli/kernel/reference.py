"""The definition of convolution, its gradients and its transpose, in plain loops; and as im2col.

Slow and obvious: this is what every fast method is tested against, and what to read first. Images
are (C, H, W), weights (F, C/groups, Hf, Wf); ``pads`` are (top, left, bottom, right); ``stride``
and ``dilation`` are (y, x). Everything is computed in float64.

>>> import numpy as np
>>> from convcli.kernel import reference
>>> x = np.arange(16.0).reshape(1, 4, 4)
>>> weight = np.array([[[[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]]])
>>> reference.conv2d(x, weight, pads=(1, 1, 1, 1), pad_mode="replicate")
array([[[ 5.,  4.,  4.,  3.],
        [ 1.,  0.,  0., -1.],
        [ 1.,  0.,  0., -1.],
        [-3., -4., -4., -5.]]])
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Pair = tuple[int, int]
Pads = tuple[int, int, int, int]


def source(position: int, size: int, pad_mode: str) -> int | None:
    """Return the index, of ``size`` elements, of the one at ``position``; None for a zero."""
    if 0 <= position < size:
        return position
    if pad_mode == "zeros":
        return None
    if pad_mode == "replicate":
        return 0 if position < 0 else size - 1
    if pad_mode == "circular":
        return position % size
    while not 0 <= position < size:  # reflect: mirror at one end, then at the other
        position = 0 if size == 1 else abs(position)
        if position >= size:
            position = 2 * (size - 1) - position
    return position


def padded(x: Array, pads: Pads, pad_mode: str = "zeros") -> Array:
    """Return an image with its padding."""
    top, left, bottom, right = pads
    channels, height, width = x.shape
    result = np.zeros((channels, top + height + bottom, left + width + right))
    for i in range(result.shape[1]):
        for j in range(result.shape[2]):
            row, column = source(i - top, height, pad_mode), source(j - left, width, pad_mode)
            if row is not None and column is not None:
                result[:, i, j] = x[:, row, column]
    return result


def output_size(x_padded: Array, weight: Array, stride: Pair, dilation: Pair) -> Pair:
    """Return the rows and columns of a convolution: ``floor((H - (D(Hf-1)+1)) / S) + 1``."""
    rows = (x_padded.shape[1] - dilation[0] * (weight.shape[2] - 1) - 1) // stride[0] + 1
    columns = (x_padded.shape[2] - dilation[1] * (weight.shape[3] - 1) - 1) // stride[1] + 1
    return rows, columns


def conv2d(
    x: Array,
    weight: Array,
    *,
    stride: Pair = (1, 1),
    pads: Pads = (0, 0, 0, 0),
    pad_mode: str = "zeros",
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Array:
    """Return ``y[f,i,j] = Σ_c Σ_u Σ_v xpad[c, i·S + u·D, j·S + v·D] · weight[f,c,u,v]``."""
    x_padded = padded(x, pads, pad_mode)
    filters, channels, taps_y, taps_x = weight.shape
    y = np.zeros((filters, *output_size(x_padded, weight, stride, dilation)))
    for f, i, j in np.ndindex(y.shape):
        group = f // (filters // groups)
        for c, u, v in np.ndindex(channels, taps_y, taps_x):
            row, column = i * stride[0] + u * dilation[0], j * stride[1] + v * dilation[1]
            y[f, i, j] += x_padded[group * channels + c, row, column] * weight[f, c, u, v]
    return y


def conv2d_backward(
    grad_y: Array,
    x: Array,
    weight: Array,
    *,
    stride: Pair = (1, 1),
    pads: Pads = (0, 0, 0, 0),
    pad_mode: str = "zeros",
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> tuple[Array, Array, Array]:
    """Return the gradients for x, weight and bias: the loops of conv2d, each product derived.

    A product ``x · w`` that is added to ``y`` adds ``grad_y · w`` to the gradient for x, and
    ``grad_y · x`` to the gradient for w.

    >>> import numpy as np
    >>> from convcli.kernel import reference
    >>> x = np.array([[[1.0, 2, 3], [4, 5, 6]]])
    >>> weight = np.array([[[[1.0, 10]]]])
    >>> grad_y = np.ones((1, 2, 2))
    >>> grad_x, grad_weight, grad_bias = reference.conv2d_backward(grad_y, x, weight)
    >>> grad_x  # weight 1 reads columns 0 and 1, weight 10 reads columns 1 and 2
    array([[[ 1., 11., 10.],
            [ 1., 11., 10.]]])
    >>> grad_weight  # 1 + 2 + 4 + 5, and 2 + 3 + 5 + 6
    array([[[[12., 16.]]]])
    >>> grad_bias
    array([4.])
    """
    x_padded = padded(x, pads, pad_mode)
    grad_x, grad_weight = np.zeros(x.shape), np.zeros(weight.shape)
    filters, channels, taps_y, taps_x = weight.shape
    for f, i, j in np.ndindex(grad_y.shape):
        group = f // (filters // groups)
        for c, u, v in np.ndindex(channels, taps_y, taps_x):
            channel = group * channels + c
            row, column = i * stride[0] + u * dilation[0], j * stride[1] + v * dilation[1]
            grad_weight[f, c, u, v] += grad_y[f, i, j] * x_padded[channel, row, column]
            p = source(row - pads[0], x.shape[1], pad_mode)
            q = source(column - pads[1], x.shape[2], pad_mode)
            if p is not None and q is not None:
                grad_x[channel, p, q] += grad_y[f, i, j] * weight[f, c, u, v]
    return grad_x, grad_weight, grad_y.sum((1, 2))


def conv_transpose2d(
    x: Array,
    weight: Array,
    size: Pair,
    *,
    stride: Pair = (1, 1),
    pads: Pads = (0, 0, 0, 0),
    pad_mode: str = "zeros",
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Array:
    """Lay scaled kernels ``stride`` apart, sum overlaps, and crop to ``size`` (H_out, W_out).

    ``pad_mode`` extends the input beyond its edges.

    ``[a, b]`` with the kernel ``[x, y, z]`` at stride 2 is ``[ax, ay, az+bx, by, bz]``:

    >>> import numpy as np
    >>> from convcli.kernel import reference
    >>> x, weight = np.array([[[1.0, 2]]]), np.array([[[[3.0, 5, 7]]]])
    >>> reference.conv_transpose2d(x, weight, (1, 5), stride=(1, 2))
    array([[[ 3.,  5., 13., 10., 14.]]])
    """
    filters, channels, taps_y, taps_x = weight.shape
    y = np.zeros((groups * channels, *size))
    # Far enough for every input element that could reach the cropped output.
    reach_y = pads[0] + size[0] + dilation[0] * taps_y
    reach_x = pads[1] + size[1] + dilation[1] * taps_x
    for i in range(-reach_y, x.shape[1] + reach_y):
        for j in range(-reach_x, x.shape[2] + reach_x):
            row, column = source(i, x.shape[1], pad_mode), source(j, x.shape[2], pad_mode)
            if row is None or column is None:
                continue
            for u, v in np.ndindex(taps_y, taps_x):
                p = i * stride[0] + u * dilation[0] - pads[0]
                q = j * stride[1] + v * dilation[1] - pads[1]
                if 0 <= p < size[0] and 0 <= q < size[1]:
                    for f in range(filters):
                        group = f // (filters // groups)
                        of_group = slice(group * channels, (group + 1) * channels)
                        y[of_group, p, q] += x[f, row, column] * weight[f, :, u, v]
    return y


def im2col(x_padded: Array, kernel: Pair, stride: Pair = (1, 1), dilation: Pair = (1, 1)) -> Array:
    """Return the matrix (C·Hf·Wf, H_out·W_out) whose columns are what each output element reads.

    A convolution is then one matrix product, and so are its gradients:

    >>> import numpy as np
    >>> from convcli.kernel import reference
    >>> x, weight = np.arange(12.0).reshape(1, 3, 4), np.ones((2, 1, 2, 2))
    >>> y = weight.reshape(2, -1) @ reference.im2col(x, (2, 2))
    >>> np.array_equal(y.reshape(2, 2, 3), reference.conv2d(x, weight))
    True
    """
    channels, taps_y, taps_x = len(x_padded), *kernel
    weight = np.empty((1, channels, taps_y, taps_x))
    rows, columns = output_size(x_padded, weight, stride, dilation)
    matrix = np.empty((channels, taps_y, taps_x, rows, columns))
    for u, v in np.ndindex(taps_y, taps_x):
        top, left = u * dilation[0], v * dilation[1]
        bottom, right = top + (rows - 1) * stride[0] + 1, left + (columns - 1) * stride[1] + 1
        matrix[:, u, v] = x_padded[:, top : bottom : stride[0], left : right : stride[1]]
    return matrix.reshape(channels * taps_y * taps_x, rows * columns)
