"""The whole fit, as a Python function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from convcli.errors import ShapeError
from convcli.fitting.gradients import by_gradients
from convcli.fitting.judgement import judged
from convcli.fitting.options import Options
from convcli.fitting.outcome import by_normal_equations
from convcli.fitting.problem import Load, Problem
from convcli.fitting.result import Fit
from convcli.fitting.trials import choose
from convcli.images import Picture

MOST_UNKNOWNS = 700
"""Weights of a system above which conjugate gradients need less time and memory."""

MOST_WEIGHTS = 2_500
"""Weights of a system, at most."""


def fit_filter(
    before: Picture | ArrayLike | Sequence[Picture],
    after: Picture | ArrayLike | Sequence[Picture],
    **options: Any,
) -> Fit:
    """Return the filter that turns ``before`` into ``after``, by least squares.

    Both are pictures, arrays (H, W) or (C, H, W), or lists of pictures, pair by pair. Options:
    ``size`` ("auto", n or (h, w)), ``channels`` ("shared", "separate", "mixed"; by default shared
    if the counts are equal), ``bias`` (True, False; None tries both), ``stride``, ``linear``
    ("auto", True, False), ``pad_mode`` ("auto" or one of four), ``ridge`` ("auto", or a number
    times the mean square of a sample), ``snap`` (True: whole numbers over a divisor, and known
    kernels, if they explain as much), ``align`` ("auto" or (y, x)), ``solver`` ("auto",
    "normal", "gradients").

    For kernels above 5×5, NumPy's BLAS and this function would both start threads, which wait for
    each other on a busy machine: set ``OPENBLAS_NUM_THREADS=1`` before NumPy is imported, as the
    command line does.

    Samples of ``after`` at either end of an integer scale may be clipped, and are left out.
    Raises :class:`ShapeError` for sizes that do not match, :class:`FilterError` for options, and
    :class:`ImageError` for pictures that determine no filter.

    >>> import numpy as np
    >>> from convcli import conv2d, fit_filter
    >>> x = np.random.default_rng(0).random((1, 40, 50))
    >>> y = conv2d(x, [[[[0, -1, 0], [-1, 5, -1], [0, -1, 0]]]], pad="same")
    >>> fit = fit_filter(x, y)
    >>> fit.filter.weight.astype(int).tolist(), fit.name
    ([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], 'sharpen')
    """
    befores, afters = _pictures(before), _pictures(after)
    if len(befores) != len(afters):
        raise ShapeError(f"there are {len(befores)} pictures before and {len(afters)} after")
    loads = [_loader(one, other) for one, other in zip(befores, afters, strict=True)]
    return fit_pairs(loads, Options(**options))


def fit_pairs(loads: Sequence[Load], options: Options) -> Fit:
    """Return the filter of many pairs, each read when needed."""
    if not loads:
        raise ShapeError("there is no pair of pictures to fit")
    problem = Problem(loads, options)
    choice = choose(problem)
    unknowns = problem.layout(choice.size).unknowns
    if unknowns > MOST_WEIGHTS:
        raise ShapeError(
            f"{unknowns:,} weights are more than the {MOST_WEIGHTS:,} that can be fitted: use "
            "a smaller size"
        )
    is_large = unknowns > MOST_UNKNOWNS if options.solver == "auto" else options.solver != "normal"
    if is_large and not problem.relation.is_transposed:
        outcome = by_gradients(problem, choice)
    else:
        outcome = by_normal_equations(problem, choice)
    return judged(problem, choice, outcome)


def _pictures(given: Picture | ArrayLike | Sequence[Picture]) -> list[Picture]:
    if isinstance(given, Picture):
        return [given]
    if isinstance(given, (list, tuple)) and all(isinstance(one, Picture) for one in given):
        return list(given)
    return [Picture.from_array(np.asarray(given))]


def _loader(before: Picture, after: Picture) -> Load:
    return lambda: (before, after)
