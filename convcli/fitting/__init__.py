"""Finding the filter that turns one picture into another.

Least squares over the samples that are neither clipped nor transparent: normal equations summed
tile by tile, or conjugate gradients with the convolution and its gradient.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcli.system.lazy_exports import exports

if TYPE_CHECKING:
    from convcli.fitting.fit import fit_filter, fit_pairs
    from convcli.fitting.result import Fit

__all__ = ["Fit", "fit_filter", "fit_pairs"]

__getattr__ = exports(
    __name__,
    {"convcli.fitting.fit": ("fit_filter", "fit_pairs"), "convcli.fitting.result": ("Fit",)},
)
