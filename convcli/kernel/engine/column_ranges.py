"""Very wide rows, computed in ranges of columns by some other method: memory stays limited.

The buffers of a method hold some whole rows. A window that is moved right and made narrower is
that of a range of columns; the ranges are equally wide (the last one overlaps its neighbour), so
that matrices are made once for all of them.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from convcli.kernel.engine.cost_model import ProblemSize
from convcli.kernel.engine.method import Method, RowFunction
from convcli.kernel.engine.problem import ConvolutionProblem

MOST_SAMPLES = 1 << 16
"""Samples of a row above which it is cut."""
MOST_BUFFER_SAMPLES = 1 << 23
"""About how many samples the rows of a method's buffer may take."""


def range_width(method: type[Method], problem: ConvolutionProblem) -> int:
    """Return how many columns of the result are best computed at once."""
    window = problem.window
    rows = max(method.buffer_rows(problem), 1)
    most = min(MOST_SAMPLES, MOST_BUFFER_SAMPLES // (rows * problem.shape[2]))
    columns = most // (window.interleaved * window.stride[1])
    # Ranges much narrower than the kernel would mostly read what others read.
    columns = max(columns, window.effective_kernel[1] // window.stride[1], 256)
    at_once = method.buffer_columns(problem)
    return min(max(columns // at_once, 1) * at_once, window.output[1])


class ColumnRanges(Method):
    """A convolution by ``method``, some columns at a time."""

    def __init__(self, method: type[Method], problem: ConvolutionProblem, width: int) -> None:
        super().__init__(problem)
        window = problem.window
        columns = window.output[1]
        starts = sorted({min(start, columns - width) for start in range(0, columns, width)})
        narrow = window._replace(output=(window.output[0], width))
        first = method(problem._replace(window=narrow))
        self.ranges = [
            (slice(start * window.interleaved, (start + width) * window.interleaved), moved)
            for start, moved in ((start, first.moved(start)) for start in starts)
        ]

    @staticmethod
    def cost(size: ProblemSize) -> float | None:
        """Return None: it is not chosen by cost."""
        return None

    @property
    def step(self) -> int:
        return self.ranges[0][1].step

    def for_thread(self) -> RowFunction:
        def rows(
            source: NDArray[Any], target: NDArray[Any], group: int, start: int, stop: int
        ) -> None:
            for columns, method in self.ranges:
                # Buffers of its own for each range would take as much as those for whole rows.
                method.for_thread()(source, target[..., columns], group, start, stop)

        return rows
