"""Undoing a blur: finding the picture that a filter made into another.

Both methods use the convolution with the filter and its transpose, and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcli.system.lazy_exports import exports

if TYPE_CHECKING:
    from convcli.deconvolution.deconvolve import deconvolve
    from convcli.deconvolution.inverse import invert_filter
    from convcli.deconvolution.operator import Deconvolution

__all__ = ["Deconvolution", "deconvolve", "invert_filter"]

__getattr__ = exports(
    __name__,
    {
        "convcli.deconvolution.deconvolve": ("deconvolve",),
        "convcli.deconvolution.inverse": ("invert_filter",),
        "convcli.deconvolution.operator": ("Deconvolution",),
    },
)
