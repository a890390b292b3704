"""Convolution, its transpose and its gradients, on (C, H, W) arrays in pure NumPy."""

from convcli.kernel.convolution import conv2d, conv2d_backward, conv_transpose2d
from convcli.kernel.geometry import conv_output_size, conv_transpose_output_size
from convcli.kernel.matrix import conv_matrix

__all__ = [
    "conv2d",
    "conv2d_backward",
    "conv_matrix",
    "conv_output_size",
    "conv_transpose2d",
    "conv_transpose_output_size",
]
