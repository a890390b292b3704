"""The public verbs: check, plan in integers, extend, compute, crop.

Arrays are channel first, (C, H, W) or (N, C, H, W); weights are (F, C/groups, Hf, Wf), in
PyTorch's layout, for a convolution and its transpose alike.
"""

from __future__ import annotations

from numpy.typing import ArrayLike

from convcli.errors import ShapeError
from convcli.kernel.arrays import FloatArray, as_bias, as_stack, as_weight, check_channels
from convcli.kernel.borders import check_pad_mode, fold
from convcli.kernel.correlation import correlate
from convcli.kernel.geometry import (
    IntOrPair,
    PadLike,
    conv_geometry,
    conv_transpose_geometry,
)
from convcli.kernel.gradient import weight_gradient
from convcli.kernel.limits import check_samples, memory_checked
from convcli.kernel.scan import Scan
from convcli.kernel.transposition import transpose


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

    ``x``: (C, H, W) or (N, C, H, W), float32 or float64 (anything else is computed as float32).
    ``weight``: (F, C/groups, Hf, Wf), taken at the precision of ``x``. ``bias``: (F,).
    ``pad``: an int, (y, x), (top, left, bottom, right), "valid" (0), or "same" for an output of
    ceil(H/S) with the odd row at the bottom. ``pad_mode``: "zeros", "reflect", "replicate" or
    "circular". Returns (F, H_out, W_out) or (N, F, H_out, W_out), of the dtype of ``x``.

    Raises :class:`ShapeError` for shapes and parameters that do not fit together.
    """
    images, is_stack = as_stack(x)
    kernel = as_weight(weight, images.dtype, groups)
    _check_input(images, kernel, groups)
    offsets = as_bias(bias, images.dtype, kernel.shape[0])
    geometry = conv_geometry(images.shape[2:], kernel.shape[2:], stride, pad, dilation)
    check_samples(images.shape[0], images.shape[1], kernel.shape[0], geometry)
    check_pad_mode(pad_mode)
    y = correlate(images, kernel, Scan.of(geometry, pad_mode), groups=groups, bias=offsets)
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
    """Return the gradients of a loss for x, weight and bias, from its gradient for y.

    The parameters are those of the :func:`conv2d` that gave y; ``grad_y`` has the shape of y.
    Returns ``(grad_x, grad_weight, grad_bias)`` in the shapes of x and weight, and (F,); all of
    the dtype of ``x``. Raises :class:`ShapeError`.
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
    grad_weight = weight_gradient(gradient, images, Scan.of(geometry, pad_mode), groups)
    if pad_mode == "zeros":
        grad_x = transpose(gradient, kernel, geometry, groups)
    else:
        grad_extended = transpose(gradient, kernel, geometry.without_pads(), groups)
        grad_x = fold(grad_extended, geometry.pads, pad_mode)
    return (grad_x if is_stack else grad_x[0]), grad_weight, gradient.sum((0, 2, 3))


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

    Each input element scales the kernel; the scaled kernels are laid S apart, overlaps are
    summed, and ``pad`` is cropped away.

    ``x``: (F, H, W) or (N, F, H, W). ``weight``: (F, C/groups, Hf, Wf), the weight of the
    convolution that maps C channels to F. ``bias``: (C,). ``pad="same"`` gives H·S exactly;
    ``output_padding`` adds rows at the bottom and columns at the right, fewer than the stride or
    the dilation. Under a ``pad_mode`` other than "zeros" the input goes on past its edges.
    Returns (C, H_out, W_out) or (N, C, H_out, W_out) with
    ``H_out = (H-1)·S + D(Hf-1)+1 - P_top - P_bottom + output_padding``.

    Raises :class:`ShapeError` for shapes and parameters that do not fit together.
    """
    images, is_stack = as_stack(x)
    kernel = as_weight(weight, images.dtype, groups)
    filters, depth = kernel.shape[:2]
    check_channels("x", images.shape[1], filters, f"a weight of shape {kernel.shape}")
    check_pad_mode(pad_mode)
    offsets = as_bias(bias, images.dtype, depth * groups)
    geometry = conv_transpose_geometry(
        images.shape[2:], kernel.shape[2:], stride, pad, output_padding, dilation
    )
    check_samples(len(images), depth * groups, filters, geometry)
    y = transpose(images, kernel, geometry, groups, pad_mode, offsets)
    return y if is_stack else y[0]


def _check_input(images: FloatArray, kernel: FloatArray, groups: int) -> None:
    wanted = kernel.shape[1] * groups
    check_channels(
        "x", images.shape[1], wanted, f"a weight of shape {kernel.shape} in {groups} group(s)"
    )
