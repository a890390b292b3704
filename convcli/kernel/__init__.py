"""Convolution, its transpose and its gradients, on (C, H, W) arrays in pure NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcli.system.lazy_exports import exports

if TYPE_CHECKING:
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

__getattr__ = exports(
    __name__,
    {
        "convcli.kernel.convolution": ("conv2d", "conv2d_backward", "conv_transpose2d"),
        "convcli.kernel.geometry": ("conv_output_size", "conv_transpose_output_size"),
        "convcli.kernel.matrix": ("conv_matrix",),
    },
)
