"""Convolution across many channels: one product for all columns of the kernel, then shifted sums.

The C·Hf input rows that an output row reads lie one below the other in a buffer (row, channel,
sample). A product with the kernel, (Wf·F × C·Hf), gives a row of sums for each of its columns v;
those of column v belong v·D samples further left::

      output[j]  =  sums of column 0 [j]  +  sums of column 1 [j + D]  +  sums of column 2 [j + 2 D]

Where the output is as wide as the image and zeros lie around it, rows are read without those. All
rows of a plane, one behind the other, are then shifted as one, once the sums that would go past an
end of their row are set to 0.

A row is read once, not once for each column, and few filters still make a tall matrix, with no
zeros beside a band. That is worth the additions where there are many channels. See "kn2row" in
A. Anderson et al., "Low-memory GEMM-based convolution algorithms for deep neural networks", 2017.
"""

from __future__ import annotations

from math import ceil, prod
from typing import Any, Self

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from convcli.kernel.engine import cost_model
from convcli.kernel.engine.banded_rows import spread
from convcli.kernel.engine.cost_model import ProblemSize
from convcli.kernel.engine.direct import Direct
from convcli.kernel.engine.method import MOST_ROWS, PRODUCT_LIMIT, Method, RowFunction
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.window import RowReader, Window

LEAST_CHANNELS, LEAST_COLUMNS = 8, 96
"""Input channels, and columns of the output, from which on products are worth the additions."""

LEAST_SAMPLES, MOST_SAMPLES = 64, 256
"""Samples of a row that a product covers: no fewer for BLAS's sake, no more for the cache's."""

BYTES = 6 << 20
"""About what the buffers of a thread may take. They leave the cache, but with fewer rows at once
two threads would wait for the interpreter's lock more often than for memory."""

LEAST_ROWS = 16
"""Rows of the output that are computed at once, if there are so many."""


class KernelToRows(Method):
    """Convolution by a product for all columns of the kernel. Rows have no stride within them."""

    def __init__(self, problem: ConvolutionProblem) -> None:
        super().__init__(problem)
        groups, _, channels, _, taps_x = problem.shape
        window = problem.window
        dilation = window.dilation[0]
        # (groups, Wf, F, rows, C): rows between those of a dilated kernel are zeros.
        kernel = problem.dense.transpose(0, 4, 1, 3, 2)
        rows = window.effective_kernel[0]
        matrices = np.zeros((*kernel.shape[:3], rows, channels), problem.dtype)
        matrices[:, :, :, ::dilation] = kernel
        self.matrices = matrices.reshape(groups, -1, rows * channels)
        self.taps = taps_x
        self.tap = window.dilation[1] * window.interleaved
        self.keeps_width = self._keeps_width()
        length = problem.samples + (0 if self.keeps_width else (taps_x - 1) * self.tap)
        self.chunks = ceil(length / self._samples_at_once())
        self.chunk = ceil(length / self.chunks)

    @staticmethod
    def cost(size: ProblemSize) -> float | None:
        window = size.window
        if (
            window.stride[1] > 1
            or window.output[1] < LEAST_COLUMNS
            or size.input_channels < max(LEAST_CHANNELS, size.output_channels)
        ):
            return None
        inner = window.effective_kernel[0] * size.input_channels
        return (
            cost_model.TALL_PRODUCT * inner * window.kernel[1]
            + cost_model.PACKING * inner / size.output_channels
            + cost_model.ADDITION * (window.kernel[1] - 1)
            + cost_model.READING * (size.input_channels / size.output_channels - 1)
            + cost_model.SHIFTING
            + cost_model.SAMPLE
        )

    @staticmethod
    def buffer_rows(problem: ConvolutionProblem) -> int:
        _, output_channels, channels, _, taps_x = problem.shape
        return LEAST_ROWS * (channels + taps_x * output_channels) // channels

    @property
    def pitch(self) -> int:
        """How many samples a row of a buffer has room for."""
        return self.chunks * self.chunk

    @property
    def columns_read(self) -> Window:
        """The window, for columns without padding where the width is kept."""
        window = self.problem.window
        if not self.keeps_width:
            return window
        kernel, dilation = (window.kernel[0], 1), (window.dilation[0], 1)
        return window._replace(origin=(window.origin[0], 0), kernel=kernel, dilation=dilation)

    @property
    def step(self) -> int:
        problem = self.problem
        read = problem.shape[2] * problem.window.stride[0]
        row_bytes = (read + self.matrices.shape[1]) * self.pitch * problem.dtype.itemsize
        most = max(min(BYTES // row_bytes, MOST_ROWS), LEAST_ROWS)
        rows = problem.window.output[0]
        return ceil(rows / ceil(rows / most))

    def moved(self, columns: int) -> Self:
        # Whether rows keep their width, and how they are cut, depends on where they begin.
        return type(self)(super().moved(columns).problem)

    def for_thread(self) -> RowFunction:
        return KernelToRowsThread(self).rows

    def _keeps_width(self) -> bool:
        """Return whether rows are read as long as they are written, one behind the other."""
        window, samples = self.problem.window, self.problem.samples
        return (
            window.pad_mode == "zeros"
            and window.output[1] == self.problem.width
            # One column of the kernel is not shifted, and none as far as a row is long.
            and -window.origin[1] in range(0, self.taps * window.dilation[1], window.dilation[1])
            and self.taps * self.tap <= samples
            and samples % ceil(samples / self._samples_at_once()) == 0
            and spread(samples, self.problem.dtype) == samples
        )

    def _samples_at_once(self) -> int:
        least = PRODUCT_LIMIT // prod(self.matrices.shape[1:])
        # Larger products than BLAS multiplies in place had better be large.
        return MOST_SAMPLES if least < LEAST_SAMPLES else min(least, MOST_SAMPLES)


class KernelToRowsThread:
    """The buffers of one thread, and the views into them."""

    def __init__(self, method: KernelToRows) -> None:
        problem, window = method.problem, method.problem.window
        self.problem, self.method, self.finish = problem, method, method.finish
        self.reader = RowReader(method.columns_read, problem.width)
        self.exact = Direct(problem).for_thread()
        channels, filters = problem.shape[2], problem.shape[1]
        rows, chunk, chunks = method.step, method.chunk, method.chunks
        read = (rows - 1) * window.stride[0] + window.effective_kernel[0]
        self.read = np.zeros((read, channels, method.pitch), problem.dtype)
        row, line, item = self.read.strides
        self.operands = as_strided(
            self.read,
            (rows, chunks, method.matrices.shape[2], chunk),
            (window.stride[0] * row, chunk * item, line, item),
        )
        self.sums = np.empty((method.taps, filters, rows, method.pitch), problem.dtype)
        _, line, row, item = self.sums.strides
        self.products = as_strided(
            self.sums,
            (rows, chunks, method.taps * filters, chunk),
            (row, chunk * item, line, item),
        )
        self.ones = np.ones(chunk, problem.dtype)

    @np.errstate(over="ignore", invalid="ignore")  # infinities as in IEEE 754, without warnings
    def rows(
        self, source: NDArray[Any], target: NDArray[Any], group: int, start: int, stop: int
    ) -> None:
        """Compute the rows start to stop of ``target``."""
        step = self.sums.shape[2]
        for first in range(start, stop, step):
            past = min(first + step, stop)
            if self._multiply(source, group, first, past):
                add = self._add_planes if self.method.keeps_width else self._add_rows
                add(target[..., first:past, :], group)
                continue
            # The taps of weight 0 made NaN of an infinity.
            for row in range(first, past):
                self.exact(source, target, group, row, row + 1)

    def _multiply(self, source: NDArray[Any], group: int, start: int, stop: int) -> bool:
        """Make the sums of some rows of the output; return if all that is read is finite."""
        part = self.problem.window.for_rows(start, stop)
        into = self.read[: part.rows, :, np.newaxis, : self.reader.length]
        self.reader.read(source, part.origin[0], 1, into)
        products = self.products[: stop - start]
        np.matmul(self.method.matrices[group], self.operands[: stop - start], out=products)
        # An infinity or NaN that is read shows in every row of the products.
        return source.dtype.kind != "f" or bool(np.isfinite(products[:, :, 0] @ self.ones).all())

    def _add_rows(self, target: NDArray[Any], group: int) -> None:
        """Add the sums of the kernel's columns, each shifted, into ``target``."""
        count, samples, tap = target.shape[-2], self.problem.samples, self.method.tap
        lines = self.sums.reshape(self.method.taps, -1)
        total = lines[0]
        for column in range(1, self.method.taps - 1):  # in one long loop, past the ends of rows
            shift = column * tap
            np.add(total[:-shift], lines[column, shift:], out=total[:-shift])
        first, last = self.sums[0, :, :count], self.sums[-1, :, :count]
        found = first[..., :samples]
        if self.method.taps > 1:
            shift = (self.method.taps - 1) * tap
            plain = self._is_plain(target)
            np.add(found, last[..., shift : shift + samples], out=target if plain else found)
            if plain:
                self._add_bias(target, group)
                return
        self.finish(found, target, group)

    def _add_planes(self, target: NDArray[Any], group: int) -> None:
        """Do the same for rows as long as those of ``target``, all rows of a plane at once."""
        count, tap = target.shape[-2], self.method.tap
        center = -self.problem.window.origin[1] // self.problem.window.dilation[1]
        planes = self.sums[:, :, :count]
        flat = planes.reshape(*planes.shape[:2], -1)
        shifted = [column for column in range(self.method.taps) if column != center]
        plain = (
            bool(shifted) and self._is_plain(target) and target.strides[1:] == planes.strides[2:]
        )
        total = flat[center]
        for column in shifted:
            shift = (column - center) * tap
            past_ends = slice(0, shift) if shift > 0 else slice(shift, None)
            planes[column, ..., past_ends] = 0
            read = slice(max(shift, 0), min(shift, 0) or None)
            written = slice(max(-shift, 0), min(-shift, 0) or None)
            out = total
            if plain and column == shifted[-1]:
                out = target.reshape(total.shape)
                rest = slice(-shift, None) if shift > 0 else slice(0, -shift)
                out[:, rest] = total[:, rest]
            np.add(total[:, written], flat[column, :, read], out=out[:, written])
        if plain:
            self._add_bias(target, group)
        else:
            self.finish(planes[center], target, group)

    def _is_plain(self, target: NDArray[Any]) -> bool:
        return target.ndim == 3 and target.dtype == self.problem.dtype

    def _add_bias(self, target: NDArray[Any], group: int) -> None:
        if self.problem.bias is not None:
            target += self.problem.bias[group][:, np.newaxis, np.newaxis]
