"""The definition, vectorised: one product over the channels for each tap of the kernel.

Slow and exact: an element meets only the taps that fall on it, so that an infinity or a NaN
spreads no further than the kernel reaches. The faster methods turn to it for such rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine.method import Method, Run
from convcli.kernel.window import RowReader


class Taps(Method):
    """Convolution tap by tap."""

    @property
    def step(self) -> int:
        return 64

    def worker(self) -> Run:
        scan = self.spec.scan
        reader = RowReader(scan, self.spec.width)

        @np.errstate(over="ignore", invalid="ignore")
        def run(
            source: NDArray[Any], target: NDArray[Any], group: int, start: int, stop: int
        ) -> None:
            part = scan.part(start, stop)
            seen = np.zeros((part.rows, len(source), reader.length), self.spec.dtype)
            reader.read(source, part.origin[0], 1, seen[:, :, np.newaxis])
            self.finish(self._answers(seen, group, stop - start), target[..., start:stop, :], group)

        return run

    def _answers(self, seen: FloatArray, group: int, rows: int) -> FloatArray:
        scan, weight = self.spec.scan, self.spec.weight[group]
        (stride_y, stride_x), (dilation_y, dilation_x) = scan.stride, scan.dilation
        length = self.spec.samples
        answers = np.zeros((len(weight), rows, length), self.spec.dtype)
        # A tap of weight 0 adds 0 to every number, and NaN to an infinity: leave it out.
        for f, c, u, v in np.argwhere(weight):
            left = v * dilation_x * scan.pixel
            right = left + (length - 1) * stride_x + 1
            rows_seen = seen[u * dilation_y :: stride_y, c, left:right:stride_x][:rows]
            answers[f] += weight[f, c, u, v] * rows_seen
        return answers
