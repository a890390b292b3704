"""A convolution written out as the matrix it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.errors import ShapeError
from convcli.kernel.arrays import FloatArray, as_weight, check_channels
from convcli.kernel.geometry import Geometry, IntOrPair, PadLike, conv_geometry, pair
from convcli.kernel.limits import MOST_SAMPLES, check_samples, memory_checked
from convcli.kernel.padding import check_pad_mode, source_index


@memory_checked()
def conv_matrix(
    weight: ArrayLike,
    shape: tuple[int, int, int],
    *,
    stride: IntOrPair = 1,
    pad: PadLike = 0,
    pad_mode: str = "zeros",
    dilation: IntOrPair = 1,
    groups: int = 1,
) -> FloatArray:
    """Return M with ``M @ x.ravel() == conv2d(x, weight, …).ravel()`` for x of ``shape``.

    Row (f, i, j) of M holds ``weight[f,c,u,v]`` in the column of the element of x that this tap of
    this output reads; a tap that reads a zero of the border has no column. The transpose of M is
    the transposed convolution, ``M.T @ y.ravel() == conv_transpose2d(y, weight, …).ravel()``, with
    zero borders and the output padding that leads back to (H, W).

    Parameters
    ----------
    weight
        (F, C/groups, Hf, Wf).
    shape
        (C, H, W) of x.
    stride, pad, pad_mode, dilation, groups
        As in :func:`conv2d`.

    Returns
    -------
    (F·H_out·W_out, C·H·W), dense, meant for small images; float32 if the weight is, else float64.

    Raises
    ------
    ShapeError
        For shapes and parameters that do not fit together.

    Examples
    --------
    Four samples, three taps, pad 1, and the transpose:

    >>> import numpy as np
    >>> from convcli import conv_matrix
    >>> M = conv_matrix(np.array([[[[1.0, 2, 3]]]]), (1, 1, 4), pad=(0, 1))
    >>> M
    array([[2., 3., 0., 0.],
           [1., 2., 3., 0.],
           [0., 1., 2., 3.],
           [0., 0., 1., 2.]])
    >>> M.T @ [1, 0, 0, 0]
    array([2., 3., 0., 0.])
    """
    given = np.asarray(weight)
    kernel = as_weight(given, np.float32 if given.dtype == np.float32 else np.float64, groups)
    check_pad_mode(pad_mode)
    if len(shape) != 3 or min(shape) < 1:
        raise ShapeError(f"shape must be (C, H, W), none of them 0: got {shape!r}")
    channels = shape[0]
    height, width = pair(shape[1:], "shape", 1)
    filters, group_channels = kernel.shape[:2]
    check_channels("x", channels, group_channels * groups, f"a weight of shape {kernel.shape}")
    geometry = conv_geometry((height, width), kernel.shape[2:], stride, pad, dilation)
    check_samples(1, channels, filters, geometry)
    rows, columns = filters * geometry.output[0] * geometry.output[1], channels * height * width
    if rows * columns > MOST_SAMPLES:
        raise ShapeError(f"the matrix would be {rows:,}×{columns:,}: use a smaller image")

    # Axes of the index arrays: filter f, channel c of its group, output i, j, tap u, v.
    f, c, i, j, u, v = np.ogrid[
        :filters,
        :group_channels,
        : geometry.output[0],
        : geometry.output[1],
        : geometry.kernel[0],
        : geometry.kernel[1],
    ]
    y, inside_y = _source(geometry, 0, i, u, pad_mode)
    x, inside_x = _source(geometry, 1, j, v, pad_mode)
    row = (f * geometry.output[0] + i) * geometry.output[1] + j
    channel = f // (filters // groups) * group_channels + c
    column = (channel * height + y) * width + x
    matrix = np.zeros((rows, columns))
    # Several taps may fall on one pixel (reflected or repeated borders): they add up.
    np.add.at(matrix, np.broadcast_arrays(row, column), kernel[f, c, u, v] * (inside_y & inside_x))
    return matrix.astype(kernel.dtype, copy=False)


def _source(
    geometry: Geometry, axis: int, output: NDArray[np.intp], tap: NDArray[np.intp], mode: str
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the input index that each tap of each output reads, and whether it is not a zero."""
    size, before = geometry.image[axis], geometry.pads[axis]
    position = output * geometry.stride[axis] + tap * geometry.dilation[axis]
    index = source_index(-before, size + geometry.pads[axis + 2], size, mode)[position]
    return index.clip(0), index >= 0
