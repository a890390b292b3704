"""Convolution of 8-bit samples with whole numbers: rows of 16-bit integers, shifted and added.

A kernel of few and simple weights takes fewer passes over such rows than a matrix product does
multiplications, and a pass handles twice as many numbers at once as one over floats. Taps of one
weight are added up before they are multiplied. Weights that are whole multiples of 1/2, 1/4, … are
scaled up, and the sum is shifted back at the end, rounded to nearest. All of it is exact:
intermediate sums may wrap around, as long as the last one fits 16 bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.engine import cost_model
from convcli.kernel.engine.cost_model import ProblemSize
from convcli.kernel.engine.method import Method, RowFunction
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.engine.shifted_sums import TOTAL, Operation, Tap, weighted_sum
from convcli.kernel.window import RowReader

Sums: TypeAlias = NDArray[np.signedinteger[Any]]

BLOCK_SAMPLES = 1 << 19
"""About how many samples of the result are computed at once."""
FLOAT_BLOCK_SAMPLES = 1 << 18
"""The same where results are floats, which take more room in the cache."""
PART_SAMPLES = 1 << 19
"""How many of them are summed up at a time: few enough to stay in the nearest cache."""

TOP = 255  # of a sample
_MOST_SHIFT = 7


def operations(
    problem: ConvolutionProblem, top: int = TOP, bits: int = 16
) -> tuple[Operation, ...] | None:
    """Return how to compute ``problem`` from samples of 0 to ``top``, in integers of ``bits``.

    None where they do not hold the sums, or the kernel is another.
    """
    for shift, scaled in whole_weights(problem):
        bias = 0.0 if problem.bias is None else float(problem.bias[0, 0])
        # floor(sum / 2^shift + bias + 1/2), where the sum is a whole number
        offset = np.floor(2.0**shift * (bias + 0.5))
        lowest = offset - top * (-scaled).clip(0).sum()
        highest = offset + top * scaled.clip(0).sum()
        if _fits(lowest, highest, bits):
            extremes = int(lowest) >> shift, int(highest) >> shift
            return *weighted_sum(scaled.astype(np.int64)), *_rounding(
                int(offset), shift, extremes, top
            )
    return None


def sum_operations(problem: ConvolutionProblem) -> tuple[tuple[Operation, ...], int] | None:
    """Return how to compute the sums of ``problem``, without bias, and the shift they have.

    A sum is the whole number computed over 2^shift. None where the method cannot.
    """
    for shift, scaled in whole_weights(problem):
        if _fits(-TOP * (-scaled).clip(0).sum(), TOP * scaled.clip(0).sum(), 16):
            return tuple(weighted_sum(scaled.astype(np.int64))), shift
    return None


def whole_weights(
    problem: ConvolutionProblem, most_shift: int = _MOST_SHIFT
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Yield the shift that makes the weights (Hf, Wf) whole, and them, if there is one."""
    if problem.shape[:3] != (1, 1, 1) or problem.window.stride != (1, 1):
        return
    weight = problem.dense[0, 0, 0].astype(np.float64)
    for shift in range(most_shift + 1):
        scaled = weight * 2**shift
        if (scaled == np.rint(scaled)).all():
            yield shift, scaled
            return


def _fits(lowest: float, highest: float, bits: int) -> bool:
    limit: int = 2 ** (bits - 1)
    return lowest >= -limit and highest < limit


def _rounding(offset: int, shift: int, extremes: Tap, top: int) -> Iterator[Operation]:
    """Yield the operations from sums to samples of 0 to ``top``, unclipped within ``extremes``."""
    if offset:
        yield Operation(np.add, TOTAL, offset, TOTAL)
    if shift:
        yield Operation(np.right_shift, TOTAL, shift, TOTAL)
    if extremes[0] < 0 or extremes[1] > top:
        yield Operation(_clip, TOTAL, top, TOTAL)


def _clip(values: Sums, top: int, into: Sums) -> None:
    values.clip(0, top, into)


class Int16(Method):
    """Convolution by additions, of 8-bit samples into 8-bit samples.

    ``block_samples`` and ``part_samples`` say how it is cut up, which changes no result.
    """

    only_bytes = True
    dtype: type[np.signedinteger[Any]] = np.int16
    """The type of sums."""

    def __init__(
        self,
        problem: ConvolutionProblem,
        block_samples: int = BLOCK_SAMPLES,
        part_samples: int = PART_SAMPLES,
    ) -> None:
        super().__init__(problem)
        self.operations = self._operations()
        self.block_samples, self.part_samples = block_samples, part_samples

    @staticmethod
    def cost(size: ProblemSize) -> float | None:
        return None if size.passes is None else cost_model.PASS * size.passes + cost_model.BYTE

    @property
    def step(self) -> int:
        rows = self.problem.window.output[0]
        return max(4, min(self.block_samples // self.problem.samples, rows))

    def for_thread(self) -> RowFunction:
        return _Int16Thread(self).rows

    def store(self, sums: Sums, target: NDArray[Any]) -> None:
        """Copy finished sums (rows, samples) to the result."""
        np.copyto(target, sums, casting="unsafe")

    def _operations(self) -> tuple[Operation, ...]:
        found = operations(self.problem)
        if found is None:
            raise ValueError("not a kernel of small whole numbers at stride 1")
        return found


class Int16Sums(Int16):
    """The same for floats as results, which are neither rounded nor clipped."""

    only_bytes = True

    def __init__(
        self,
        problem: ConvolutionProblem,
        block_samples: int = FLOAT_BLOCK_SAMPLES,
        part_samples: int = PART_SAMPLES,
    ) -> None:
        super().__init__(problem, block_samples, part_samples)

    @staticmethod
    def cost(size: ProblemSize) -> float | None:
        passes = size.sum_passes
        return None if passes is None else cost_model.PASS * passes + cost_model.SAMPLE / 2

    def store(self, sums: Sums, target: NDArray[Any]) -> None:
        np.multiply(sums, np.float32(0.5**self._shift), out=target)
        if self.problem.bias is not None:
            target += self.problem.bias[0, 0]

    def _operations(self) -> tuple[Operation, ...]:
        found = sum_operations(self.problem)
        if found is None:
            raise ValueError("not a kernel of small whole numbers at stride 1")
        operations, self._shift = found
        return operations


class _Int16Thread:
    """The buffers of one thread, and the passes over them.

    Rows lie one behind the other, so that a pass is one long loop: the samples under a tap begin
    so many rows and so many samples further on. What it computes at the ends of rows, where a tap
    reaches into the next, is left out when rows are copied to the result.
    """

    def __init__(self, method: Int16) -> None:
        self.store = method.store
        self.window, self.step = method.problem.window, method.step
        self.samples = method.problem.samples
        self.reader = RowReader(self.window, method.problem.width)
        self.pitch = self.reader.length
        rows = self.window.for_rows(0, self.step).rows
        # The last tap of the last row reaches as far beyond as the first leaves over.
        self.padded = np.zeros(rows * self.pitch + self.pitch - self.samples, method.dtype)
        self.total = np.empty(self.step * self.pitch, method.dtype)
        term = np.empty(method.part_samples, method.dtype)
        self.passes = [
            (operation.do, self._operands(operation, start, term))
            for start in range(0, len(self.total), method.part_samples)
            for operation in method.operations
        ]

    def rows(
        self, source: NDArray[Any], target: NDArray[Any], group: int, start: int, stop: int
    ) -> None:
        """Compute the rows start to stop of ``target``."""
        for first in range(start, stop, self.step):
            past = min(first + self.step, stop)
            block = self.window.for_rows(first, past)
            padded = self.padded[: block.rows * self.pitch]
            self.reader.read(
                source, block.origin[0], 1, padded.reshape(block.rows, 1, 1, self.pitch)
            )
            for do, operands in self.passes:
                do(*operands)
            rows = self.total.reshape(self.step, self.pitch)[: past - first, : self.samples]
            self.store(rows, target[0, first:past])

    def _operands(self, operation: Operation, start: int, term: Sums) -> list[Any]:
        """Return left, right and into for a part of the block."""
        total = self.total[start : start + len(term)]

        def operand(given: Tap | str | float) -> Sums | float:
            if isinstance(given, (int, float)):
                return given
            if isinstance(given, str):
                return total if given == TOTAL else term[: len(total)]
            row, sample = given[0] * self.window.dilation[0], given[1] * self.window.dilation[1]
            first = start + row * self.pitch + sample * self.window.interleaved
            return self.padded[first : first + len(total)]

        return [operand(operation.left), operand(operation.right), operand(operation.into)]
