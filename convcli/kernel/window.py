"""The sliding window of a convolution: which rows and columns it reads, and reading them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.geometry import Geometry, Pair, effective_size
from convcli.kernel.padding import source_index


class Window(NamedTuple):
    """Which input elements the taps of each output element read.

    Output (i, j) reads the rows ``origin[0] + i * stride[0] + u * dilation[0]`` for each kernel
    row u, and columns likewise; positions outside the image are filled as ``pad_mode`` says.
    ``interleaved`` channels lie side by side in each row, as in a decoded picture, and each is
    convolved separately.
    """

    origin: Pair
    output: Pair
    kernel: Pair
    stride: Pair
    dilation: Pair
    pad_mode: str = "zeros"
    interleaved: int = 1

    @classmethod
    def of(cls, geometry: Geometry, pad_mode: str) -> Window:
        """Return the window of a convolution."""
        top, left, _, _ = geometry.pads
        return cls(
            (-top, -left),
            geometry.output,
            geometry.kernel,
            geometry.stride,
            geometry.dilation,
            pad_mode,
        )

    @property
    def rows(self) -> int:
        """Input rows from the first that is read to the last."""
        return (self.output[0] - 1) * self.stride[0] + self.effective_kernel[0]

    @property
    def columns(self) -> int:
        """Input columns from the first that is read to the last."""
        return (self.output[1] - 1) * self.stride[1] + self.effective_kernel[1]

    @property
    def effective_kernel(self) -> Pair:
        """Rows and columns of the input that one output element spans."""
        return (
            effective_size(self.kernel[0], self.dilation[0]),
            effective_size(self.kernel[1], self.dilation[1]),
        )

    def for_rows(self, start: int, stop: int) -> Window:
        """Return the window of the output rows from ``start`` to ``stop``."""
        origin = self.origin[0] + start * self.stride[0], self.origin[1]
        return self._replace(origin=origin, output=(stop - start, self.output[1]))

    def on_padded_rows(self) -> Window:
        """Return the same window for input whose rows above and below the image are filled in.

        Row 0 of such input is the first that is read. Columns are still padded while reading.
        """
        return self._replace(origin=(0, self.origin[1]))


class RowReader:
    """Copies rows of an image as a window reads them: padded, and as wider numbers."""

    def __init__(self, window: Window, width: int) -> None:
        """Read from images of ``width`` columns."""
        first, last = window.origin[1], window.origin[1] + window.columns
        start, stop = max(first, 0), min(last, width)
        if start >= stop:  # padding alone
            start = stop = last
        self._mode, self._interleaved = window.pad_mode, window.interleaved
        self._source = slice(start * window.interleaved, stop * window.interleaved)
        self._body = slice(
            (start - first) * window.interleaved, (stop - first) * window.interleaved
        )
        self.length = window.columns * window.interleaved
        self._before = self._border(first, start, width)
        self._after = self._border(stop, last, width)

    def read(self, image: NDArray[Any], start: int, step: int, into: NDArray[Any]) -> None:
        """Fill ``into`` with the rows start, start + step, … of ``image`` (C, H, samples).

        ``into`` is (rows, C, copies, length): each row is written to every copy while it is in
        cache. Columns padded with zeros are not written: ``into`` has to be zeros there.
        """
        height = image.shape[1]
        last = start + (len(into) - 1) * step
        if start >= 0 and last < height:
            self._copy(image[:, start : last + 1 : step], into)
            return
        index = source_index(start, last + 1, height, self._mode)[::step]
        if self._mode != "zeros":
            self._copy(image[:, index], into)
            return
        inside = np.flatnonzero(index >= 0)
        first, past = (int(inside[0]), int(inside[-1]) + 1) if inside.size else (0, 0)
        into[:first] = into[past:] = 0
        if first < past:
            self._copy(image[:, index[first] : index[past - 1] + 1 : step], into[first:past])

    def _copy(self, rows: NDArray[Any], into: NDArray[Any]) -> None:
        by_row = rows.swapaxes(0, 1)[:, :, np.newaxis]
        np.copyto(into[..., self._body], by_row[..., self._source], casting="same_kind")
        if self._before is not None:
            into[..., : self._body.start] = by_row[..., self._before]
        if self._after is not None:
            into[..., self._body.stop : self.length] = by_row[..., self._after]

    def _border(self, start: int, stop: int, width: int) -> NDArray[np.intp] | None:
        """Return the samples that fill a border; None where it is empty or zeros."""
        if self._mode == "zeros" or start >= stop:
            return None
        columns = source_index(start, stop, width, self._mode)
        samples = columns[:, np.newaxis] * self._interleaved + np.arange(self._interleaved)
        return samples.ravel()
