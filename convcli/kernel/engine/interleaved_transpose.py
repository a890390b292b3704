"""The transposed convolution of interleaved channels, as a convolution of polyphase components.

All components of :mod:`convcli.kernel.transpose` are filters of one convolution, whose outputs have
the channels side by side as the input has them. They are then copied to their places, as many rows
at a time as stay in a cache. Dense kernels are computed so.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine.dispatch import prepare
from convcli.kernel.engine.enlarging import Block, Finish
from convcli.kernel.engine.output_scale import BorderCorrection, OutputScale
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.geometry import Geometry
from convcli.kernel.transpose import component_kernels, components_of
from convcli.kernel.window import Window

BLOCK_SAMPLES = 3 << 19
"""About how many output samples are computed at once. More than the nearest cache holds: where
threads share the interpreter's lock, waking one that waits for it costs more than that saves."""

ORDERED_BYTES = 3 << 19
"""About how much is put in order at once: each phase and channel writes a part of all of it."""

MOST_SAMPLES = 1 << 21
"""The most of them, where rows are wide."""

LEAST_ROWS = 8
"""Input rows that are enlarged at once, or a multiple, so that methods can fill their products."""


class InterleavedTranspose:
    """A transposed convolution of every channel with one kernel, for images of one size.

    ``weight`` is (1, 1, Hf, Wf); results are multiplied by ``scale``. Threads may share it: each
    makes buffers of its own at its first call.
    """

    def __init__(
        self,
        weight: FloatArray,
        geometry: Geometry,
        pad_mode: str,
        *,
        interleaved: int = 1,
        scale: OutputScale | None = None,
    ) -> None:
        self._rows, columns = (next(components_of(geometry, axis, False)) for axis in (0, 1))
        self._stride, self._interleaved = geometry.stride, interleaved
        self._samples = geometry.image[1] * interleaved
        tiles = -(-geometry.image[0] // self._stride[0]), -(-geometry.image[1] // self._stride[1])
        by_tap = weight[0, 0, :, :, np.newaxis, np.newaxis, np.newaxis]
        kernels = component_kernels(by_tap, self._rows, columns)
        self._correction = None
        if scale is not None:
            period = scale.period(*self._stride)
            kernels = kernels * period.reshape(-1, 1, 1, 1)
            self._correction = BorderCorrection(scale, period, interleaved, weight.dtype)
        window = Window(
            (0, columns.origin),
            tiles,
            (self._rows.length, columns.length),
            (1, 1),
            (self._rows.dilation, columns.dilation),
            pad_mode,
            interleaved,
        )
        problem = ConvolutionProblem(
            kernels[np.newaxis].astype(weight.dtype), None, window, geometry.output[1]
        )
        self._method = prepare(problem)
        self._shape = len(kernels), self._block_rows(tiles), problem.samples
        self._own = threading.local()

    def _block_rows(self, tiles: tuple[int, int]) -> int:
        """Return how many input rows are enlarged at once: few enough for the cache."""
        row = tiles[1] * self._interleaved * self._stride[0] * self._stride[1]
        rows = max(1, BLOCK_SAMPLES // row // LEAST_ROWS) * LEAST_ROWS
        return min(tiles[0], rows, max(1, MOST_SAMPLES // row))

    def rows_read(self, start: int, stop: int) -> tuple[int, int]:
        """Return the first input row that output rows read, and the one after the last."""
        first, past = start // self._stride[0], -(-stop // self._stride[0])
        return first + self._rows.origin, past + self._rows.last

    def blocks(self, padded: NDArray[Any], start: int, stop: int) -> Iterator[Block]:
        """Give the output rows start to stop, some at a time, for one thread.

        ``padded`` (rows, samples) are the input rows that :meth:`rows_read` names.
        """
        for tile, found in self._tiles(padded, start, stop):
            shape = found.shape[1] * self._stride[0], found.shape[2] * self._stride[1]
            target = self._buffer("ordered", shape, self._method.problem.dtype)
            self._put_in_order(found, target)
            low = tile * self._stride[0]
            begin, end = max(low, start), min(low + len(target), stop)
            values = target[begin - low : end - low, : self._samples]
            if self._correction is not None:
                self._correction.apply(values, begin, end)
            yield begin, end, values

    def writes_directly(self, start: int, stop: int) -> bool:
        """Return whether :meth:`write` can write some output rows."""
        return (
            start % self._stride[0] == stop % self._stride[0] == 0
            and self._samples == self._shape[2] * self._stride[1]
        )

    def write(
        self,
        padded: NDArray[Any],
        target: NDArray[Any],
        start: int,
        stop: int,
        finish: Finish | None,
    ) -> None:
        """Write the output rows start to stop as samples (rows, samples).

        ``finish`` makes samples of whole pixels before they are put in order: samples are smaller
        to move than values. None stands for samples that are the values.
        """
        for tile, found in self._tiles(padded, start, stop):
            count = found.shape[1]
            self._correct(found, tile)
            finished: NDArray[Any] = found
            if finish is not None:
                finished = self._buffer("finished", found.shape, target.dtype)
                rows = len(found) * count, -1
                finish(found.reshape(rows), finished.reshape(rows))
            low = tile * self._stride[0] - start
            self._put_in_order(finished, target[low : low + count * self._stride[0]])

    def _correct(self, by_phase: FloatArray, tile: int) -> None:
        """Multiply values (phases, rows, samples) by what is left of the scale."""
        if self._correction is None:
            return
        stride_y, stride_x = self._stride
        for phase, values in enumerate(by_phase):
            y, x = divmod(phase, stride_x)
            rows = range(tile * stride_y + y, (tile + len(values)) * stride_y, stride_y)
            self._correction.apply_to_phase(values, rows, x, stride_x)

    def _tiles(
        self, padded: NDArray[Any], start: int, stop: int
    ) -> Iterator[tuple[int, FloatArray]]:
        """Give the values (phases, rows, samples) of some input rows, with the first of them."""
        first, past = start // self._stride[0], -(-stop // self._stride[0])
        # Tiles of about the same height.
        tiles = -(-(past - first) // self._shape[1])
        most = -(-(past - first) // max(tiles, 1) // LEAST_ROWS) * LEAST_ROWS
        most = min(most, self._shape[1])
        for tile in range(first, past, most):
            count = min(most, past - tile)
            shape = self._shape[0], count, self._shape[2]
            found = self._buffer("by phase", shape, self._method.problem.dtype)
            self._method.rows(padded[np.newaxis, tile - first :], found, 0, 0, count)
            yield tile, found

    def _buffer(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return room for so much, without gaps, in a buffer of this thread's."""
        buffers: dict[str, NDArray[Any]] = self._own.__dict__
        size = prod(shape)
        if name not in buffers or buffers[name].dtype != dtype or buffers[name].size < size:
            buffers[name] = np.empty(size, dtype)
        return buffers[name][:size].reshape(shape)

    def _put_in_order(self, by_phase: NDArray[Any], ordered: NDArray[Any]) -> None:
        """Copy values (phases, rows, samples) to their rows and pixels."""
        stride_y, stride_x = self._stride
        rows, channels = by_phase.shape[1], self._interleaved
        word = _WORDS.get(channels * by_phase.itemsize)
        if word is not None and _is_aligned(ordered, word):
            by_phase, ordered, channels = by_phase.view(word), ordered.view(word), 1
        source = by_phase.reshape(stride_y, stride_x, rows, -1, channels)
        target = ordered.reshape(rows, stride_y, -1, stride_x, channels)
        step = max(1, ORDERED_BYTES // (ordered.strides[0] * stride_y))
        for part in (slice(row, row + step) for row in range(0, rows, step)):
            for y in range(stride_y):
                for x in range(stride_x):
                    # One channel at a time: NumPy would make the few of a pixel its innermost loop.
                    for channel in range(channels):
                        target[part, y, :, x, channel] = source[y, x, part, :, channel]


_WORDS = {2: np.uint16, 4: np.uint32, 8: np.uint64, 16: np.complex128}
"""Types that hold a whole pixel of so many bytes, to copy it at once."""


def _is_aligned(samples: NDArray[Any], word: DTypeLike) -> bool:
    """Return whether rows can be viewed as words."""
    size = np.dtype(word).itemsize
    return samples.ctypes.data % size == 0 and samples.strides[0] % size == 0
