"""The gradients of a convolution for its weight and bias."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine.method import BUFFER_BYTES
from convcli.kernel.weight_gradient_rows import RowProducts
from convcli.kernel.window import RowReader, Window
from convcli.system.threads import processors, share

WORTH_A_THREAD = 2_000_000

PARTS = 8
"""Into how many sums the products are collected, for as many threads at most."""


def weight_and_bias_gradients(
    grad_y: FloatArray,
    images: FloatArray,
    window: Window,
    groups: int,
    *,
    threads: int | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Return (F, C/groups, Hf, Wf) and (F,) from ``grad_y`` (N, F, *window.output) and the images.

    ``grad[f,c,u,v] = Σ_i Σ_j grad_y[f,i,j] · x[c, i·S + u·D, j·S + v·D]``. The terms are made by
    products for each output row where that is possible and fast, or for each row of the kernel.
    """
    filters, channels = grad_y.shape[1] // groups, images.shape[1] // groups
    by_output_row = RowProducts.suits(window, channels, filters)
    if by_output_row:
        step = RowProducts.rows_at_once(window, channels, filters, images.dtype)
        step = max(min(step, len(images) * window.output[0] // PARTS), 1)
    else:
        step = _rows_at_once(window, channels, images.dtype)
    slabs = [
        (image, row) for image in range(len(images)) for row in range(0, window.output[0], step)
    ]
    # Each part is summed up by one thread, in one order: the number of threads changes nothing.
    sums = np.zeros((groups, PARTS, *window.kernel[::-1], channels, filters))
    totals = np.zeros((groups, PARTS, filters))
    multiplications = grad_y.size * channels * window.kernel[0] * window.kernel[1]
    if threads is None:
        threads = processors() if multiplications > WORTH_A_THREAD else 1

    def for_thread() -> Callable[[tuple[int, int]], None]:
        rows: RowProducts | _Im2ColRows
        if by_output_row:
            rows = RowProducts(images, window, channels, filters, step)
        else:
            rows = _Im2ColRows(images, window, channels, step)

        @np.errstate(over="ignore", invalid="ignore")  # infinities as in IEEE 754
        def work(task: tuple[int, int]) -> None:
            group, part = task
            inputs = slice(group * channels, (group + 1) * channels)
            outputs = slice(group * filters, (group + 1) * filters)
            for image, start in slabs[part::PARTS]:
                stop = min(start + step, window.output[0])
                gradient = grad_y[image, outputs, start:stop]
                rows.read(images[image, inputs], start, stop)
                rows.add_terms(gradient, sums[group, part])
                totals[group, part] += gradient.sum((1, 2))

        return work

    share(for_thread, product(range(groups), range(PARTS)), threads)
    gradient = sums.sum(1).transpose(0, 4, 3, 2, 1)
    gradient = gradient.reshape(groups * filters, channels, *window.kernel)
    bias = totals.sum(1).ravel()
    return np.asarray(gradient, grad_y.dtype), np.asarray(bias, grad_y.dtype)


def _rows_at_once(window: Window, channels: int, dtype: np.dtype[Any]) -> int:
    row_bytes = channels * window.kernel[1] * window.output[1] * dtype.itemsize
    phases = len(_phases(window))
    return min(max(BUFFER_BYTES // (row_bytes * phases), 4), window.output[0])


def _phases(window: Window) -> list[int]:
    """Return the rows of the input, counted modulo the stride, that rows of the kernel meet."""
    stride, dilation = window.stride[0], window.dilation[0]
    return sorted({u * dilation % stride for u in range(window.kernel[0])})


class _Im2ColRows:
    """The buffer of one thread: (channel, kernel column, phase, row, output column).

    Kernel row u meets the input rows u·D, u·D + S, …: those of one phase, which lie side by side.
    They are a matrix of im2col columns (C·Wf × i·j), of the input elements that meet each (i, j):
    one product with grad_y (F × i·j) gives all terms of u.
    """

    def __init__(self, images: FloatArray, window: Window, channels: int, count: int) -> None:
        self._window = window
        self._reader = RowReader(window, images.shape[3])
        self._phases = _phases(window)
        self._more = (window.kernel[0] - 1) * window.dilation[0] // window.stride[0]
        rows = count + self._more
        self._read = np.zeros((channels, rows, self._reader.length), images.dtype)
        self._im2col = np.zeros(
            (channels, window.kernel[1], len(self._phases), rows, window.output[1]), images.dtype
        )

    def read(self, image: NDArray[Any], start: int, stop: int) -> None:
        """Fill the buffer with what the output rows from ``start`` to ``stop`` read."""
        window = self._window
        rows = stop - start + self._more
        read = self._read[:, :rows]
        by_row = read.swapaxes(0, 1)[:, :, np.newaxis]
        for index, phase in enumerate(self._phases):
            first = window.origin[0] + start * window.stride[0] + phase
            self._reader.read(image, first, window.stride[0], by_row)
            for column in range(window.kernel[1]):
                tapped = read[..., column * window.dilation[1] :: window.stride[1]]
                self._im2col[:, column, index, :rows] = tapped[..., : window.output[1]]

    def add_terms(self, gradient: FloatArray, sums: NDArray[np.float64]) -> None:
        """Add the products with ``gradient`` (F, rows, columns) to ``sums`` (Wf, Hf, C, F)."""
        window = self._window
        filters, count = gradient.shape[:2]
        by_element = gradient.reshape(filters, -1).T
        channels, taps = self._im2col.shape[:2]
        columns = self._im2col.reshape(channels * taps, len(self._phases), -1)
        for u in range(window.kernel[0]):
            row, phase = divmod(u * window.dilation[0], window.stride[0])
            start, stop = row * window.output[1], (row + count) * window.output[1]
            met = columns[:, self._phases.index(phase), start:stop]
            terms = (met @ by_element).reshape(channels, taps, filters)
            sums[:, u] += terms.swapaxes(0, 1)
