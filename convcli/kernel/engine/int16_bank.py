"""Banks of whole-number kernels on 8-bit samples: each kernel in 16-bit passes, reduced to one.

What every kernel finds stays in whole numbers, from samples that are read once for all of them.
Only the root of a sum of squares is taken of floats, and it is the one that float32 has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import hypot
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.engine import cost_model
from convcli.kernel.engine.int16 import TOP, whole_weights
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.engine.shifted_sums import Tap
from convcli.kernel.engine.steps import Steps, bound, count, fewest_steps
from convcli.kernel.factors import Factors
from convcli.kernel.window import RowReader
from convcli.system import threads
from convcli.system.kept import Kept

BLOCK_SAMPLES = 1 << 17
"""About how many samples of the result are computed at once."""

SHARED = 4
"""How many times as many where threads share tasks."""

MOST_SAMPLES = 1 << 19
"""Samples of a row above which some columns are computed at a time, to limit memory."""

MOST_BANKS = 4
"""Banks that are kept."""

_MOST = 2**15 - 1

BlockFunction = Callable[[NDArray[Any], NDArray[Any]], None]
"""Computes samples (rows, samples) from the rows (1, rows, samples) that their windows read."""


class Int16Bank:
    """The kernels of a bank, which have one window, and how they are reduced to one result."""

    def __init__(
        self, problem: ConvolutionProblem, kernels: Sequence[Steps], shift: int, reduce: str | None
    ) -> None:
        """``problem`` is one kernel's, ``kernels`` the steps of all, times 2^``shift``."""
        self.problem, self.kernels, self.shift, self.reduce = problem, kernels, shift, reduce

    @classmethod
    def of(cls, problems: Sequence[ConvolutionProblem], reduce: str | None) -> Int16Bank | None:
        """Return the bank, if all its values times a power of two are whole numbers of 16 bits."""
        found = [next(whole_weights(problem), None) for problem in problems]
        whole = [each for each in found if each is not None]
        if len(whole) < len(found) or any(problem.bias is not None for problem in problems):
            return None
        shift = max(each for each, _ in whole)
        weights = [weight * 2.0 ** (shift - each) for each, weight in whole]
        bounds = [TOP * float(np.abs(weight).sum()) for weight in weights]
        most = {"sum": sum(bounds), "magnitude": hypot(*bounds)}.get(reduce or "", max(bounds))
        if most + (1 << shift) > _MOST:
            return None
        kernels = [fewest_steps(weight.astype(np.int64)) for weight in weights]
        return cls(problems[0], kernels, shift, reduce)

    @classmethod
    def kept(cls, problems: Sequence[ConvolutionProblem], reduce: str | None) -> Int16Bank | None:
        """Return the same, or what was made for a part of a frame, or a picture, of equal width."""
        weights = (problem.weight for problem in problems)
        arrays = [each if isinstance(each, Factors) else (each,) for each in weights]
        numbers = tuple(array.tobytes() for factors in arrays for array in factors)
        has_bias = any(problem.bias is not None for problem in problems)
        key = numbers, len(problems), problems[0].window, problems[0].width, has_bias, reduce
        return _banks.get(key, lambda: cls.of(problems, reduce))

    def cost(self) -> float:
        """Return nanoseconds for a sample of a kernel's values on one core, as methods do."""
        passes = cost_model.PASS * sum(map(count, self.kernels))
        if self.reduce == "magnitude":
            passes += cost_model.FLOAT_PASS * (3 * len(self.kernels) + 4)
        return (passes + cost_model.BYTE) / len(self.kernels)

    def for_thread(
        self, *, is_absolute: bool = False, block_samples: int | None = None
    ) -> BlockFunction:
        """Return a function with buffers of its own; ``is_absolute`` leaves signs out."""
        if block_samples is None:
            block_samples = threads.block_samples(BLOCK_SAMPLES, SHARED)
        window = self.problem.window
        width = max(MOST_SAMPLES // window.interleaved, window.effective_kernel[1])
        columns = window.output[1]
        if columns <= width:
            return _Thread(self, is_absolute, block_samples).rows

        def rows(source: NDArray[Any], target: NDArray[Any]) -> None:
            for start in range(0, columns, width):
                stop = min(start + width, columns)
                part = _Thread(self._columns(start, stop), is_absolute, block_samples)
                part.rows(source, target[:, start * window.interleaved : stop * window.interleaved])

        return rows

    def _columns(self, start: int, stop: int) -> Int16Bank:
        """Return the bank for some columns of the result."""
        window = self.problem.window
        origin = window.origin[0], window.origin[1] + start
        narrow = window._replace(origin=origin, output=(window.output[0], stop - start))
        problem = self.problem._replace(window=narrow)
        return Int16Bank(problem, self.kernels, self.shift, self.reduce)


class _Thread:
    """The buffers of one thread. Rows lie one behind the other, as in :mod:`.int16`."""

    def __init__(self, bank: Int16Bank, is_absolute: bool, block_samples: int) -> None:
        self.reduce, self.is_absolute, self.shift = bank.reduce, is_absolute, bank.shift
        window, self.samples = bank.problem.window, bank.problem.samples
        self.step = max(1, min(block_samples // self.samples, window.output[0]))
        self.halo = window.effective_kernel[0] - 1
        self.reader = RowReader(window, bank.problem.width)
        self.pitch = self.reader.length
        size = (self.step + self.halo) * self.pitch
        self.padded = np.zeros(size, np.int16)
        scratch, term = np.empty((2, size), np.int16)
        self.passes: list[Callable[[], Any]] = []
        self.values = []
        # Only what lies between the first and the last sample of a block is worth computing.
        size_of_block = (self.step - 1) * self.pitch + self.samples

        def offset(tap: Tap) -> int:
            row, sample = tap[0] * window.dilation[0], tap[1] * window.dilation[1]
            return row * self.pitch + sample * window.interleaved

        for steps in bank.kernels:
            # Steps write to two buffers by turns; the last one to one of the kernel's own.
            spare = [scratch, scratch]
            spare[(len(steps) - 1) % 2] = np.empty(size, np.int16)
            passes, written = bound(steps, self.padded, spare, term, offset)
            self.passes += passes
            self.values.append(written[:size_of_block])
        if self.reduce == "magnitude":
            self.total, self.other = np.empty((2, size_of_block), np.float32)
        self.finished = np.zeros(self.step * self.pitch, np.int16)

    def rows(self, source: NDArray[Any], target: NDArray[Any]) -> None:
        """Compute all rows of ``target`` (rows, samples)."""
        by_row = self.finished.reshape(self.step, self.pitch)
        for first in range(0, len(target), self.step):
            height = min(self.step, len(target) - first)
            rows = height + self.halo
            padded = self.padded[: rows * self.pitch].reshape(rows, 1, 1, self.pitch)
            self.reader.read(source, first, 1, padded)
            for do in self.passes:
                do()
            self._reduce(self.finished[: len(self.values[0])])
            np.copyto(
                target[first : first + height], by_row[:height, : self.samples], casting="unsafe"
            )

    def _reduce(self, finished: NDArray[np.int16]) -> None:
        """Put samples into ``finished``: the values of all kernels as one, clipped."""
        first, *others = self.values
        if self.reduce == "magnitude":
            self._root(finished)
        else:
            do = np.maximum if self.reduce == "max" else np.add
            for other in others:
                do(first, other, out=first)
            if self.is_absolute:
                np.abs(first, out=first)
            if self.shift:
                np.add(first, np.int16(1 << self.shift - 1), out=first)
                np.right_shift(first, np.int16(self.shift), out=first)
            np.clip(first, 0, TOP, out=finished)

    def _root(self, finished: NDArray[np.int16]) -> None:
        np.copyto(self.total, self.values[0])
        np.multiply(self.total, self.total, out=self.total)
        for value in self.values[1:]:
            np.copyto(self.other, value)
            np.multiply(self.other, self.other, out=self.other)
            np.add(self.total, self.other, out=self.total)
        np.sqrt(self.total, out=self.total)
        if self.shift:
            np.multiply(self.total, np.float32(0.5**self.shift), out=self.total)
        # The cast truncates: 0.5 makes it round to nearest.
        np.add(self.total, np.float32(0.5), out=self.total)
        np.copyto(finished, self.total, casting="unsafe")
        np.clip(finished, 0, TOP, out=finished)


_banks: Kept[Int16Bank | None] = Kept(MOST_BANKS)
