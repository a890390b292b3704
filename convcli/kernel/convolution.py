"""The public operations: check the arguments, settle the geometry in integers, compute.

Arrays are channel first, (C, H, W) or (N, C, H, W); weights are (F, C/groups, Hf, Wf), in
PyTorch's layout, for a convolution and its transpose alike.
"""

from __future__ import annotations

from numpy.typing import ArrayLike

from convcli.errors import ShapeError
from convcli.kernel.arrays import FloatArray, as_bias, as_stack, as_weight, check_channels
from convcli.kernel.engine.dispatch import correlate
from convcli.kernel.geometry import (
    IntOrPair,
    PadLike,
    conv_geometry,
    conv_transpose_geometry,
)
from convcli.kernel.limits import check_samples, memory_checked
from convcli.kernel.padding import check_pad_mode, pad_adjoint
from convcli.kernel.transpose import prepare_transpose
from convcli.kernel.weight_gradient import weight_and_bias_gradients
from convcli.kernel.window import Window


@memory_checked()
def conv2d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    stride: IntOrPair = 1,
    pad: PadLike = 0,
    pad_mode: str = "zeros",
    dilation: IntOrPair = 1,
    groups: int = 1,
) -> FloatArray:
    """Convolve images with filters, as neural networks do: the kernel is not rotated.

    ``y[n,f,i,j] = bias[f] + Σ_c Σ_u Σ_v xpad[n, c, i·S + u·D, j·S + v·D] · weight[f,c,u,v]``

    with stride S and dilation D; the output has ``floor((H + pads - (D(Hf-1)+1)) / S) + 1`` rows,
    and columns likewise. This is the cross-correlation of PyTorch's ``torch.nn.functional.conv2d``
    (see also Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016).

    Parameters
    ----------
    x
        (C, H, W) or (N, C, H, W), float32 or float64; anything else is computed as float32.
    weight
        (F, C/groups, Hf, Wf), taken at the precision of ``x``.
    bias
        (F,), or None for zeros.
    stride, dilation
        An int or (y, x), from 1 up.
    pad
        Rows and columns added around the image: an int, (y, x), (top, left, bottom, right),
        "valid" (0), or "same" for an output of ceil(H/S), the odd row at the bottom.
    pad_mode
        What those hold: "zeros", "reflect", "replicate" or "circular".
    groups
        Input and output channels are split into this many groups, convolved independently.

    Returns
    -------
    (F, H_out, W_out) or (N, F, H_out, W_out), of the dtype of ``x``.

    Raises
    ------
    ShapeError
        For shapes and parameters that do not fit together.

    Examples
    --------
    One channel, one filter: each output is the sum of three neighbours.

    >>> import numpy as np
    >>> from convcli import conv2d
    >>> x = np.array([[[1.0, 2, 3, 4]]])
    >>> conv2d(x, np.ones((1, 1, 1, 3)), pad=(0, 1))
    array([[[3., 6., 9., 7.]]])
    >>> conv2d(x, np.ones((1, 1, 1, 3)), pad=(0, 1), stride=(1, 2))
    array([[[3., 9.]]])
    """
    images, is_stack = as_stack(x)
    kernel = as_weight(weight, images.dtype, groups)
    _check_input(images, kernel, groups)
    offsets = as_bias(bias, images.dtype, kernel.shape[0])
    geometry = conv_geometry(images.shape[2:], kernel.shape[2:], stride, pad, dilation)
    check_samples(images.shape[0], images.shape[1], kernel.shape[0], geometry)
    check_pad_mode(pad_mode)
    y = correlate(images, kernel, Window.of(geometry, pad_mode), groups=groups, bias=offsets)
    return y if is_stack else y[0]


@memory_checked()
def conv2d_backward(
    grad_y: ArrayLike,
    x: ArrayLike,
    weight: ArrayLike,
    *,
    stride: IntOrPair = 1,
    pad: PadLike = 0,
    pad_mode: str = "zeros",
    dilation: IntOrPair = 1,
    groups: int = 1,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the gradients of a loss L for x, weight and bias, from its gradient for y.

    With y = conv2d(x, weight, bias) and g = ∂L/∂y:

    - ``∂L/∂x[n,c,p,q] = Σ_f Σ_u Σ_v g[n,f,i,j] · weight[f,c,u,v]`` over the (i, j) with
      ``i·S + u·D - top = p`` and ``j·S + v·D - left = q``. The gradient for x is the transposed
      convolution of g; where padding repeats elements of x, its adjoint adds their gradients up.
    - ``∂L/∂weight[f,c,u,v] = Σ_n Σ_i Σ_j g[n,f,i,j] · xpad[n, c, i·S + u·D, j·S + v·D]``: the
      correlation of x with g, whose taps lie S apart, sampled every D elements.
    - ``∂L/∂bias[f] = Σ_n Σ_i Σ_j g[n,f,i,j]``.

    They follow from the chain rule and the definition of :func:`conv2d` (see Dumoulin and Visin,
    2016, chapter 4, on the transpose).

    Parameters
    ----------
    grad_y
        The gradient for y, of the shape of y.
    x, weight, stride, pad, pad_mode, dilation, groups
        As they were given to :func:`conv2d`.

    Returns
    -------
    ``(grad_x, grad_weight, grad_bias)`` in the shapes of x and weight, and (F,); all of the
    dtype of ``x``.

    Raises
    ------
    ShapeError
        For shapes and parameters that do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> from convcli import conv2d_backward
    >>> x, weight = np.array([[[1.0, 2, 3, 4]]]), np.array([[[[1.0, 10, 100]]]])
    >>> g = np.array([[[1.0, 0, 0, 1]]])  # the loss is the first output plus the last
    >>> grad_x, grad_weight, grad_bias = conv2d_backward(g, x, weight, pad=(0, 1))
    >>> grad_x
    array([[[ 10., 100.,   1.,  10.]]])
    >>> grad_weight, grad_bias
    (array([[[[3., 5., 2.]]]]), array([2.]))
    """
    images, is_stack = as_stack(x)
    kernel = as_weight(weight, images.dtype, groups)
    _check_input(images, kernel, groups)
    geometry = conv_geometry(images.shape[2:], kernel.shape[2:], stride, pad, dilation)
    check_samples(images.shape[0], images.shape[1], kernel.shape[0], geometry)
    gradient, gradient_is_stack = as_stack(grad_y, "grad_y")
    expected = (images.shape[0], kernel.shape[0], *geometry.output)
    if gradient.shape != expected or gradient_is_stack != is_stack:
        raise ShapeError(
            f"grad_y must have the shape of y, {expected if is_stack else expected[1:]}: "
            f"its shape is {gradient.shape if gradient_is_stack else gradient.shape[1:]}"
        )
    gradient = gradient.astype(images.dtype, copy=False)

    check_pad_mode(pad_mode)
    window = Window.of(geometry, pad_mode)
    grad_weight, grad_bias = weight_and_bias_gradients(gradient, images, window, groups)
    if pad_mode == "zeros":
        grad_x = prepare_transpose(kernel, geometry, groups).whole(gradient)
    else:
        grad_padded = prepare_transpose(kernel, geometry.without_pads(), groups).whole(gradient)
        grad_x = pad_adjoint(grad_padded, geometry.pads, pad_mode)
    return (grad_x if is_stack else grad_x[0]), grad_weight, grad_bias


@memory_checked()
def conv_transpose2d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    stride: IntOrPair = 1,
    pad: PadLike = 0,
    pad_mode: str = "zeros",
    output_padding: IntOrPair = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
) -> FloatArray:
    """Apply the transpose of the convolution with ``weight``, taken as a linear map.

    Each input element scales the kernel; the scaled kernels are placed S apart, overlaps are
    summed, and ``pad`` is cropped away:

    ``y[n,c,p,q] = bias[c] + Σ_f Σ_u Σ_v x[n,f,i,j] · weight[f,c,u,v]`` over the (i, j) with
    ``i·S + u·D - top = p`` and ``j·S + v·D - left = q``.

    The result has ``(H-1)·S + D(Hf-1)+1 - pads + output_padding`` rows, and columns likewise.
    This is PyTorch's ``torch.nn.functional.conv_transpose2d`` (see Dumoulin and Visin, 2016,
    chapter 4).

    Parameters
    ----------
    x
        (F, H, W) or (N, F, H, W), float32 or float64; anything else is computed as float32.
    weight
        (F, C/groups, Hf, Wf): the weight of the convolution that maps C channels to F.
    bias
        (C,), or None for zeros.
    stride, dilation
        An int or (y, x), from 1 up.
    pad
        Rows and columns cropped from the result, in the forms that :func:`conv2d` takes; "same"
        gives H·S rows exactly.
    pad_mode
        Other than "zeros", the input is extended past its edges in this mode before it is
        transposed and cropped, which PyTorch does not offer.
    output_padding
        Rows added at the bottom and columns at the right, fewer than the stride or the dilation.
    groups
        As in :func:`conv2d`.

    Returns
    -------
    (C, H_out, W_out) or (N, C, H_out, W_out), of the dtype of ``x``.

    Raises
    ------
    ShapeError
        For shapes and parameters that do not fit together.

    Examples
    --------
    ``[a, b]`` with the kernel ``[x, y, z]`` at stride 2 is ``[ax, ay, az+bx, by, bz]``:

    >>> import numpy as np
    >>> from convcli import conv_transpose2d
    >>> a, b = 2, 3
    >>> x, y, z = 10, 100, 1000
    >>> conv_transpose2d(np.array([[[a, b]]]), np.array([[[[x, y, z]]]]), stride=(1, 2))
    array([[[  20.,  200., 2030.,  300., 3000.]]], dtype=float32)
    """
    images, is_stack = as_stack(x)
    kernel = as_weight(weight, images.dtype, groups)
    filters, channels = kernel.shape[:2]
    check_channels("x", images.shape[1], filters, f"a weight of shape {kernel.shape}")
    check_pad_mode(pad_mode)
    offsets = as_bias(bias, images.dtype, channels * groups)
    geometry = conv_transpose_geometry(
        images.shape[2:], kernel.shape[2:], stride, pad, output_padding, dilation
    )
    check_samples(len(images), channels * groups, filters, geometry)
    y = prepare_transpose(kernel, geometry, groups, pad_mode, offsets).whole(images)
    return y if is_stack else y[0]


def _check_input(images: FloatArray, kernel: FloatArray, groups: int) -> None:
    wanted = kernel.shape[1] * groups
    check_channels(
        "x", images.shape[1], wanted, f"a weight of shape {kernel.shape} in {groups} group(s)"
    )
