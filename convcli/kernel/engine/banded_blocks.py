"""How products with banded matrices are cut: rows of a block, columns of the kernel, chunks."""

from __future__ import annotations

from math import ceil, gcd

from convcli.kernel.engine.banded_rows import Layout
from convcli.kernel.engine.method import BUFFER_BYTES, MOST_ROWS, PRODUCT_LIMIT
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.geometry import effective_size
from convcli.kernel.window import Window

ENOUGH_ROWS = 6
"""Rows of a matrix from which BLAS is about as fast whatever their number."""


def rows_per_block(output_channels: int) -> int:
    """Return T: BLAS likes multiples of four rows of the matrix, and T > 1 widens its band.

    Where one row of the output makes enough rows of the matrix, sums need not be copied.
    """
    return 1 if output_channels >= ENOUGH_ROWS else 4 // gcd(output_channels, 4)


def rows_read(window: Window, rows: int) -> int:
    """Return R, how many rows of the input that many rows of the output read.

    With stride 1, a dilation D splits rows into D phases that do not mix: within each, neighbours
    follow one another.
    """
    dilation = 1 if window.stride[0] == 1 else window.dilation[0]
    return (rows - 1) * window.stride[0] + effective_size(window.kernel[0], dilation)


def columns_per_product(channels: int, kernel: tuple[int, int], stride_x: int) -> int:
    """Return g, how many columns of the kernel one product covers."""
    if stride_x > 1 or (kernel[1] <= 5 and channels * kernel[0] <= 16):
        return kernel[1]
    most = 3 if channels * kernel[0] <= 48 else 1
    return ceil(kernel[1] / ceil(kernel[1] / most))


class Blocks:
    """The blocks of a problem.

    A block is ``t`` output rows, which read ``rows`` input rows of ``channels`` channels;
    ``products`` products cover ``columns`` columns of the kernel each, whose taps lie ``tap``
    samples apart; a row is cut into ``chunks`` of ``chunk`` samples. Rows of a stride of 1 are
    computed in ``dilation_phases`` phases, those of others have ``dilation_y`` in the matrix.
    """

    def __init__(self, problem: ConvolutionProblem, columns: int, products: int) -> None:
        self._problem = problem
        window = problem.window
        self.output_channels, self.channels = problem.shape[1:3]
        self.columns, self.products = columns, products
        self.dilation_phases = window.dilation[0] if window.stride[0] == 1 else 1
        self.dilation_y = 1 if window.stride[0] == 1 else window.dilation[0]
        most = -(-window.output[0] // self.dilation_phases)
        self.t = min(rows_per_block(self.output_channels), most)
        self.rows = self.rows_read(self.t)
        self.tap = window.dilation[1] * window.interleaved
        self.chunks = self._chunks(self.t * self.output_channels * self.inner)
        self.chunk = -(-problem.samples // self.chunks)
        self.pitch = self.chunks * self.chunk + (products - 1) * columns * self.tap

    @property
    def inner(self) -> int:
        """How many rows of a buffer a product sums over."""
        return self.rows * self.channels * self.columns

    @property
    def step(self) -> int:
        """How many output rows are best computed at once."""
        problem = self._problem
        window = problem.window
        read = self.channels * self.columns * self.pitch * window.stride[0]
        written = self.output_channels * problem.samples
        fitting = BUFFER_BYTES // (read * problem.dtype.itemsize)
        fitting = max(fitting, 16) if written < 16 * read else max(BUFFER_BYTES // written, 1)
        rows = min(fitting, MOST_ROWS, -(-window.output[0] // self.dilation_phases))
        return int(max(rows // self.t, 1) * self.t * self.dilation_phases)

    def rows_read(self, rows: int) -> int:
        """Return how many input rows of a dilation phase that many of its output rows read."""
        return rows_read(self._problem.window, rows)

    def layout(self, rows: int, length: int) -> Layout:
        """Return how a thread's buffer is cut up, for rows read at ``length`` samples each."""
        return Layout(
            rows,
            self.channels,
            self.columns,
            self.tap,
            self.pitch,
            length,
            self._problem.samples,
            self._problem.dtype,
        )

    def _chunks(self, multiplications: int) -> int:
        """Return into how many chunks a row is cut, so that no product is too large for BLAS."""
        samples = self._problem.samples
        least = max(1, ceil(samples * multiplications / PRODUCT_LIMIT))
        if least >= samples:
            return samples
        # With chunks of one length products can be written where they belong.
        for chunks in range(least, 2 * least + 1):
            if samples % chunks == 0:
                return chunks
        return least
