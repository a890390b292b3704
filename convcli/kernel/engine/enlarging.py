"""A transposed convolution of single channels by products that write its output in order.

Along one axis the output element ``q S + r`` reads the input elements q + offset, each by the tap
whose phase is r (:mod:`convcli.kernel.transpose`). Multiplied from the right by one small matrix,
Q input pixels and their neighbours give S Q finished pixels, in their order, so that no phase is
dealt out to every S-th column. For S = 2, Q = 2 and the taps w0 w1 w2 w3 with a pad of 1::

                                    output  0   1   2   3
    input -1                                w3
           0  (the first of the block)      w1  w2  w3
           1                                    w0  w1  w2
           2                                            w0

With interleaved channels every weight becomes a multiple of the identity. A kernel of low rank
takes such a product of every input row for each rank, and one product from the left for the
columns, T input rows at a time. Any other kernel is summed over its rows: each contributes to the
output rows of one phase.

Dividing by the transposed convolution of ones costs little: away from the borders the divisor is
periodic, and is folded into the matrices; output rows and columns at the borders are corrected.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine.enlarging_buffers import EnlargingBuffers, Layout, Matrices
from convcli.kernel.engine.enlarging_cost import kernel_terms
from convcli.kernel.engine.output_scale import BorderCorrection, OutputScale
from convcli.kernel.factors import Weight
from convcli.kernel.geometry import Geometry
from convcli.kernel.padding import source_index

Block = tuple[int, int, FloatArray]
"""Output rows start to stop, and their values (rows, samples), which may be overwritten."""


Finish = Callable[[FloatArray, NDArray[Any]], None]
"""Writes values (rows, samples), which may be overwritten, as samples."""


NEAR_BYTES = 2**20
"""Of values above which a ufunc that casts its results, some at a time, beats two passes."""


class Blocks(Protocol):
    """Something that enlarges rows of samples."""

    def rows_read(self, start: int, stop: int) -> tuple[int, int]:
        """Return the first input row that output rows read, and the one after the last."""

    def blocks(self, padded: NDArray[Any], start: int, stop: int) -> Iterator[Block]:
        """Give the output rows start to stop, some at a time, from the rows that they read."""


class _Kernel(NamedTuple):
    """One kernel: its matrices, and what its output is multiplied by at the borders."""

    matrices: Matrices
    correction: BorderCorrection | None
    clips: bool
    """Whether samples from 0 to 1 can have results outside."""


class Enlargement:
    """The transposed convolution of single channels, prepared for images of one size.

    ``weight`` is (groups, 1, Hf, Wf) of the dtype to compute in, a kernel for each of some
    channels, or the factors of one. ``interleaved`` channels lie side by side in a row, and are
    computed alike. Columns are padded here, by ``pad_mode``; rows by :meth:`padded`. Threads may
    share it: each makes buffers of its own at its first call.
    """

    def __init__(
        self,
        weight: Weight,
        geometry: Geometry,
        pad_mode: str,
        *,
        interleaved: int = 1,
        scales: Sequence[OutputScale] | None = None,
        by_rows: bool | None = None,
    ) -> None:
        """``scales`` has one for each group; ``by_rows`` forces kernel rows, or ranks."""
        self.dtype = weight.dtype
        self._layout = Layout.of(geometry, pad_mode, self.dtype, interleaved)
        self._pad_mode, self._height = pad_mode, geometry.output[0]
        self._samples = geometry.image[1] * interleaved
        terms = kernel_terms(weight, geometry, interleaved, by_rows=by_rows)
        self._ranks = 0 if terms.columns is None else terms.columns.shape[1]
        self._kernels = [
            self._kernel(
                None if terms.columns is None else terms.columns[group],
                terms.rows[group],
                None if scales is None else scales[group],
            )
            for group in range(len(terms.rows))
        ]
        self._own = threading.local()

    def _kernel(
        self, columns: FloatArray | None, rows: FloatArray, scale: OutputScale | None
    ) -> _Kernel:
        """Make the matrices of ``rows`` (of the kernel, or of ranks with ``columns``)."""
        layout = self._layout
        vertical, horizontal = layout.vertical, layout.horizontal
        inner = np.ones((vertical.stride, horizontal.stride))
        correction = None
        if scale is not None:
            inner = scale.period(vertical.stride, horizontal.stride)
            if columns is not None and len(columns) > 1 and np.ptp(inner):
                inner = np.ones_like(inner)
            elif columns is not None:  # the divisor of an outer product is one itself
                inner = np.outer(inner[:, 0], inner[0] / inner[0, 0])
            correction = BorderCorrection(scale, inner, layout.interleaved, self.dtype)
        right = []
        for k, row in enumerate(rows):
            factor = inner[vertical.phase[k]] if columns is None else inner[0] / inner[0, 0]
            matrix = horizontal.matrix(row * factor[horizontal.phase], layout.q)
            right.append(np.kron(matrix, np.eye(layout.interleaved)))
        left = None
        if columns is not None:
            scaled = columns * inner[:, 0][vertical.phase]
            by_rank = [vertical.matrix(column, layout.t).T for column in scaled]
            left = np.stack(by_rank, 2).reshape(len(by_rank[0]), -1).astype(self.dtype)
        taps = rows if columns is None else columns.T @ rows
        is_mean = scale is not None and bool((taps >= 0).all())
        taps = taps * inner[np.ix_(vertical.phase, horizontal.phase)]
        matrices = Matrices(np.stack(right).astype(self.dtype), left, taps.astype(self.dtype))
        return _Kernel(matrices, correction, clips=not is_mean)

    def rows_read(self, start: int, stop: int) -> tuple[int, int]:
        """Return the first input row that output rows read, and the one after the last."""
        vertical = self._layout.vertical
        first, past = start // vertical.stride, -(-stop // vertical.stride)
        return first + vertical.first, past + vertical.first + vertical.reach

    def padded(self, image: NDArray[Any], start: int, stop: int) -> NDArray[Any]:
        """Return the rows of an image (H, samples) that output rows read, with their padding."""
        first, past = self.rows_read(start, stop)
        if first >= 0 and past <= self._height:
            return image[first:past]
        index = source_index(first, past, self._height, self._pad_mode)
        rows = image[index]  # -1 takes the last row, overwritten below
        rows[index < 0] = 0
        return rows

    def blocks(
        self, padded: NDArray[Any], start: int, stop: int, *, group: int = 0
    ) -> Iterator[Block]:
        """Give the output rows start to stop of a group, some at a time, for one thread.

        ``padded`` (rows, samples) are the input rows that :meth:`rows_read` names.
        """
        buffers: EnlargingBuffers | None = getattr(self._own, "buffers", None)
        if buffers is None:
            buffers = self._own.buffers = EnlargingBuffers(self._layout, self._ranks)
        kernel, stride = self._kernels[group], self._layout.vertical.stride
        first = start // stride
        for row, sums in buffers.blocks(padded, -(-stop // stride) - first, kernel.matrices):
            low = (first + row) * stride
            begin, end = max(low, start), min(low + len(sums), stop)
            values = sums[begin - low : end - low, : self._samples]
            if kernel.correction is not None:
                kernel.correction.apply(values, begin, end)
            yield begin, end, values

    @np.errstate(over="ignore", invalid="ignore")  # infinities as in IEEE 754, without warnings
    def rows(
        self,
        padded: NDArray[Any],
        target: NDArray[Any],
        start: int,
        stop: int,
        *,
        group: int = 0,
        offset: float = 0,
    ) -> None:
        """Write the output rows start to stop of a group into ``target`` (rows, samples).

        ``offset`` is added. An integer target takes the values rounded to nearest and clipped.
        """
        clips = bool(offset) or self._kernels[group].clips
        for begin, end, values in self.blocks(padded, start, stop, group=group):
            write_values(values, target[begin - start : end - start], offset, clips=clips)


def write_values(
    values: FloatArray, target: NDArray[Any], offset: float = 0, *, clips: bool = True
) -> None:
    """Write values, which are overwritten, plus ``offset``; integers are nearest, and clipped.

    Without ``clips`` no value needs it.
    """
    top = _largest(target.dtype)
    if offset:
        values += values.dtype.type(offset)
    if top is None:
        np.copyto(target, values, casting="unsafe")
        return
    if clips:
        np.clip(values, values.dtype.type(0), values.dtype.type(top), out=values)
    # The cast truncates: 0.5 makes it round to nearest.
    half = values.dtype.type(0.5)
    if values.nbytes > NEAR_BYTES:
        np.add(values, half, out=target, casting="unsafe")
        return
    values += half
    np.copyto(target, values, casting="unsafe")


@cache
def _largest(dtype: np.dtype[Any]) -> float | None:
    return None if dtype.kind == "f" else float(np.iinfo(dtype).max)
