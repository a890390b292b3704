"""Convolution and transposed convolution for pictures and arrays.

The names below are loaded when first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcli.lazy import exports

if TYPE_CHECKING:
    from convcli.errors import (
        ConvcliError,
        FilterError,
        ImageError,
        ImageWarning,
        PlanError,
        ShapeError,
    )
    from convcli.filters import Filter, load_filter
    from convcli.fitting import Fit, fit_filter
    from convcli.images import Picture, read_image, write_image
    from convcli.kernel import (
        conv2d,
        conv2d_backward,
        conv_matrix,
        conv_output_size,
        conv_transpose2d,
        conv_transpose_output_size,
    )
    from convcli.ops import apply_filters, upsample

__version__ = "0.1.0"

__all__ = [
    "ConvcliError",
    "Filter",
    "FilterError",
    "Fit",
    "ImageError",
    "ImageWarning",
    "Picture",
    "PlanError",
    "ShapeError",
    "apply_filters",
    "conv2d",
    "conv2d_backward",
    "conv_matrix",
    "conv_output_size",
    "conv_transpose2d",
    "conv_transpose_output_size",
    "fit_filter",
    "load_filter",
    "read_image",
    "upsample",
    "write_image",
]

__getattr__ = exports(
    __name__,
    {
        "errors": (
            "ConvcliError",
            "FilterError",
            "ImageError",
            "ImageWarning",
            "PlanError",
            "ShapeError",
        ),
        "filters": ("Filter", "load_filter"),
        "fitting": ("Fit", "fit_filter"),
        "images": ("Picture", "read_image", "write_image"),
        "kernel": (
            "conv2d",
            "conv2d_backward",
            "conv_matrix",
            "conv_output_size",
            "conv_transpose2d",
            "conv_transpose_output_size",
        ),
        "ops": ("apply_filters", "upsample"),
    },
)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
