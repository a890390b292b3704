"""Boxes: running sums of 8-bit samples in whole numbers, exact, whatever the size.

Down the columns, the sum of a row's window is that of the row above, plus the sample that enters
and minus the one that leaves. Along rows, sums of 1, 2, 4, … neighbours are made from one another,
and those that the binary digits of the width name are added up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.engine import cost_model
from convcli.kernel.engine.cost_model import ProblemSize
from convcli.kernel.engine.method import Method, RowFunction
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.factors import Factors
from convcli.kernel.window import RowReader

BLOCK_SAMPLES = 1 << 17
"""About how many samples of the result are computed at once."""
SUMMED_ROWS = 64
"""Rows whose sum begins a strip that are read at once."""

_MOST_TAPS = (2**31 - 1) // 255


def box_weight(problem: ConvolutionProblem) -> float | None:
    """Return the weight of a kernel whose weights are all the same; None for other kernels."""
    window = problem.window
    taps = window.kernel[0] * window.kernel[1]
    steps = (window.stride, window.dilation)
    if problem.shape[:3] != (1, 1, 1) or steps != ((1, 1), (1, 1)) or taps > _MOST_TAPS:
        return None
    weight = problem.weight
    parts = weight if isinstance(weight, Factors) else (weight,)
    if not all((part == part.flat[0]).all() for part in parts):
        return None
    return float(np.prod([float(part.flat[0]) for part in parts]))


def passes_along_rows(taps: int) -> int:
    """Return how many additions a sample takes."""
    return taps.bit_length() - 1 + taps.bit_count() - 1


class Box(Method):
    """Convolution by running sums, of 8-bit samples."""

    only_bytes = True
    takes_large_factors = True

    def __init__(self, problem: ConvolutionProblem) -> None:
        super().__init__(problem)
        weight = box_weight(problem)
        if weight is None:
            raise ValueError("not a box at stride 1")
        self.weight = problem.dtype.type(weight)

    @staticmethod
    def cost(size: ProblemSize) -> float | None:
        if not size.is_box:
            return None
        passes = 3 + passes_along_rows(size.window.kernel[1])
        return cost_model.SUM * passes + cost_model.SAMPLE

    @property
    def step(self) -> int:
        """One strip for each thread would be best: a strip begins with a sum of rows."""
        least = 4 * self.problem.window.kernel[0]
        return max(1, BLOCK_SAMPLES // self.problem.samples, least)

    def for_thread(self) -> RowFunction:
        return _BoxThread(self).rows


class _BoxThread:
    """The buffers of one thread. Rows lie one behind the other, as in :mod:`.int16`."""

    def __init__(self, method: Box) -> None:
        self.method = method
        window = method.problem.window
        self.taps_y, self.taps_x = window.kernel
        self.reader = RowReader(window, method.problem.width)
        self.pitch, self.samples = self.reader.length, method.problem.samples
        self.block = max(1, BLOCK_SAMPLES // self.pitch)
        self.read = np.zeros((max(SUMMED_ROWS, self.block), 1, 1, self.pitch), np.uint8)
        self.entering = np.zeros((self.block, 1, 1, self.pitch), np.uint8)
        size = (self.block, self.pitch)
        self.columns, self.doubled, self.total = (np.zeros(size, np.int32) for _ in range(3))
        self.sums = np.empty((1, self.block, self.samples), method.problem.dtype)

    def rows(
        self, source: NDArray[Any], target: NDArray[Any], group: int, start: int, stop: int
    ) -> None:
        """Compute the rows start to stop of ``target``."""
        top = self.method.problem.window.origin[0]
        current = np.zeros(self.pitch, np.int32)
        for first in range(start, start + self.taps_y, SUMMED_ROWS):
            count = min(SUMMED_ROWS, start + self.taps_y - first)
            self.reader.read(source, top + first, 1, self.read[:count])
            current += np.add.reduce(self.read[:count, 0, 0], 0, dtype=np.int32)
        for first in range(start, stop, self.block):
            count = min(self.block, stop - first)
            self._down(source, top + first, count, current, is_last=first + count == stop)
            along = self._along(count)
            sums = self.sums[:, :count]
            np.multiply(along, self.method.weight, out=sums[0], casting="unsafe", dtype=sums.dtype)
            self.method.finish(sums, target[..., first : first + count, :], group)

    def _down(
        self,
        source: NDArray[Any],
        row: int,
        count: int,
        current: NDArray[np.int32],
        *,
        is_last: bool,
    ) -> None:
        """Put the sums of ``count`` windows from ``row`` on into ``columns``.

        ``current`` is the first of them, and then the one after the last.
        """
        moves = count - 1 if is_last else count
        leaving, entering = self.read[:moves], self.entering[:moves]
        if moves:
            self.reader.read(source, row, 1, leaving)
            self.reader.read(source, row + self.taps_y, 1, entering)
        for k in range(count):
            self.columns[k] = current
            if k < moves:
                np.add(current, entering[k, 0, 0], out=current)
                np.subtract(current, leaving[k, 0, 0], out=current)

    def _along(self, count: int) -> NDArray[np.int32]:
        """Return the sums (count, samples) of ``taps_x`` neighbours in ``columns``."""
        pixel = self.method.problem.window.interleaved
        size = count * self.pitch
        power, spare = self.columns.reshape(-1)[:size], self.doubled.reshape(-1)[:size]
        total = self.total.reshape(-1)[:size]
        taps, added, width = self.taps_x, 0, 1
        while True:
            if taps & width:
                shift = added * pixel
                if added:
                    np.add(total[: size - shift], power[shift:], out=total[: size - shift])
                else:
                    total[:] = power
                added += width
            if added == taps:
                return total.reshape(count, self.pitch)[:, : self.samples]
            shift = width * pixel
            np.add(power[: size - shift], power[shift:], out=spare[: size - shift])
            power, spare, width = spare, power, 2 * width
