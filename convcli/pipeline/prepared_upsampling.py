"""Transposed convolutions prepared for frames of one size."""

from __future__ import annotations

import numpy as np

from convcli.filters import Filter
from convcli.kernel.arrays import FloatArray
from convcli.kernel.geometry import Geometry
from convcli.kernel.transpose import PreparedTranspose
from convcli.pipeline.divisor import Divisor


class PreparedUpsampling:
    """A transposed convolution prepared for frames of one size, with its divisor."""

    def __init__(self, filter: Filter, geometry: Geometry, divisor: Divisor | None) -> None:
        self._transpose = PreparedTranspose(
            filter.kernel_as(np.float32),
            geometry,
            filter.groups,
            pad_mode=filter.pad_mode,
            on_padded_rows=True,
        )
        self._offset = np.float32(filter.offsets[0])
        self._divisor = divisor

    def rows_read(self, start: int, stop: int) -> tuple[int, int]:
        return self._transpose.rows_read(start, stop)

    def rows(self, padded: FloatArray, start: int, stop: int, *, biased: bool) -> FloatArray:
        outputs = self._transpose.rows(padded, start, stop)
        if self._divisor is not None:
            outputs /= self._divisor.rows(start, stop)
        if biased:
            outputs += self._offset
        return outputs
