"""Convolution and transposed convolution for pictures and arrays.

The names below are loaded when first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

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
    "load_filter",
    "read_image",
    "upsample",
    "write_image",
]

_MODULES = {
    "convcli.errors": (
        "ConvcliError",
        "FilterError",
        "ImageError",
        "ImageWarning",
        "PlanError",
        "ShapeError",
    ),
    "convcli.filters": ("Filter", "load_filter"),
    "convcli.images": ("Picture", "read_image", "write_image"),
    "convcli.kernel": (
        "conv2d",
        "conv2d_backward",
        "conv_matrix",
        "conv_output_size",
        "conv_transpose2d",
        "conv_transpose_output_size",
    ),
    "convcli.ops": ("apply_filters", "upsample"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
