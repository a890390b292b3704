"""What every method of convolving has in common: its cost, its step, and finishing the sums."""

from __future__ import annotations

import copy
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine.cost_model import ProblemSize
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.factors import Factors

MOST_ROWS = 128
"""Most rows of output at once: more gain nothing, and share badly among threads."""

BUFFER_BYTES = 6 * 2**20
"""About what a thread's working rows may take: with more they leave the cache, with fewer rows
threads wait for the interpreter's lock more often."""

PRODUCT_LIMIT = 1_000_000
"""Most multiplications for one product of BLAS: OpenBLAS leaves its kernel for small matrices
above that, at half the speed (measured 2026-11 on AVX-512, OpenBLAS 0.3.31)."""


RowFunction = Callable[[NDArray[Any], NDArray[Any], int, int, int], None]
"""What :meth:`Method.rows` does, for one thread."""


class Method(ABC):
    """One way to compute a convolution problem.

    Matrices and spectra are made once and shared by threads; buffers are made for each thread.
    """

    only_bytes = False
    """Whether it takes 8-bit samples alone, into such."""

    only_words = False
    """Whether it takes 16-bit samples alone, into such."""

    takes_large_factors = False
    """Whether it computes the factors of a large kernel without their outer product."""

    def __init__(self, problem: ConvolutionProblem) -> None:
        self.problem = problem
        self._own = threading.local()
        # A weighted mean of samples stays in their range.
        weight = problem.weight
        if isinstance(weight, Factors):
            least = weight.extremes()[0]
            total = float(weight.column.sum()) * float(weight.row.sum())
        else:
            least, total = weight.min(), weight.sum((2, 3, 4)).max()
        self._clips = problem.bias is not None or least < 0 or total > 1 + 1e-6

    @staticmethod
    @abstractmethod
    def cost(size: ProblemSize) -> float | None:
        """Return nanoseconds for a sample of the output; None for what the method cannot do."""

    @property
    @abstractmethod
    def step(self) -> int:
        """How many output rows are best computed at once."""

    @abstractmethod
    def for_thread(self) -> RowFunction:
        """Return a function that computes rows, with buffers of its own."""

    @staticmethod
    def buffer_rows(problem: ConvolutionProblem) -> int:
        """Return about how many rows of the image a thread's buffers hold."""
        return MOST_ROWS

    @staticmethod
    def buffer_columns(problem: ConvolutionProblem) -> int:
        """Return how many columns of the result are computed at once in any case."""
        return 1

    def moved(self, columns: int) -> Self:
        """Return this method for the columns of the output that lie so many further right."""
        other = copy.copy(self)
        other._own = threading.local()
        window = self.problem.window
        origin = window.origin[0], window.origin[1] + columns * window.stride[1]
        other.problem = self.problem._replace(window=window._replace(origin=origin))
        return other

    def rows(
        self, source: NDArray[Any], target: NDArray[Any], group: int, start: int, stop: int
    ) -> None:
        """Compute the rows start to stop of target (F, …) from source (C, H, samples) of a group.

        F may be spread over several axes of target. Each thread makes buffers at its first call,
        and keeps them for the next strip, and the next picture, that this method is used for.
        """
        rows: RowFunction | None = getattr(self._own, "rows", None)
        if rows is None:
            rows = self._own.rows = self.for_thread()
        rows(source, target, group, start, stop)

    def release(self) -> None:
        """Let go of the buffers of this thread, which refer to this method: a circle in memory."""
        self._own = threading.local()

    def finish(self, sums: FloatArray, target: NDArray[Any], group: int) -> None:
        """Add the bias to sums (F, rows, samples), which may be overwritten, into ``target``.

        An integer target takes the values as they are, rounded to nearest and clipped.
        """
        bias = self.problem.bias
        by_channel = None if bias is None else bias[group][:, np.newaxis, np.newaxis]
        if target.dtype.kind == "f":
            if by_channel is not None:
                sums += by_channel
        else:
            # The cast truncates: 0.5 makes it round to nearest.
            half = self.problem.dtype.type(0.5)
            sums += half if by_channel is None else by_channel + 0.5
            if self._clips:
                np.clip(sums, 0, self.problem.dtype.type(np.iinfo(target.dtype).max), out=sums)
        spread = sums.reshape(target.shape)
        if target.ndim == 3 and target.strides[0] < target.strides[2]:
            # Channels side by side: one at a time, for the same reason as phases below.
            for of_channel, written in zip(spread, target, strict=True):
                np.copyto(written, of_channel, casting="unsafe")
            return
        if target.ndim == 3:
            np.copyto(target, spread, casting="unsafe")
            return
        # One phase at a time, or NumPy would make the few phases of a row its innermost loop.
        for phase in range(target.shape[-3]):
            np.copyto(target[..., phase, :, :], spread[..., phase, :, :], casting="unsafe")
