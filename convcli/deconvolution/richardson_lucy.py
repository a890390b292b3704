"""Richardson-Lucy: the likeliest scene without negative values, for light counted in photons.

Each iteration compares the picture with the blurred estimate, and multiplies the estimate by what
the transpose makes of their ratio::

    x ← x · Kᵀ(d / K x) / Kᵀ1

(Richardson 1972, Lucy 1974.) It is accelerated by vector extrapolation (Biggs and Andrews 1997): an
iteration does not begin at the last estimate x but beyond it, at y = x + α (x - x_before), where α
comes from the last two steps g = x - y: the part of one that goes on in the next.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from convcli.deconvolution.blocks import in_blocks
from convcli.deconvolution.model import BlurModel
from convcli.kernel.arrays import FloatArray
from convcli.system.progress import report_progress

LEAST = 1e-12
"""What the blurred estimate is at least, so that black can be divided by it."""

UNSEEN = 1e-6
"""Part of the greatest weight below which a sample of the scene does not affect the picture."""


def richardson_lucy(
    model: BlurModel, observed: FloatArray, iterations: int, *, accelerated: bool = True
) -> FloatArray:
    """Return the scene (C, H, W) whose blurred picture is ``observed`` (F, H, W).

    Neither samples nor kernel may be negative.
    """
    weight = model.transposed(np.ones_like(observed))
    # What no sample of the picture shows keeps its first estimate.
    unseen = weight <= UNSEEN * weight.max()
    np.copyto(weight, 1, where=unseen)
    estimate = np.maximum(model.first_estimate(observed), 0)
    before = estimate.copy()
    step = np.zeros_like(estimate)
    alpha = 0.0
    for iteration in range(iterations):
        beyond = before  # written over
        in_blocks(partial(_extrapolate, alpha=np.float32(alpha)), beyond, estimate)
        ratio = model.blurred(beyond)
        in_blocks(_divide, ratio, observed)
        corrected = model.transposed(ratio)
        del ratio
        products = in_blocks(_correct, corrected, weight, unseen, beyond, step)
        along, square = (sum(column) for column in zip(*products, strict=True))
        alpha = min(max(along / square, 0.0), 1.0) if accelerated and square else 0.0
        before, estimate = estimate, corrected
        report_progress(iteration + 1, iterations)
    return estimate


def _extrapolate(before: FloatArray, estimate: FloatArray, alpha: np.float32) -> None:
    """Put estimate + alpha (estimate - before), at least 0, into ``before``."""
    np.subtract(estimate, before, out=before)
    before *= alpha
    before += estimate
    np.maximum(before, 0, out=before)


def _divide(blurred: FloatArray, observed: FloatArray) -> None:
    """Put observed / blurred into ``blurred``."""
    np.maximum(blurred, LEAST, out=blurred)
    np.divide(observed, blurred, out=blurred)


def _correct(
    corrected: FloatArray,
    weight: FloatArray,
    unseen: NDArray[np.bool_],
    beyond: FloatArray,
    step: FloatArray,
) -> tuple[float, float]:
    """Make the transpose of the ratios the next estimate, and put its step into ``step``.

    Returns the inner products of the last step with the new one, and with itself.
    """
    corrected /= weight
    corrected *= beyond
    np.copyto(corrected, beyond, where=unseen)
    last = step.copy()
    np.subtract(corrected, beyond, out=step)
    return float((step * last).sum(dtype="f8")), float(np.square(last).sum(dtype="f8"))
