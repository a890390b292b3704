"""Convolution and transposed convolution for pictures and arrays.

The names below are imported on first use, so that importing the package is fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcli.system.lazy_exports import exports

if TYPE_CHECKING:
    from convcli.deconvolution import deconvolve
    from convcli.errors import (
        ConvcliError,
        ExistsError,
        FilterError,
        ImageError,
        ImageWarning,
        PlanError,
        ShapeError,
    )
    from convcli.filters import Filter, load_filter, make_filter
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
    from convcli.pipeline.apply import apply_filters, upsample

__version__ = "0.1.0"

__all__ = [
    "ConvcliError",
    "ExistsError",
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
    "deconvolve",
    "fit_filter",
    "load_filter",
    "make_filter",
    "read_image",
    "upsample",
    "write_image",
]

__getattr__ = exports(
    __name__,
    {
        "convcli.deconvolution": ("deconvolve",),
        "convcli.errors": (
            "ConvcliError",
            "ExistsError",
            "FilterError",
            "ImageError",
            "ImageWarning",
            "PlanError",
            "ShapeError",
        ),
        "convcli.filters": ("Filter", "load_filter", "make_filter"),
        "convcli.fitting": ("Fit", "fit_filter"),
        "convcli.images": ("Picture", "read_image", "write_image"),
        "convcli.kernel": (
            "conv2d",
            "conv2d_backward",
            "conv_matrix",
            "conv_output_size",
            "conv_transpose2d",
            "conv_transpose_output_size",
        ),
        "convcli.pipeline.apply": ("apply_filters", "upsample"),
    },
)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
