"""Convolution of any samples as passes over rows of floats, shifted and added.

What :mod:`convcli.kernel.engine.int16` does for 8-bit samples and whole numbers, for all others:
for kernels of few weights, and for those of rank 1, whose column is computed before their row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.engine import cost_model
from convcli.kernel.engine.cost_model import ProblemSize
from convcli.kernel.engine.direct import Direct
from convcli.kernel.engine.method import Method, RowFunction
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.engine.shifted_sums import Tap
from convcli.kernel.engine.steps import Steps, bound, count, fewest_steps, separable_steps
from convcli.kernel.factors import Factors
from convcli.kernel.window import RowReader

BLOCK_SAMPLES = 1 << 19
"""About how many samples of the result are computed at once."""
MOST_WEIGHTS = 81
"""Of kernels that are taken apart to count their passes: larger ones would take more than others.

The length of a column or a row that is a factor has the same limit."""


def steps_of(problem: ConvolutionProblem) -> tuple[Steps, ...] | None:
    """Return the steps of each group's kernel; None where the method cannot, or is no use."""
    if problem.shape[1:3] != (1, 1) or problem.window.stride != (1, 1):
        return None
    weight = problem.weight
    if isinstance(weight, Factors):
        if max(weight.shape) > MOST_WEIGHTS:
            return None
        column, row = (factor.astype(np.float64) for factor in weight)
        return (separable_steps(column, row),)
    if weight[0].size > MOST_WEIGHTS:
        return None
    return tuple(fewest_steps(kernel[0, 0]) for kernel in weight)


def passes_of(problem: ConvolutionProblem) -> int | None:
    """Return how many passes the method takes for the most laborious kernel, if it can."""
    found = steps_of(problem)
    return None if found is None else max(map(count, found))


class FloatPasses(Method):
    """Convolution by additions of shifted rows of floats."""

    def __init__(self, problem: ConvolutionProblem, block_samples: int = BLOCK_SAMPLES) -> None:
        super().__init__(problem)
        steps = steps_of(problem)
        if steps is None:
            raise ValueError("not small kernels of single channels at stride 1")
        self.steps, self.block_samples = steps, block_samples

    @staticmethod
    def cost(size: ProblemSize) -> float | None:
        passes = size.float_passes
        if passes is None:
            return None
        return cost_model.FLOAT_PASS * passes + cost_model.FLOAT_SAMPLE

    @property
    def step(self) -> int:
        rows = self.problem.window.output[0]
        return max(1, min(max(4, self.block_samples // self.problem.samples), rows))

    def for_thread(self) -> RowFunction:
        return _Thread(self).rows


class _Thread:
    """The buffers of one thread: rows as they are read, and two for what steps write."""

    def __init__(self, method: FloatPasses) -> None:
        self.method, self.step = method, method.step
        problem = method.problem
        self.window, self.samples = problem.window, problem.samples
        self.reader = RowReader(self.window, problem.width)
        self.pitch = self.reader.length
        self.exact = Direct(problem).for_thread()
        size = self.window.for_rows(0, self.step).rows * self.pitch
        self.padded = np.zeros(size, problem.dtype)
        self.spare = [np.zeros(size, problem.dtype) for _ in range(2)]
        self.term = np.empty(size, problem.dtype)
        self.passes: dict[int, tuple[list[Callable[[], Any]], NDArray[Any]]] = {}

    @np.errstate(over="ignore", invalid="ignore")
    def rows(
        self, source: NDArray[Any], target: NDArray[Any], group: int, start: int, stop: int
    ) -> None:
        """Compute the rows start to stop of ``target``."""
        if group not in self.passes:
            self.passes[group] = bound(
                self.method.steps[group], self.padded, self.spare, self.term, self._offset
            )
        passes, total = self.passes[group]
        by_row = total[: self.step * self.pitch].reshape(self.step, self.pitch)
        for first in range(start, stop, self.step):
            past = min(first + self.step, stop)
            block = self.window.for_rows(first, past)
            padded = self.padded[: block.rows * self.pitch].reshape(block.rows, 1, 1, self.pitch)
            self.reader.read(source, block.origin[0], 1, padded)
            for do in passes:
                do()
            sums = by_row[np.newaxis, : past - first, : self.samples]
            # Neighbours that are taken together, or a sum that is too large on the way, would
            # spread an infinity further than the kernel does.
            if source.dtype.kind == "f" and not np.isfinite(np.add.reduce(sums, axis=None)):
                self.exact(source, target, group, first, past)
                continue
            self.method.finish(sums, target[..., first:past, :], group)

    def _offset(self, tap: Tap) -> int:
        row, sample = tap[0] * self.window.dilation[0], tap[1] * self.window.dilation[1]
        return row * self.pitch + sample * self.window.interleaved
