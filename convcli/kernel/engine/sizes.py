"""What the costs of a problem depend on: which methods can compute it, and in how many passes."""

from __future__ import annotations

from typing import Protocol

from convcli.kernel.engine.box import box_weight
from convcli.kernel.engine.cost_model import ProblemSize
from convcli.kernel.engine.decimated import axes_of
from convcli.kernel.engine.decimation import LEAST_TAPS
from convcli.kernel.engine.exactness import whole_kernel
from convcli.kernel.engine.float_passes import passes_of as float_passes_of
from convcli.kernel.engine.int16 import operations, sum_operations
from convcli.kernel.engine.int16_separable import passes_of
from convcli.kernel.engine.int32 import word_operations
from convcli.kernel.engine.packed_fft import packed_kernel
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.factors import Factors

MOST_DENSE = 4096
"""Weights of a kernel in factors above which no method may compute their outer product."""


class Sizes(Protocol):
    """Returns what costs depend on, for samples of some type."""

    def __call__(self, problem: ConvolutionProblem, *, is_large: bool = False) -> ProblemSize:
        """``is_large``: the outer product of the factors must not be computed."""


def unranked_size(
    problem: ConvolutionProblem, from_bytes: bool, to_floats: bool, from_words: bool
) -> ProblemSize:
    """Return the size of a problem whose kernel is taken to have full rank, except as factors.

    Samples are as in :func:`convcli.kernel.engine.dispatch.choose`.
    """
    sizes: Sizes = _of_words if from_words else _of_floats
    if from_bytes:
        sizes = _of_bytes_to_floats if to_floats else _of_bytes
    return sizes(problem, is_large=has_large_product(problem))


def has_large_product(problem: ConvolutionProblem) -> bool:
    """Return whether a kernel in factors is too large for its outer product to be computed."""
    weight = problem.weight
    return isinstance(weight, Factors) and len(weight.column) * len(weight.row) > MOST_DENSE


def _of_floats(problem: ConvolutionProblem, *, is_large: bool = False) -> ProblemSize:
    passes = None if is_large else float_passes_of(problem)
    return ProblemSize.of(problem)._replace(float_passes=passes)


def _of_bytes(problem: ConvolutionProblem, *, is_large: bool = False) -> ProblemSize:
    size = _of_floats(problem, is_large=is_large)
    passes = None if is_large else operations(problem)
    separable = None if is_large else passes_of(problem)
    axes = axes_of(problem) if max(size.window.kernel) >= LEAST_TAPS else None
    return size._replace(
        passes=None if passes is None else len(passes),
        decimation=None if axes is None else axes.steps,
        is_box=box_weight(problem) is not None,
        is_packable=not is_large and packed_kernel(problem) is not None,
        separable_passes=None if separable is None else separable.number,
        is_whole=not is_large and _has_whole_kernels(problem),
    )


def _of_bytes_to_floats(problem: ConvolutionProblem, *, is_large: bool = False) -> ProblemSize:
    found = None if is_large else sum_operations(problem)
    return _of_floats(problem, is_large=is_large)._replace(
        sum_passes=None if found is None else len(found[0]),
        is_whole=not is_large and _has_whole_kernels(problem),
    )


def _of_words(problem: ConvolutionProblem, *, is_large: bool = False) -> ProblemSize:
    found = None if is_large else word_operations(problem)
    return _of_floats(problem, is_large=is_large)._replace(
        word_passes=None if found is None else len(found),
        is_whole=not is_large and _has_whole_kernels(problem),
    )


def _has_whole_kernels(problem: ConvolutionProblem) -> bool:
    """Return whether results for whole samples have to be exact, for some filter."""
    return any(whole_kernel(one) is not None for group in problem.dense for one in group)
