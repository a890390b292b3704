"""Convolution as products with banded matrices: the method for nearly everything.

T rows of the output see R = (T-1) S + D (Hf-1) + 1 rows of the input. Sliding a column of the
kernel down those rows is a banded (T × R) matrix. The rows lie in a buffer (row, channel, slot,
column) in which slot s holds the row shifted left by s taps, so that R rows with their channels
and slots are one matrix, and one product does g columns of the kernel and all channels. Products
i = 0, 1, … for the further columns read the same buffer, i·g taps further right. ::

      columns of M:  row 0          row 1          row 2          row 3
                     slot 0 1 2     slot 0 1 2     slot 0 1 2     slot 0 1 2
      output row 0   w00 w01 w02    w10 w11 w12    w20 w21 w22    0   0   0
      output row 1   0   0   0      w00 w01 w02    w10 w11 w12    w20 w21 w22

The windows of successive T rows overlap in the buffer, uniformly: a strided view, no copy.
"""

from __future__ import annotations

from math import ceil, gcd
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine.banded_rows import Rows, ShiftedRows, StridedRows
from convcli.kernel.engine.direct import Taps
from convcli.kernel.engine.method import BUFFER_BYTES, Method, Run, Spec
from convcli.kernel.geometry import span
from convcli.kernel.window import RowReader

PRODUCT_LIMIT = 1_000_000
"""Most multiplications for one product of BLAS: OpenBLAS leaves its kernel for small matrices
above that, at half the speed (measured 2026-11 on AVX-512, OpenBLAS 0.3.31)."""


MOST_ROWS = 128
"""Most rows of output at once: more gain nothing, and share badly among threads."""


def rows_at_once(filters: int) -> int:
    """Return T: BLAS likes multiples of four rows of the matrix, and T > 1 widens its band."""
    return 4 // gcd(filters, 4)


def slots_for(depth: int, kernel: tuple[int, int], stride_x: int) -> int:
    """Return g, how many columns of the kernel one product takes."""
    if stride_x > 1 or (kernel[1] <= 5 and depth * kernel[0] <= 16):
        return kernel[1]
    return 3 if depth * kernel[0] <= 48 else 1


class Banded(Method):
    """Convolution by banded matrices.

    ``t`` output rows a block, which see ``seen`` input rows of ``depth`` channels; ``products``
    products over ``slots`` columns of the kernel each, whose taps lie ``tap`` samples apart; a
    row cut into ``chunks`` of ``columns`` samples.
    """

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        scan = spec.scan
        _, self.filters, self.depth, taps_y, _ = spec.weight.shape
        # With stride 1 a dilation splits the rows into as many lanes that do not mix.
        self.lanes = scan.dilation[0] if scan.stride[0] == 1 else 1
        self.dilation_y = 1 if scan.stride[0] == 1 else scan.dilation[0]
        self.t = min(rows_at_once(self.filters), -(-scan.output[0] // self.lanes))
        self.seen = (self.t - 1) * scan.stride[0] + span(taps_y, self.dilation_y)
        self.tap = scan.dilation[1] * scan.pixel
        self.slots, self.products = self._slots_and_products()
        self.chunks = self._column_chunks(
            self.t * self.filters * self.seen * self.depth * self.slots
        )
        self.columns = -(-spec.samples // self.chunks)
        self.pitch = self.chunks * self.columns + (self.products - 1) * self.slots * self.tap
        self.matrices = self._matrices()

    @property
    def step(self) -> int:
        scan = self.spec.scan
        read = self.depth * self.slots * self.pitch * scan.stride[0]
        written = self.filters * self.spec.samples
        fitting = BUFFER_BYTES // (read * self.spec.dtype.itemsize)
        fitting = max(fitting, 16) if written < 16 * read else max(BUFFER_BYTES // written, 1)
        rows = min(fitting, MOST_ROWS, -(-scan.output[0] // self.lanes))
        return int(max(rows // self.t, 1) * self.t * self.lanes)

    def worker(self) -> Run:
        return _BandedWorker(self).run

    def _slots_and_products(self) -> tuple[int, int]:
        scan = self.spec.scan
        slots = slots_for(self.depth, scan.kernel, scan.stride[1])
        return slots, ceil(scan.kernel[1] / slots)

    def rows(self, count: int, length: int) -> Rows:
        """Return the buffer of a thread, for ``count`` rows read at ``length`` samples each."""
        if self.spec.scan.stride[1] > 1:
            return StridedRows(self, count, length)
        return ShiftedRows(self, count, length)

    def _column_chunks(self, multiplications: int) -> int:
        """Return into how many parts a row is cut, so that no product is too large for BLAS."""
        samples = self.spec.samples
        least = max(1, ceil(samples * multiplications / PRODUCT_LIMIT))
        if least >= samples:
            return samples
        # Parts of one length leave nothing over, and answers can be written where they belong.
        for chunks in range(least, 2 * least + 1):
            if samples % chunks == 0:
                return chunks
        return least

    def _matrices(self) -> FloatArray:
        """Return (groups, products, T·F, R·C·g), rows of one output row's filters together."""
        groups, filters, depth, taps_y, taps_x = self.spec.weight.shape
        stride, dilation = self.spec.scan.stride[0], self.dilation_y
        whole = np.zeros(
            (groups, filters, depth, taps_y, self.products * self.slots), self.spec.dtype
        )
        whole[..., :taps_x] = self.spec.weight
        # (groups, products, F, Hf, C, slots)
        kernel = whole.reshape(groups, filters, depth, taps_y, self.products, self.slots)
        kernel = kernel.transpose(0, 4, 1, 3, 2, 5)
        shape = groups, self.products, self.t, filters, self.seen, depth, self.slots
        matrices = np.zeros(shape, self.spec.dtype)
        for t in range(self.t):
            rows = slice(t * stride, t * stride + span(taps_y, dilation), dilation)
            matrices[:, :, t, :, rows] = kernel
        return matrices.reshape(groups, self.products, self.t * filters, -1)


class _BandedWorker:
    """The buffers of one thread, and the views into them that the products take."""

    def __init__(self, method: Banded) -> None:
        self.method = method
        spec, scan = method.spec, method.spec.scan
        self.reader = RowReader(scan, spec.width)
        self.exact = Taps(spec).worker()
        self.blocks = method.step // (method.t * method.lanes)
        self.rows = method.rows(self._rows_under(self.blocks * method.t), self.reader.length)
        row, _, slot, item = self.rows.slots.strides
        across = method.seen * method.depth * method.slots
        chunks, columns = method.chunks, method.columns
        self.windows = [
            as_strided(
                self.rows.slots[..., product * method.slots * method.tap :],
                (self.blocks, chunks, across, columns),
                (method.t * scan.stride[0] * row, columns * item, slot, item),
            )
            for product in range(method.products)
        ]
        self.answers = np.empty(
            (self.blocks, method.t, method.filters, chunks * columns), spec.dtype
        )
        self.answers_of_products = self._by_product(self.answers)
        self.ones = np.ones(columns, spec.dtype)
        if method.products > 1:
            self.more = np.empty(self.answers_of_products.shape, spec.dtype)

    @np.errstate(over="ignore", invalid="ignore")  # as IEEE 754 has it, without warnings
    def run(
        self, source: NDArray[Any], target: NDArray[Any], group: int, start: int, stop: int
    ) -> None:
        """Fill the rows start to stop of ``target``."""
        method = self.method
        for lane in range(method.lanes):
            # This lane has the output rows lane, lane + lanes, …
            first, past = -(-(start - lane) // method.lanes), -(-(stop - lane) // method.lanes)
            result = target[..., lane + first * method.lanes : stop : method.lanes, :]
            in_place = self._in_place(result)
            kept = 0
            for row in range(first, past, self.blocks * method.t):
                count = min(self.blocks * method.t, past - row)
                slab = result[..., row - first : row - first + count, :]
                block = (row - first) // method.t
                answers = None
                if in_place is not None and count % method.t == 0:
                    answers = in_place[block : block + count // method.t]
                position = lane + row * method.lanes
                if self._slab(source, slab, answers, group, position, kept):
                    kept = self._keep(count)
                else:
                    # The zeros beside the band spread an infinity over all T rows.
                    for at in range(position, position + count * method.lanes, method.lanes):
                        self.exact(source, target, group, at, at + 1)
                    kept = 0

    def _slab(
        self,
        source: NDArray[Any],
        result: NDArray[Any],
        answers: FloatArray | None,
        group: int,
        position: int,
        kept: int,
    ) -> bool:
        """Fill ``result``, the rows of a lane from ``position`` on; tell if all are numbers.

        The buffer begins with ``kept`` rows that they read. ``answers`` is ``result`` as products
        write it, or None where it does not lie that way.
        """
        method, scan = self.method, self.method.spec.scan
        rows = result.shape[-2]
        needed, blocks = self._rows_under(rows), -(-rows // method.t)
        first = scan.origin[0] + position * scan.stride[0] + kept * method.lanes
        fresh = slice(kept, needed)
        self.reader.read(source, first, method.lanes, self.rows.read[fresh])
        self.rows.fill(fresh, group)
        self.rows.slots[needed : self._rows_under(blocks * method.t)] = 0

        by_product = self.answers_of_products[:blocks] if answers is None else answers
        matrices = method.matrices[group]
        np.matmul(matrices[0], self.windows[0][:blocks], out=by_product)
        for matrix, window in zip(matrices[1:], self.windows[1:], strict=True):
            more = np.matmul(matrix, window[:blocks], out=self.more[:blocks])
            np.add(by_product, more, out=by_product)
        # An infinity or NaN that is read shows in every row of its blocks: one of them tells.
        if source.dtype.kind == "f" and not np.isfinite(by_product[:, :, 0] @ self.ones).all():
            return False
        if answers is None:
            by_row = self.answers[:blocks].reshape(blocks * method.t, method.filters, -1)
            by_row = by_row[:rows, :, : method.spec.samples]
            method.finish(by_row.swapaxes(0, 1), result, group)
        elif method.spec.bias is not None:
            result += method.spec.bias[group][:, np.newaxis, np.newaxis]
        return True

    def _keep(self, rows: int) -> int:
        """Move what the rows after the last ``rows`` see again to the front; return how much."""
        advance, needed = rows * self.method.spec.scan.stride[0], self._rows_under(rows)
        kept = max(0, needed - advance)
        self.rows.slots[:kept] = self.rows.slots[advance:needed]
        return kept

    def _rows_under(self, rows: int) -> int:
        """Return how many rows of a lane's input that many of its output rows see."""
        scan = self.method.spec.scan
        return (rows - 1) * scan.stride[0] + span(scan.kernel[0], self.method.dilation_y)

    def _by_product(self, answers: FloatArray) -> FloatArray:
        """Return a view of (blocks, T, F, samples) as products write: (blocks, chunks, T·F, …)."""
        method = self.method
        block, _, row, item = answers.strides
        return as_strided(
            answers,
            (len(answers), method.chunks, method.t * method.filters, method.columns),
            (block, method.columns * item, row, item),
        )

    def _in_place(self, result: NDArray[Any]) -> FloatArray | None:
        """Return ``result`` as products write it, or None where it does not lie that way.

        Rows that do not fill a block at the end are left out.
        """
        method = self.method
        if (
            result.ndim != 3
            or result.dtype != method.spec.dtype
            or result.strides[2] != result.itemsize
            or method.chunks * method.columns != method.spec.samples
            or (method.t > 1 and method.filters > 1)
        ):
            return None
        filter_step, row, item = result.strides
        return as_strided(
            result,
            (result.shape[1] // method.t, method.chunks, method.t * method.filters, method.columns),
            (
                method.t * row,
                method.columns * item,
                row if method.filters == 1 else filter_step,
                item,
            ),
        )
