"""Separable kernels of whole numbers on 8-bit samples: 16-bit passes down columns, then along rows.

A profile is taken apart like the polynomial that it is: each factor (1, 1) is one addition of two
neighbours. 1 4 6 4 1 is four of them, where its weights would take six passes. Sums may wrap around
on the way, as long as the last one fits 16 bits: signed ones, or unsigned where no weight is
negative.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.engine import cost_model
from convcli.kernel.engine.cost_model import ProblemSize
from convcli.kernel.engine.exactness import WholeKernel, whole_factors
from convcli.kernel.engine.int16 import whole_weights
from convcli.kernel.engine.method import Method, RowFunction
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.engine.steps import Profile
from convcli.kernel.window import RowReader

BLOCK_SAMPLES = 1 << 19
"""About how many samples of the result are computed at once."""

_TOP = 255  # of a sample
_MOST_SHIFT = 15


class Passes(NamedTuple):
    """The profiles of a kernel, what is added to its sums, and by how much they are shifted."""

    column: Profile
    row: Profile
    offset: int
    shift: int
    is_unsigned: bool
    clips: bool

    @property
    def number(self) -> int:
        """How many passes it takes."""
        rounding = (self.offset != 0) + (self.shift != 0) + self.clips
        return self.column.passes + self.row.passes + rounding


def passes_of(problem: ConvolutionProblem) -> Passes | None:
    """Return how to compute ``problem`` from 8-bit samples; None where the method cannot."""
    if problem.window.dilation != (1, 1):
        return None
    for shift, scaled in whole_weights(problem, _MOST_SHIFT):
        bias = 0.0 if problem.bias is None else float(problem.bias[0, 0])
        offset = float(np.floor(2.0**shift * (bias + 0.5)))
        lowest = offset - _TOP * (-scaled).clip(0).sum()
        highest = offset + _TOP * scaled.clip(0).sum()
        is_unsigned = bool(lowest >= 0)
        if lowest < -(2**15) or highest >= (2**16 if is_unsigned else 2**15):
            return None
        columns, rows = whole_factors(WholeKernel(scaled.astype(np.int64), 1.0))
        if len(columns) != 1:
            return None
        clips = lowest < 0 or int(highest) >> shift > _TOP
        column, row = Profile.of(columns[0]), Profile.of(rows[0])
        return Passes(column, row, int(offset), shift, is_unsigned, clips)
    return None


class Int16Separable(Method):
    """Convolution by additions down columns, then along rows, of 8-bit samples into such."""

    only_bytes = True

    def __init__(self, problem: ConvolutionProblem, block_samples: int = BLOCK_SAMPLES) -> None:
        super().__init__(problem)
        found = passes_of(problem)
        if found is None:
            raise ValueError("not a separable kernel of small whole numbers at stride 1")
        self.passes, self.block_samples = found, block_samples

    @staticmethod
    def cost(size: ProblemSize) -> float | None:
        passes = size.separable_passes
        return None if passes is None else cost_model.PASS * passes + 2 * cost_model.BYTE

    @property
    def step(self) -> int:
        rows = self.problem.window.output[0]
        return max(4, min(self.block_samples // self.problem.samples, rows))

    def for_thread(self) -> RowFunction:
        return _Thread(self).rows


class _Thread:
    """The buffers of one thread. Rows lie one behind the other, as in :mod:`.int16`."""

    def __init__(self, method: Int16Separable) -> None:
        self.passes, self.step = method.passes, method.step
        self.window, self.samples = method.problem.window, method.problem.samples
        self.reader = RowReader(self.window, method.problem.width)
        self.pitch = self.reader.length
        size = self.window.for_rows(0, self.step).rows * self.pitch + self.pitch - self.samples
        self.padded = np.zeros(size, np.int16)
        self.spare = [np.zeros(size, np.int16) for _ in range(2)]
        self.term = np.empty(size, np.int16)

    def rows(
        self, source: NDArray[Any], target: NDArray[Any], group: int, start: int, stop: int
    ) -> None:
        """Compute the rows start to stop of ``target``."""
        for first in range(start, stop, self.step):
            past = min(first + self.step, stop)
            block = self.window.for_rows(first, past)
            padded = self.padded[: block.rows * self.pitch].reshape(block.rows, 1, 1, self.pitch)
            self.reader.read(source, block.origin[0], 1, padded)
            sums = self._sums((past - first) * self.pitch)
            rows = sums.reshape(past - first, self.pitch)[:, : self.samples]
            np.copyto(target[0, first:past], rows, casting="unsafe")

    def _sums(self, size: int) -> NDArray[Any]:
        """Return ``size`` finished sums of ``padded``."""
        passes, step = self.passes, self.window.interleaved
        along = size + (self.window.kernel[1] - 1) * step
        down = self._profile(self.padded, passes.column, self.pitch, along)
        sums: NDArray[Any] = self._profile(down, passes.row, step, size)
        if passes.is_unsigned:
            sums = sums.view(np.uint16)
        kind = sums.dtype.type
        if passes.offset:
            np.add(sums, kind(passes.offset), out=sums)
        if passes.shift:
            np.right_shift(sums, kind(passes.shift), out=sums)
        if passes.clips:
            np.clip(sums, 0, _TOP, out=sums)
        return sums

    def _profile(
        self, source: NDArray[np.int16], profile: Profile, step: int, size: int
    ) -> NDArray[np.int16]:
        """Return ``size`` sums of ``source`` under a profile whose taps lie ``step`` apart."""
        wanted = size + profile.pairs * step
        current = self._weighted(source, profile.taps, step, wanted)
        for left in reversed(range(profile.pairs)):
            count = size + left * step
            into = self._other(current)[:count]
            np.add(current[:count], current[step : step + count], out=into)
            current = into
        return current

    def _weighted(
        self, source: NDArray[np.int16], taps: tuple[int, ...], step: int, size: int
    ) -> NDArray[np.int16]:
        into = self._other(source)[:size]
        is_first = True
        for position, tap in enumerate(taps):
            tapped = source[position * step : position * step + size]
            if not tap:
                continue
            if is_first:
                if tap == 1 and len(taps) == 1:
                    return tapped
                np.multiply(tapped, np.int16(tap), out=into)
                is_first = False
            elif abs(tap) == 1:
                (np.add if tap > 0 else np.subtract)(into, tapped, out=into)
            else:
                np.multiply(tapped, np.int16(tap), out=self.term[:size])
                np.add(into, self.term[:size], out=into)
        return into

    def _other(self, used: NDArray[np.int16]) -> NDArray[np.int16]:
        """Return a spare buffer that ``used`` is not in."""
        first, second = self.spare
        return second if np.may_share_memory(used, first) else first
