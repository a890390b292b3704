"""Convolution of any samples as passes over rows of floats, shifted and added.

What :mod:`convcli.kernel.engine.int16` does for 8-bit samples and whole numbers, for all others:
for kernels of few weights, and for those of rank 1, whose column is computed before their row.
A profile of whole numbers is taken apart like the polynomial that it is: each factor (1, 1) is one
addition of two neighbours. 1 4 6 4 1 is four of them, where its weights would take six passes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine import cost_model
from convcli.kernel.engine.cost_model import ProblemSize
from convcli.kernel.engine.direct import Direct
from convcli.kernel.engine.exactness import WholeKernel, whole_factors, whole_kernel
from convcli.kernel.engine.int16_separable import Profile
from convcli.kernel.engine.method import Method, RowFunction
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.engine.profiles import Profiles, profiles
from convcli.kernel.engine.shifted_sums import TOTAL, Operation, Tap, weighted_sum
from convcli.kernel.factors import Factors
from convcli.kernel.window import RowReader

BLOCK_SAMPLES = 1 << 16
"""About how many samples of the result are computed at once: what a cache holds of floats."""
MOST_WEIGHTS = 81
"""Of kernels that are taken apart to count their passes: larger ones would take more than others.

The length of a column or a row that is a factor has the same limit."""

Steps = tuple[tuple[Operation, ...], ...]
"""Passes of which each step reads what the one before it wrote; the first reads samples."""


def steps_of(problem: ConvolutionProblem) -> tuple[Steps, ...] | None:
    """Return the steps of each group's kernel; None where the method cannot, or is no use."""
    if problem.shape[1:3] != (1, 1) or problem.window.stride != (1, 1):
        return None
    weight = problem.weight
    if isinstance(weight, Factors):
        if max(weight.shape) > MOST_WEIGHTS:
            return None
        return (_separable(_exact_factors(weight)),)
    if weight[0].size > MOST_WEIGHTS:
        return None
    return tuple(_fewest(kernel[0, 0]) for kernel in weight)


def passes_of(problem: ConvolutionProblem) -> int | None:
    """Return how many passes the method takes for the most laborious kernel, if it can."""
    found = steps_of(problem)
    return None if found is None else max(sum(map(len, steps)) for steps in found)


def _fewest(kernel: FloatArray) -> Steps:
    """Return the steps of a kernel (Hf, Wf), at once or by column and row."""
    dense = (tuple(weighted_sum(kernel)),)
    factors = _factors(kernel)
    if factors is None:
        return dense
    separable = _separable(factors)
    return separable if sum(map(len, separable)) < len(dense[0]) else dense


def _factors(kernel: FloatArray) -> Profiles | None:
    """Return column and row of a kernel of rank 1; whole numbers of one of whole numbers."""
    whole = whole_kernel(kernel)
    if whole is None:
        return profiles(kernel)
    columns, rows = whole_factors(whole)
    return (columns[0], rows[0]) if len(columns) == 1 else None


def _exact_factors(weight: Factors) -> Profiles:
    """Return factors as they are."""
    return weight.column.astype(np.float64), weight.row.astype(np.float64)


def _separable(factors: Profiles) -> Steps:
    column, row = factors
    return *_along(column[:, np.newaxis]), *_along(row[np.newaxis])


def _along(profile: NDArray[np.float64]) -> Steps:
    """Return the steps of a column (Hf, 1) or a row (1, Wf)."""
    plain = tuple(weighted_sum(profile))
    whole = whole_kernel(profile)
    if whole is None:
        return (plain,)
    taps, pairs = Profile.of(whole.numbers.ravel())
    # Where taps cancel out, partial sums would be larger than those of the definition.
    cancels = sum(map(abs, taps)) << pairs != np.abs(whole.numbers).sum()
    steps = _of_pairs(whole, taps, pairs)
    return steps if pairs and not cancels and sum(map(len, steps)) < len(plain) else (plain,)


def _of_pairs(whole: WholeKernel, taps: tuple[int, ...], pairs: int) -> Steps:
    is_column = whole.numbers.shape[1] == 1
    rest = np.array(taps, np.float64).reshape((-1, 1) if is_column else (1, -1)) * whole.unit
    pair = (Operation(np.add, (0, 0), (1, 0) if is_column else (0, 1), TOTAL),)
    first = () if rest.size == 1 and rest.item() == 1 else (tuple(weighted_sum(rest)),)
    return *first, *[pair] * pairs


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
        self.passes: dict[int, tuple[list[Callable[[], Any]], FloatArray]] = {}

    @np.errstate(over="ignore", invalid="ignore")
    def rows(
        self, source: NDArray[Any], target: NDArray[Any], group: int, start: int, stop: int
    ) -> None:
        """Compute the rows start to stop of ``target``."""
        if group not in self.passes:
            self.passes[group] = self._bound(self.method.steps[group])
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
            self.method.finish(sums, target[:, first:past], group)

    def _bound(self, steps: Steps) -> tuple[list[Callable[[], Any]], FloatArray]:
        """Return the passes of a kernel with their operands, and where the last one writes."""
        current, passes = self.padded, []
        size = len(current)
        for number, operations in enumerate(steps):
            taps = [
                tap
                for operation in operations
                for tap in (operation.left, operation.right)
                if isinstance(tap, tuple)
            ]
            size -= max(self._offset(tap) for tap in taps)
            into = self.spare[number % 2]
            for operation in operations:
                passes.append(self._pass(operation, current, into, size))
            current = into
        return passes, current

    def _pass(
        self, operation: Operation, current: FloatArray, into: FloatArray, size: int
    ) -> Callable[[], Any]:
        def operand(given: Tap | str | float) -> FloatArray | float:
            if isinstance(given, tuple):
                return current[self._offset(given) :][:size]
            if isinstance(given, str):
                return (into if given == TOTAL else self.term)[:size]
            return given

        do, written = operation.do, operand(operation.into)
        left, right = operand(operation.left), operand(operation.right)
        return lambda: do(left, right, written)

    def _offset(self, tap: Tap) -> int:
        row, sample = tap[0] * self.window.dilation[0], tap[1] * self.window.dilation[1]
        return row * self.pitch + sample * self.window.interleaved
