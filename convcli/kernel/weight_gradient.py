"""The gradient of a convolution for its weight."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine.method import BUFFER_BYTES
from convcli.kernel.geometry import effective_size
from convcli.kernel.window import RowReader, Window
from convcli.system.threads import processors, share

WORTH_A_THREAD = 2_000_000

PARTS = 8
"""Into how many sums the products are collected, for as many threads at most."""


def weight_gradient(
    grad_y: FloatArray,
    images: FloatArray,
    window: Window,
    groups: int,
    *,
    threads: int | None = None,
) -> FloatArray:
    """Return (F, C/groups, Hf, Wf) from ``grad_y`` (N, F, *window.output) and the images.

    ``grad[f,c,u,v] = Σ_i Σ_j grad_y[f,i,j] · x[c, i·S + u·D, j·S + v·D]``. For an output row i,
    the input rows that it reads, each shifted for every column of the kernel, are a matrix
    (rows·C·Wf × columns): one product with row i of grad_y gives all its terms.
    """
    filters, channels = grad_y.shape[1] // groups, images.shape[1] // groups
    step = _rows_at_once(window, channels, images.dtype)
    slabs = [
        (image, row) for image in range(len(images)) for row in range(0, window.output[0], step)
    ]
    # Each part is summed up by one thread, in one order: the number of threads changes nothing.
    sums = np.zeros((groups, PARTS, *window.kernel, channels, filters))
    multiplications = grad_y.size * channels * window.kernel[0] * window.kernel[1]
    if threads is None:
        threads = processors() if multiplications > WORTH_A_THREAD else 1

    def for_thread() -> Callable[[tuple[int, int]], None]:
        rows = _ReadRows(images, window, channels, step)

        def work(task: tuple[int, int]) -> None:
            group, part = task
            inputs = slice(group * channels, (group + 1) * channels)
            outputs = slice(group * filters, (group + 1) * filters)
            for image, start in slabs[part::PARTS]:
                stop = min(start + step, window.output[0])
                gradient = grad_y[image, outputs, start:stop]
                sums[group, part] += rows.terms(images[image, inputs], gradient, start, stop)

        return work

    share(for_thread, product(range(groups), range(PARTS)), threads)
    total = sums.sum(1).transpose(0, 4, 3, 1, 2)
    gradient = total.reshape(groups * filters, channels, *window.kernel)
    return np.asarray(gradient, grad_y.dtype)


def _rows_at_once(window: Window, channels: int, dtype: np.dtype[Any]) -> int:
    row_bytes = channels * window.kernel[1] * window.output[1] * window.stride[0] * dtype.itemsize
    return min(max(BUFFER_BYTES // row_bytes, 4), window.output[0])


class _ReadRows:
    """The buffer of one thread: (row, channel, kernel column, output column)."""

    def __init__(self, images: FloatArray, window: Window, channels: int, count: int) -> None:
        self._window = window
        self._reader = RowReader(window, images.shape[3])
        self._effective_height = effective_size(window.kernel[0], window.dilation[0])
        rows = (count - 1) * window.stride[0] + self._effective_height
        self._read = np.zeros((rows, channels, 1, self._reader.length), images.dtype)
        self._im2col = np.zeros((rows, channels, window.kernel[1], window.output[1]), images.dtype)
        row, _, column_step, item = self._im2col.strides
        self._operands = as_strided(
            self._im2col,
            (count, self._effective_height * channels * window.kernel[1], window.output[1]),
            (window.stride[0] * row, column_step, item),
        )

    def terms(self, image: NDArray[Any], gradient: FloatArray, start: int, stop: int) -> FloatArray:
        """Return (Hf, Wf, C, F), summed over the output rows from ``start`` to ``stop``."""
        window, rows = self._window, stop - start
        used = (rows - 1) * window.stride[0] + self._effective_height
        read = self._read[:used]
        self._reader.read(image, window.origin[0] + start * window.stride[0], 1, read)
        for column in range(window.kernel[1]):
            tapped = read[:, :, 0, column * window.dilation[1] :: window.stride[1]]
            self._im2col[:used, :, column] = tapped[..., : window.output[1]]
        by_row = np.ascontiguousarray(gradient.transpose(1, 2, 0))
        with np.errstate(over="ignore", invalid="ignore"):
            products = np.add.reduce(self._operands[:rows] @ by_row, axis=0)
        spread: FloatArray = products.reshape(
            self._effective_height, -1, window.kernel[1], products.shape[-1]
        )
        return spread[:: window.dilation[0]].swapaxes(1, 2)
