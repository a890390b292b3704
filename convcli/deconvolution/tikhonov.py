"""Tikhonov: the scene x that explains the picture d, and strays no further than it has to.

It minimises ``|K x - d|² + λ |x - x₀|²``, where x₀ is the picture itself: the mean and whatever K
removed stay as they are, and noise is amplified by about ``1 / (2 √λ)`` at most. The correction
z = x - x₀ solves ``(KᵀK + λ) z = Kᵀ(d - K x₀)``, by conjugate gradients (Hestenes and Stiefel,
1952).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from convcli.deconvolution.blocks import in_blocks, inner
from convcli.deconvolution.model import BlurModel
from convcli.kernel.arrays import FloatArray
from convcli.system.progress import report_progress

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
        in_blocks(lambda a, b: _add(a, b, regularize), product, image)
        return product

    first += conjugate_gradients(normal, right, iterations, tolerance)
    return first


def conjugate_gradients(
    normal: Callable[[FloatArray], FloatArray],
    right: FloatArray,
    iterations: int,
    tolerance: float,
) -> FloatArray:
    """Solve ``normal(z) = right`` for z, (C, H, W); ``normal`` is linear, symmetric and positive.

    Ends when the norm of the residual is ``tolerance`` of that of ``right``, which is overwritten.
    """
    residual, solution = right, np.zeros_like(right)
    direction = residual.copy()
    square = inner(residual, residual)
    enough = tolerance**2 * square
    for iteration in range(iterations):
        if square <= enough:
            break
        product = normal(direction)
        length = square / inner(direction, product)
        in_blocks(lambda a, b, by=length: _add(a, b, by), solution, direction)
        in_blocks(lambda a, b, by=length: _add(a, b, -by), residual, product)
        before, square = square, inner(residual, residual)
        ratio = square / before
        in_blocks(lambda a, b, by=ratio: _continue(a, b, by), direction, residual)
        report_progress(iteration + 1, iterations)
    report_progress(1, 1)
    return solution


def _add(into: FloatArray, other: FloatArray, factor: float) -> None:
    into += other * into.dtype.type(factor)


def _continue(direction: FloatArray, residual: FloatArray, factor: float) -> None:
    direction *= direction.dtype.type(factor)
    direction += residual
