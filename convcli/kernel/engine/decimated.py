"""Large smooth kernels of rank 1, at a cost that does not grow with their size.

Column and row are each a strided convolution and a transposed convolution
(:mod:`~convcli.kernel.engine.decimation`). The picture is reduced along both axes, and the result
is made from what is left, about 1/stride² of it::

      rows -> analysis of columns -> analysis of rows -> low -> synthesis of rows -> … of columns

The vertical steps, which meet every sample, are products from the left over interleaved rows; the
horizontal ones meet 1/stride of the rows, and take the channels apart. Borders are filled in before
the picture is reduced.

Before they are rounded, results differ from those of the kernel by TOLERANCE at most. So the method
is for 8-bit samples alone, and not for kernels of whole numbers, whose results are exact.
"""

from __future__ import annotations

import copy
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.engine import cost_model
from convcli.kernel.engine.cost_model import ProblemSize
from convcli.kernel.engine.decimation import Decimation, decimated
from convcli.kernel.engine.exactness import whole_kernel
from convcli.kernel.engine.method import Method, RowFunction
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.engine.profiles import profiles_of
from convcli.kernel.engine.reduction import Analysis, Reduction, Synthesis
from convcli.kernel.factors import Factors
from convcli.kernel.geometry import Pair
from convcli.kernel.padding import source_index

TOLERANCE = 0.05
"""How many levels of 8 bits a result may be off, at most, before it is rounded."""


class Axes(NamedTuple):
    """The column and the row of a kernel, decimated."""

    vertical: Decimation
    horizontal: Decimation

    @property
    def steps(self) -> tuple[Pair, Pair]:
        """Stride and taps of either."""
        vertical, horizontal = self
        return (vertical.stride, vertical.taps), (horizontal.stride, horizontal.taps)


def axes_of(problem: ConvolutionProblem) -> Axes | None:
    """Return how a problem is decimated; None where it cannot be, or where results are exact."""
    window = problem.window
    if window.stride != (1, 1) or window.dilation != (1, 1):
        return None
    profiles = profiles_of(problem)
    if profiles is None or not all(profile.any() for profile in profiles):
        return None
    column, row = profiles
    scale = float(np.abs(column).sum())
    gain = scale * float(np.abs(row).sum())
    # (1 + e)² - 1 is what two errors e come to.
    most = (np.sqrt(1 + TOLERANCE / 255 / max(gain, 1.0)) - 1) * 0.999
    vertical, horizontal = decimated(column / scale, most), decimated(row * scale / gain, most)
    if vertical.stride == horizontal.stride == 1 or _is_exact(problem):
        return None
    return Axes(vertical, horizontal._replace(synthesis=horizontal.synthesis * gain))


def _is_exact(problem: ConvolutionProblem) -> bool:
    """Return whether results for whole-numbered samples are exact by other methods."""
    weight = problem.weight
    if not isinstance(weight, Factors):
        return whole_kernel(weight) is not None
    wholes = [whole_kernel(factor) for factor in weight]
    sums = [float(np.abs(whole.numbers).sum()) for whole in wholes if whole is not None]
    return len(sums) == 2 and sums[0] * sums[1] <= 2.0 ** (np.finfo(weight.dtype).nmant + 1)


class Decimated(Method):
    """Convolution by strided and transposed convolutions, of 8-bit samples into such.

    Positions count the rows that the analysis reads: position 0 is ``lead`` rows before the first
    that the window reads. :class:`Analysis` makes a part of ``low`` (C, K, columns) from a strip
    of positions, :class:`Synthesis` rows of the result from the sum of all parts.
    """

    only_bytes = True
    takes_large_factors = True

    def __init__(self, problem: ConvolutionProblem) -> None:
        super().__init__(problem)
        axes = axes_of(problem)
        if axes is None:
            raise ValueError("not a smooth kernel of rank 1")
        self.reduction = Reduction(problem.window, problem.width, problem.dtype, *axes)

    @staticmethod
    def cost(size: ProblemSize) -> float | None:
        if size.decimation is None:
            return None
        (stride_y, taps_y), (stride_x, taps_x) = size.decimation
        rows = cost_model.PRODUCT * (taps_y + (7 if stride_y > 1 else 3)) + cost_model.SAMPLE
        columns = cost_model.RIGHT_PRODUCT * (16 + taps_x + (12 if stride_x > 1 else 0))
        return rows + (columns + 2 * cost_model.PICK) / stride_y

    @property
    def step(self) -> int:
        return self.reduction.step

    def moved(self, columns: int) -> Self:
        other = super().moved(columns)
        other.reduction = copy.copy(self.reduction)
        other.reduction.window = other.problem.window
        return other

    def analyser(self) -> Analysis:
        """Return a function with buffers of its own: rows (positions, samples) to a part."""
        return Analysis(self.reduction)

    def synthesiser(self) -> Synthesis:
        """Return a function with buffers of its own, from ``low`` to rows of the result."""
        return Synthesis(self.reduction, self.finish)

    def for_thread(self) -> RowFunction:
        window, reduction = self.problem.window, self.reduction
        analyse, synthesise = self.analyser(), self.synthesiser()

        def rows(
            source: NDArray[Any], target: NDArray[Any], group: int, start: int, stop: int
        ) -> None:
            low = reduction.empty_low(stop - start)
            first = window.origin[0] + start - reduction.vertical.lead
            past = first + reduction.positions(stop - start)
            index = source_index(first, past, source.shape[1], window.pad_mode)
            for position in range(0, len(index), reduction.strip):
                chosen = index[position : position + reduction.strip]
                strip = source[0].take(chosen, 0)
                strip[chosen < 0] = 0
                reduction.add(low, analyse(strip), position)
            low = reduction.rows_of(low)
            for row in range(start, stop, self.step):
                synthesise(low, row - start, target[:, row : min(row + self.step, stop)])

        return rows
