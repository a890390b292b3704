"""The products of :class:`~convcli.kernel.engine.banded.Banded`, by the buffers of one thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine.banded_blocks import Blocks
from convcli.kernel.engine.banded_rows import Rows
from convcli.kernel.engine.direct import Direct
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.window import RowReader

Finish = Callable[[FloatArray, NDArray[Any], int], None]
"""Writes sums into a target, for a group: :meth:`Method.finish`."""


class BandedThread:
    """The buffers of one thread, and the views into them that the products take."""

    def __init__(
        self,
        problem: ConvolutionProblem,
        blocks: Blocks,
        matrices: FloatArray,
        make_buffer: Callable[[int, int], Rows],
        finish: Finish,
    ) -> None:
        """``make_buffer`` returns room for a number of rows that are read at some length."""
        self.problem, self.cut, self.matrices, self.finish = problem, blocks, matrices, finish
        window = problem.window
        self.reader = RowReader(window, problem.width)
        self.exact = Direct(problem).for_thread()
        self.blocks = blocks.step // (blocks.t * blocks.dilation_phases)
        self.buffer = make_buffer(blocks.rows_read(self.blocks * blocks.t), self.reader.length)
        row, _, line, item = self.buffer.im2col.strides
        self.operands = [
            as_strided(
                self.buffer.im2col[..., product * blocks.columns * blocks.tap :],
                (self.blocks, blocks.chunks, blocks.inner, blocks.chunk),
                (blocks.t * window.stride[0] * row, blocks.chunk * item, line, item),
            )
            for product in range(blocks.products)
        ]
        self.sums = np.empty(
            (self.blocks, blocks.t, blocks.output_channels, blocks.chunks * blocks.chunk),
            problem.dtype,
        )
        self.sums_by_block = self._by_block(self.sums)
        self.ones = np.ones(blocks.chunk, problem.dtype)
        if blocks.products > 1:
            self.more = np.empty(self.sums_by_block.shape, problem.dtype)

    @np.errstate(over="ignore", invalid="ignore")  # infinities as in IEEE 754, without warnings
    def rows(
        self, source: NDArray[Any], target: NDArray[Any], group: int, start: int, stop: int
    ) -> None:
        """Compute the rows start to stop of ``target``."""
        cut = self.cut
        phases = cut.dilation_phases
        for phase in range(phases):
            # This phase has the output rows phase, phase + phases, …
            first, past = -(-(start - phase) // phases), -(-(stop - phase) // phases)
            result = target[..., phase + first * phases : stop : phases, :]
            in_place = self._in_place(result)
            kept = 0
            for row in range(first, past, self.blocks * cut.t):
                count = min(self.blocks * cut.t, past - row)
                slab = result[..., row - first : row - first + count, :]
                block = (row - first) // cut.t
                sums = None
                if in_place is not None and count % cut.t == 0:
                    sums = in_place[block : block + count // cut.t]
                position = phase + row * phases
                if self._slab(source, slab, sums, group, position, kept):
                    kept = self._keep(count)
                else:
                    # The zeros beside the band spread an infinity over all T rows.
                    for at in range(position, position + count * phases, phases):
                        self.exact(source, target, group, at, at + 1)
                    kept = 0

    def _slab(
        self,
        source: NDArray[Any],
        result: NDArray[Any],
        sums: FloatArray | None,
        group: int,
        position: int,
        kept: int,
    ) -> bool:
        """Compute ``result``, the rows of a phase from ``position`` on; return if all are finite.

        The buffer begins with ``kept`` rows that they read. ``sums`` is ``result`` as products
        write it, or None if its memory layout is another.
        """
        cut, window = self.cut, self.problem.window
        rows = result.shape[-2]
        needed, blocks = cut.rows_read(rows), -(-rows // cut.t)
        first = window.origin[0] + position * window.stride[0] + kept * cut.dilation_phases
        fresh = slice(kept, needed)
        self.reader.read(source, first, cut.dilation_phases, self.buffer.read[fresh])
        self.buffer.fill(fresh, group)
        self.buffer.im2col[needed : cut.rows_read(blocks * cut.t)] = 0

        by_block = self.sums_by_block[:blocks] if sums is None else sums
        matrices = self.matrices[group]
        np.matmul(matrices[0], self.operands[0][:blocks], out=by_block)
        for matrix, operand in zip(matrices[1:], self.operands[1:], strict=True):
            more = np.matmul(matrix, operand[:blocks], out=self.more[:blocks])
            np.add(by_block, more, out=by_block)
        # An infinity or NaN that is read shows in every row of its blocks: testing one is enough.
        if source.dtype.kind == "f" and not np.isfinite(by_block[:, :, 0] @ self.ones).all():
            return False
        if sums is None:
            by_row = self.sums[:blocks].reshape(blocks * cut.t, cut.output_channels, -1)
            by_row = by_row[:rows, :, : self.problem.samples]
            self.finish(by_row.swapaxes(0, 1), result, group)
        elif self.problem.bias is not None:
            result += self.problem.bias[group][:, np.newaxis, np.newaxis]
        return True

    def _keep(self, rows: int) -> int:
        """Move what the rows after the last ``rows`` read again to the front; return how much."""
        advance, needed = rows * self.problem.window.stride[0], self.cut.rows_read(rows)
        kept = max(0, needed - advance)
        self.buffer.im2col[:kept] = self.buffer.im2col[advance:needed]
        return kept

    def _by_block(self, sums: FloatArray) -> FloatArray:
        """Return a view of (blocks, T, F, samples) as products write: (blocks, chunks, T·F, …)."""
        cut = self.cut
        block, _, row, item = sums.strides
        return as_strided(
            sums,
            (len(sums), cut.chunks, cut.t * cut.output_channels, cut.chunk),
            (block, cut.chunk * item, row, item),
        )

    def _in_place(self, result: NDArray[Any]) -> FloatArray | None:
        """Return ``result`` as products write it, or None if its memory layout is another.

        Rows that do not fill a block at the end are left out.
        """
        cut = self.cut
        if (
            result.ndim != 3
            or result.dtype != self.problem.dtype
            or result.strides[2] != result.itemsize
            or cut.chunks * cut.chunk != self.problem.samples
            or (cut.t > 1 and cut.output_channels > 1)
        ):
            return None
        channel, row, item = result.strides
        return as_strided(
            result,
            (
                result.shape[1] // cut.t,
                cut.chunks,
                cut.t * cut.output_channels,
                cut.chunk,
            ),
            (
                cut.t * row,
                cut.chunk * item,
                row if cut.output_channels == 1 else channel,
                item,
            ),
        )
