"""How a convolution walks over an image, and reading the rows it sees, borders included."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.geometry import Geometry, Pair, span
from convcli.kernel.padding import source_index


class Scan(NamedTuple):
    """Which input elements the taps of each output element read.

    Output (i, j) reads the rows ``origin[0] + i * stride[0] + u * dilation[0]`` for each kernel
    row u, and columns alike; what lies outside of the image shows as ``pad_mode`` says. With
    ``pixel`` > 1 a row holds that many samples side by side for every column, each a channel to
    be convolved by itself: the layout of a decoded picture, read as it lies.
    """

    origin: Pair
    output: Pair
    kernel: Pair
    stride: Pair
    dilation: Pair
    pad_mode: str = "zeros"
    pixel: int = 1

    @classmethod
    def of(cls, geometry: Geometry, pad_mode: str) -> Scan:
        """Return the walk of a convolution."""
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
        return (self.output[0] - 1) * self.stride[0] + span(self.kernel[0], self.dilation[0])

    @property
    def columns(self) -> int:
        """Input columns from the first that is read to the last."""
        return (self.output[1] - 1) * self.stride[1] + span(self.kernel[1], self.dilation[1])

    def part(self, start: int, stop: int) -> Scan:
        """Return the walk of the output rows from ``start`` to ``stop``."""
        origin = self.origin[0] + start * self.stride[0], self.origin[1]
        return self._replace(origin=origin, output=(stop - start, self.output[1]))


class RowReader:
    """Copies rows of an image as a scan sees them: borders filled in, as wider numbers."""

    def __init__(self, scan: Scan, width: int) -> None:
        """Read from images of ``width`` columns."""
        first, last = scan.origin[1], scan.origin[1] + scan.columns
        start, stop = max(first, 0), min(last, width)
        if start >= stop:  # nothing but border
            start = stop = last
        self._mode, self._pixel = scan.pad_mode, scan.pixel
        self._source = slice(start * scan.pixel, stop * scan.pixel)
        self._body = slice((start - first) * scan.pixel, (stop - first) * scan.pixel)
        self.length = scan.columns * scan.pixel
        self._before = self._border(first, start, width)
        self._after = self._border(stop, last, width)

    def read(self, image: NDArray[Any], start: int, step: int, into: NDArray[Any]) -> None:
        """Fill ``into`` with the rows start, start + step, … of ``image`` (C, H, samples).

        ``into`` is (rows, C, copies, length): each row goes to every copy, while it is at hand.
        Columns that show zeros are left as they are: ``into`` has been zeros from the start.
        """
        height = image.shape[1]
        last = start + (len(into) - 1) * step
        if start >= 0 and last < height:
            self._copy(image[:, start : last + 1 : step], into)
            return
        position = np.arange(start, last + 1, step)
        if self._mode == "zeros":
            inside = np.flatnonzero((position >= 0) & (position < height))
            into[:] = 0
            if inside.size:
                first, past = int(inside[0]), int(inside[-1]) + 1
                rows = image[:, position[first] : position[past - 1] + 1 : step]
                self._copy(rows, into[first:past])
            return
        index = source_index(start, last + 1, height, self._mode)[::step]
        self._copy(image[:, index], into)

    def _copy(self, rows: NDArray[Any], into: NDArray[Any]) -> None:
        by_row = rows.swapaxes(0, 1)[:, :, np.newaxis]
        np.copyto(into[..., self._body], by_row[..., self._source], casting="same_kind")
        if self._before is not None:
            into[..., : self._body.start] = by_row[..., self._before]
        if self._after is not None:
            into[..., self._body.stop : self.length] = by_row[..., self._after]

    def _border(self, start: int, stop: int, width: int) -> NDArray[np.intp] | None:
        """Return the samples that show in a border; None where that is empty or zeros."""
        if self._mode == "zeros" or start >= stop:
            return None
        columns = source_index(start, stop, width, self._mode)
        samples = columns[:, np.newaxis] * self._pixel + np.arange(self._pixel)
        return samples.ravel()
