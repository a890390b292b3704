"""Tikhonov: the scene x that explains the picture d, and strays no further than it has to.

It minimises ``|K x - d|² + λ |x - x₀|²``, where x₀ is the picture itself: the mean and whatever K
removed stay as they are, and noise is amplified by about ``1 / (2 √λ)`` at most. The correction
z = x - x₀ solves ``(KᵀK + λ) z = Kᵀ(d - K x₀)``, by conjugate gradients.
"""

from __future__ import annotations

import numpy as np

from convcli.deconvolution.blocks import in_blocks
from convcli.deconvolution.conjugate_gradients import add_scaled, conjugate_gradients
from convcli.deconvolution.model import BlurModel
from convcli.kernel.arrays import FloatArray

TOLERANCE = 1e-3
"""Part of the right side's norm that may be left: more iterations change less than a level."""


def tikhonov(
    model: BlurModel,
    observed: FloatArray,
    iterations: int,
    regularize: float,
    *,
    tolerance: float = TOLERANCE,
) -> FloatArray:
    """Return the scene (C, H, W) whose blurred picture is ``observed`` (F, H, W).

    ``regularize`` is λ. It takes ``iterations`` at most, fewer where they change nothing.
    """
    first = model.first_estimate(observed)
    difference = model.blurred(first)
    np.subtract(observed, difference, out=difference)
    right = model.transposed(difference)
    del difference

    def normal(image: FloatArray) -> FloatArray:
        product = model.transposed(model.blurred(image))
        in_blocks(lambda a, b: add_scaled(a, b, regularize), product, image)
        return product

    first += conjugate_gradients(normal, right, iterations, tolerance)
    return first
