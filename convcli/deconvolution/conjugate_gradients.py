"""Conjugate gradients (Hestenes and Stiefel 1952): a symmetric, positive system by products."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from convcli.deconvolution.blocks import in_blocks, inner
from convcli.kernel.arrays import FloatArray
from convcli.system.progress import report_progress


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
        in_blocks(lambda a, b, by=length: add_scaled(a, b, by), solution, direction)
        in_blocks(lambda a, b, by=length: add_scaled(a, b, -by), residual, product)
        before, square = square, inner(residual, residual)
        ratio = square / before
        in_blocks(lambda a, b, by=ratio: _continue(a, b, by), direction, residual)
        report_progress(iteration + 1, iterations)
    report_progress(1, 1)
    return solution


def add_scaled(into: FloatArray, other: FloatArray, factor: float) -> None:
    """Add ``factor`` times ``other`` to ``into``."""
    into += other * into.dtype.type(factor)


def _continue(direction: FloatArray, residual: FloatArray, factor: float) -> None:
    direction *= direction.dtype.type(factor)
    direction += residual
