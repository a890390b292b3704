"""Convolution as products with banded matrices: the method for nearly every kernel.

T rows of the output read R = (T-1) S + D (Hf-1) + 1 rows of the input. Sliding a column of the
kernel down those rows is a banded (T × R) matrix. The rows lie in a buffer (row, im2col column,
channel, sample) in which column s holds the row shifted left by s taps, so that R rows with their
columns and channels are one matrix, and one product covers g columns of the kernel and all
channels. Products i = 0, 1, … for the further columns read the same buffer, i·g taps further
right. ::

      columns of M:  row 0          row 1          row 2          row 3
                     im2col 0 1 2   im2col 0 1 2   im2col 0 1 2   im2col 0 1 2
      output row 0   w00 w01 w02    w10 w11 w12    w20 w21 w22    0   0   0
      output row 1   0   0   0      w00 w01 w02    w10 w11 w12    w20 w21 w22

The input rows of successive T output rows overlap in the buffer, uniformly: a strided view, no
copy.
"""

from __future__ import annotations

from math import ceil

import numpy as np

from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine import cost_model
from convcli.kernel.engine.banded_blocks import (
    Blocks,
    columns_per_product,
    rows_per_block,
    rows_read,
)
from convcli.kernel.engine.banded_products import BandedThread
from convcli.kernel.engine.banded_rows import Rows, ShiftedRow, ShiftedRows, StridedRows
from convcli.kernel.engine.cost_model import ProblemSize
from convcli.kernel.engine.method import Method, RowFunction
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.geometry import effective_size

MANY_CHANNELS = 8
"""From so many on, what is written to one im2col column is copied to the others."""


class Banded(Method):
    """Convolution by banded matrices, one for each product of a group."""

    def __init__(self, problem: ConvolutionProblem) -> None:
        super().__init__(problem)
        self.blocks = Blocks(problem, *self._columns_and_products())
        self.matrices = self._matrices()

    @staticmethod
    def cost(size: ProblemSize) -> float | None:
        window = size.window
        columns = columns_per_product(size.input_channels, window.kernel, window.stride[1])
        products = ceil(window.kernel[1] / columns)
        t = rows_per_block(size.output_channels)
        inner = rows_read(window, t) * size.input_channels * columns
        matrix_rows = t * size.output_channels
        # A sample of each channel and column for every output, of the rows that each output adds.
        picked = size.input_channels * columns * window.stride[0] / size.output_channels
        # SAMPLE includes reading as many channels as are written.
        more = max(size.input_channels / size.output_channels - 1, 0.0) * columns
        picking = cost_model.PICK * picked if window.stride[1] > 1 else 0.0
        return (
            cost_model.PRODUCT * inner * products
            + cost_model.PACKING * inner * products / matrix_rows
            + cost_model.ADDITION * (products - 1)
            + cost_model.READING * more
            + picking
            + cost_model.SAMPLE
        )

    @property
    def step(self) -> int:
        return self.blocks.step

    def for_thread(self) -> RowFunction:
        return BandedThread(self.problem, self.blocks, self.matrices, self.buffer, self.finish).rows

    def buffer(self, rows: int, length: int) -> Rows:
        """Return the buffer of a thread, for rows read at ``length`` samples each."""
        layout = self.blocks.layout(rows, length)
        stride = self.problem.window.stride[1]
        if stride > 1:
            return StridedRows(layout, stride)
        return ShiftedRow(layout) if layout.channels < MANY_CHANNELS else ShiftedRows(layout)

    def _columns_and_products(self) -> tuple[int, int]:
        window = self.problem.window
        columns = columns_per_product(self.problem.shape[2], window.kernel, window.stride[1])
        return columns, ceil(window.kernel[1] / columns)

    def _matrices(self) -> FloatArray:
        """Return (groups, products, T·F, R·g·C): the channels of an output row together."""
        groups, output_channels, channels, taps_y, taps_x = self.problem.shape
        blocks = self.blocks
        stride, dilation = self.problem.window.stride[0], blocks.dilation_y
        covered = np.zeros(
            (groups, output_channels, channels, taps_y, blocks.products * blocks.columns),
            self.problem.dtype,
        )
        covered[..., :taps_x] = self.problem.dense
        # (groups, products, F, Hf, columns, C)
        kernel = covered.reshape(
            groups, output_channels, channels, taps_y, blocks.products, blocks.columns
        )
        kernel = kernel.transpose(0, 4, 1, 3, 5, 2)
        shape = (
            *(groups, blocks.products, blocks.t, output_channels),
            *(blocks.rows, blocks.columns, channels),
        )
        matrices = np.zeros(shape, self.problem.dtype)
        for t in range(blocks.t):
            rows = slice(t * stride, t * stride + effective_size(taps_y, dilation), dilation)
            matrices[:, :, t, :, rows] = kernel
        return matrices.reshape(groups, blocks.products, blocks.t * output_channels, -1)
