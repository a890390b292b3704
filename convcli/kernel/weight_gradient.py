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
from convcli.kernel.geometry import span
from convcli.kernel.window import RowReader, Scan
from convcli.system.threads import processors, share

WORTH_A_THREAD = 2_000_000

PARTS = 8
"""Into how many sums the products are collected, for as many threads at most."""


def weight_gradient(grad_y: FloatArray, images: FloatArray, scan: Scan, groups: int) -> FloatArray:
    """Return (F, C/groups, Hf, Wf) from ``grad_y`` (N, F, *scan.output) and the images.

    ``grad[f,c,u,v] = Σ_i Σ_j grad_y[f,i,j] · x[c, i·S + u·D, j·S + v·D]``. For an output row i,
    the input rows that it sees, each shifted for every column of the kernel, are a matrix
    (rows·C·Wf × columns): one product with row i of grad_y gives all its terms.
    """
    filters, depth = grad_y.shape[1] // groups, images.shape[1] // groups
    step = _rows_at_once(scan, depth, images.dtype)
    slabs = [(image, row) for image in range(len(images)) for row in range(0, scan.output[0], step)]
    # Each part is summed up by one thread, in one order: the number of threads changes nothing.
    sums = np.zeros((groups, PARTS, *scan.kernel, depth, filters))
    multiplications = grad_y.size * depth * scan.kernel[0] * scan.kernel[1]
    workers = processors() if multiplications > WORTH_A_THREAD else 1

    def make_worker() -> Callable[[tuple[int, int]], None]:
        rows = _SeenRows(images, scan, depth, step)

        def work(task: tuple[int, int]) -> None:
            group, part = task
            channels = slice(group * depth, (group + 1) * depth)
            answers = slice(group * filters, (group + 1) * filters)
            for image, start in slabs[part::PARTS]:
                stop = min(start + step, scan.output[0])
                answer = grad_y[image, answers, start:stop]
                sums[group, part] += rows.terms(images[image, channels], answer, start, stop)

        return work

    share(make_worker, product(range(groups), range(PARTS)), workers)
    total = sums.sum(1).transpose(0, 4, 3, 1, 2)
    gradient = total.reshape(groups * filters, depth, *scan.kernel)
    return np.asarray(gradient, grad_y.dtype)


def _rows_at_once(scan: Scan, depth: int, dtype: np.dtype[Any]) -> int:
    row_bytes = depth * scan.kernel[1] * scan.output[1] * scan.stride[0] * dtype.itemsize
    return min(max(BUFFER_BYTES // row_bytes, 4), scan.output[0])


class _SeenRows:
    """The buffer of one thread: (row, channel, kernel column, output column)."""

    def __init__(self, images: FloatArray, scan: Scan, depth: int, count: int) -> None:
        self._scan = scan
        self._reader = RowReader(scan, images.shape[3])
        self._span = span(scan.kernel[0], scan.dilation[0])
        rows = (count - 1) * scan.stride[0] + self._span
        self._read = np.zeros((rows, depth, 1, self._reader.length), images.dtype)
        self._slots = np.zeros((rows, depth, scan.kernel[1], scan.output[1]), images.dtype)
        row, _, slot, item = self._slots.strides
        self._windows = as_strided(
            self._slots,
            (count, self._span * depth * scan.kernel[1], scan.output[1]),
            (scan.stride[0] * row, slot, item),
        )

    def terms(self, image: NDArray[Any], gradient: FloatArray, start: int, stop: int) -> FloatArray:
        """Return (Hf, Wf, C, F), summed over the output rows from ``start`` to ``stop``."""
        scan, rows = self._scan, stop - start
        used = (rows - 1) * scan.stride[0] + self._span
        read = self._read[:used]
        self._reader.read(image, scan.origin[0] + start * scan.stride[0], 1, read)
        for column in range(scan.kernel[1]):
            met = read[:, :, 0, column * scan.dilation[1] :: scan.stride[1]]
            self._slots[:used, :, column] = met[..., : scan.output[1]]
        by_row = np.ascontiguousarray(gradient.transpose(1, 2, 0))
        with np.errstate(over="ignore", invalid="ignore"):
            products = np.add.reduce(self._windows[:rows] @ by_row, axis=0)
        spread: FloatArray = products.reshape(self._span, -1, scan.kernel[1], products.shape[-1])
        return spread[:: scan.dilation[0]].swapaxes(1, 2)
