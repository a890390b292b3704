"""Convolution by FFT of overlapping tiles (overlap-save), for large kernels.

A tile of the image is transformed, multiplied with the conjugate spectrum of each kernel, and
transformed back; of the result, the part without wrap-around is kept.

Transforms are not exact. Where kernel and samples are whole numbers, they are computed in double
precision, and the results rounded to whole numbers; where even that would not be near enough, the
kernel is split into parts of fewer bits.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine import cost_model
from convcli.kernel.engine.banded import Banded
from convcli.kernel.engine.cost_model import ProblemSize
from convcli.kernel.engine.direct import Direct
from convcli.kernel.engine.exactness import Parts, is_whole, parts_of
from convcli.kernel.engine.method import Method, RowFunction
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.engine.tiles import Tiles, even_tiles
from convcli.kernel.window import RowReader, Window

MOST_SPECTRA_BYTES = 64 * 2**20

LONGEST = 384
"""Longer tiles leave the cache."""
LARGE_TILE = 2048
"""Tiles of that length, and their spectra, take tens of megabytes: only kernels that do not fit
are given larger ones."""


def _tiles(window: Window) -> tuple[Tiles, Tiles]:
    """Return how rows and columns are cut: rows for two threads."""
    height, width = window.effective_kernel
    rows, columns = window.output
    return (
        even_tiles(rows, height, 2, longest=_longest(height)),
        even_tiles(columns, width, longest=_longest(width)),
    )


def _longest(kernel: int) -> int:
    return max(LONGEST, min(6 * kernel, LARGE_TILE), 2 * kernel)


def _has_whole(padded: NDArray[Any]) -> bool:
    return padded.dtype.kind == "u" or is_whole(padded)


def _norm(padded: NDArray[Any]) -> float:
    rows = (np.square(row, dtype=np.float64).sum() for row in padded)
    return float(np.sqrt(sum(rows)))


class FFT(Method):
    """Convolution by Fourier transforms; for stride 1."""

    def __init__(self, problem: ConvolutionProblem) -> None:
        super().__init__(problem)
        window = problem.window
        self.effective_kernel = window.effective_kernel
        rows, columns = _tiles(window)
        self.tile = rows.length, columns.length
        self.valid = rows.valid, columns.valid
        dilated = np.zeros((*problem.shape[:3], *self.effective_kernel))
        dilated[..., :: window.dilation[0], :: window.dilation[1]] = problem.dense
        # NumPy transforms float32 as such only with norm="forward", which divides by the size.
        size = self.tile[0] * self.tile[1]
        spectra = np.conj(np.fft.rfft2(dilated, self.tile)) * size
        self.spectra = spectra.astype(np.result_type(problem.dtype, np.complex64))
        self._parts: dict[int, Parts] = {}
        self._in_double: dict[int, FFT] = {}

    @staticmethod
    def cost(size: ProblemSize) -> float | None:
        window = size.window
        if window.stride != (1, 1):
            return None
        rows, columns = _tiles(window)
        area = rows.length * columns.length
        kernels = size.output_channels * size.input_channels
        if area * 4 * size.groups * kernels > MOST_SPECTRA_BYTES:
            return None
        transforms = (size.input_channels + size.output_channels) / 2
        # A spectrum of each kernel takes about half of a forward and inverse transform.
        of_kernels = cost_model.TRANSFORM * kernels / 2 / window.interleaved
        transform = cost_model.TRANSFORM + (cost_model.DOUBLE if size.is_whole else 0.0)
        products = cost_model.SPECTRUM * (size.input_channels - 1) * size.output_channels
        of_tiles = (transform * transforms + products) * rows.number * columns.number
        samples = window.output[0] * window.output[1] * size.output_channels
        return (of_tiles + of_kernels) * area / samples + cost_model.SAMPLE

    @property
    def step(self) -> int:
        return self.valid[0]

    @staticmethod
    def buffer_rows(problem: ConvolutionProblem) -> int:
        return _tiles(problem.window)[0].length

    @staticmethod
    def buffer_columns(problem: ConvolutionProblem) -> int:
        return _tiles(problem.window)[1].valid

    def moved(self, columns: int) -> Self:
        other = super().moved(columns)
        other._in_double = {}
        return other

    def parts(self, count: int) -> Parts:
        """Return the filters in parts, if they are whole numbers."""
        if count not in self._parts:
            self._parts[count] = parts_of(self.problem.dense, count)
        return self._parts[count]

    def in_double(self, count: int) -> FFT:
        """Return the convolution with ``parts(count)``, without bias, in double precision."""
        if count not in self._in_double:
            problem = self.problem._replace(weight=self.parts(count).weight, bias=None)
            self._in_double[count] = FFT(problem)
        return self._in_double[count]

    def for_thread(self) -> RowFunction:
        return _FFTThread(self).rows


class _FFTThread:
    """The buffers of one thread."""

    def __init__(self, method: FFT) -> None:
        self.method = method
        problem = method.problem
        _, output_channels, channels, _, _ = problem.shape
        self.reader = RowReader(problem.window, problem.width)
        self.direct = Direct(problem).for_thread()
        self.in_double: dict[int, _FFTThread] = {}
        height, width = method.tile
        self.padded = np.zeros((0, channels, self.reader.length), problem.dtype)
        self.tile = np.zeros((height, width), problem.dtype)
        self.spectra = np.empty((channels, height, width // 2 + 1), method.spectra.dtype)
        # The only spectrum that is multiplied once alone may be overwritten.
        self.product = self.spectra[0]
        if channels > 1 or output_channels > 1:
            self.product = np.empty_like(self.spectra[0])
        self.term = np.empty_like(self.spectra[0]) if channels > 1 else self.product
        self.sums = np.empty((output_channels, method.valid[0], problem.samples), problem.dtype)

    @np.errstate(over="ignore", invalid="ignore")
    def rows(
        self, source: NDArray[Any], target: NDArray[Any], group: int, start: int, stop: int
    ) -> None:
        """Compute the rows start to stop of ``target``."""
        step = self.method.step
        for first in range(start, stop, step):
            self._tile_row(source, target, group, first, min(first + step, stop))

    def _tile_row(
        self, source: NDArray[Any], target: NDArray[Any], group: int, start: int, stop: int
    ) -> None:
        window = self.method.problem.window
        needed = stop - start + self.method.effective_kernel[0] - 1
        dtype = self.method.problem.dtype
        # Reading floats is faster; of large tiles, rows are the largest buffer.
        if source.dtype.kind == "u" and max(self.method.tile) >= LARGE_TILE:
            dtype = source.dtype
        if dtype != self.padded.dtype or not len(self.padded):
            self.padded = np.zeros((self.method.tile[0], *self.padded.shape[1:]), dtype)
        padded = self.padded[:needed]
        self.reader.read(source, window.origin[0] + start, 1, padded[:, :, np.newaxis])
        if source.dtype.kind == "f" and not np.isfinite(np.add.reduce(padded, axis=None)):
            # A transform spreads an infinity over the whole tile.
            self.direct(source, target, group, start, stop)
            return
        if not self.method.parts(1).units[group].any() or not _has_whole(padded):
            self.method.finish(self._sums(padded, group), target[..., start:stop, :], group)
            return
        norm = _norm(padded)
        area = self.method.tile[0] * self.method.tile[1]
        for count in (1, 2, 3):
            if self.method.parts(count).error(norm, area)[group] < 0.25:
                sums = self._rounded_sums(padded, group, count)
                self.method.finish(sums, target[..., start:stop, :], group)
                return
        self.banded(source, target, group, start, stop)

    @cached_property
    def banded(self) -> RowFunction:
        return Banded(self.method.problem).for_thread()

    def _rounded_sums(self, padded: NDArray[Any], group: int, count: int) -> FloatArray:
        """Return the sums (F, rows, samples) of whole samples, exact for whole kernels."""
        if count not in self.in_double:
            self.in_double[count] = _FFTThread(self.method.in_double(count))
        sums = self.in_double[count]._sums(padded, group)
        for of_channel, unit in zip(sums, self.method.parts(count).units[group], strict=True):
            if unit:
                np.multiply(np.rint(of_channel / unit), unit, out=of_channel)
        output_channels = len(self.sums)
        total = sums[:output_channels]
        for start in range(output_channels, len(sums), output_channels):
            total += sums[start : start + output_channels]
        return total.astype(self.method.problem.dtype, copy=False)

    def _sums(self, padded: NDArray[Any], group: int) -> FloatArray:
        """Return the sums (F, rows, samples) of padded rows."""
        window = self.method.problem.window
        for channel in range(window.interleaved):
            for column in range(0, window.output[1], self.method.valid[1]):
                self._one_tile(padded[..., channel :: window.interleaved], group, channel, column)
        return self.sums[:, : len(padded) - self.method.effective_kernel[0] + 1]

    def _one_tile(self, padded: NDArray[Any], group: int, interleaved: int, column: int) -> None:
        method, pitch = self.method, self.method.problem.window.interleaved
        for channel, spectrum in enumerate(self.spectra):
            part = padded[:, channel, column : column + method.tile[1]]
            self.tile[: len(part), : part.shape[1]] = part
            self.tile[len(part) :] = 0
            self.tile[:, part.shape[1] :] = 0
            np.fft.rfft(self.tile, norm="forward", out=spectrum)
            np.fft.fft(spectrum, axis=0, norm="forward", out=spectrum)
        rows = len(padded) - method.effective_kernel[0] + 1
        columns = min(method.valid[1], method.problem.window.output[1] - column)
        for kernels, sums in zip(method.spectra[group], self.sums, strict=True):
            np.multiply(self.spectra[0], kernels[0], out=self.product)
            for spectrum, kernel in zip(self.spectra[1:], kernels[1:], strict=True):
                np.multiply(spectrum, kernel, out=self.term)
                np.add(self.product, self.term, out=self.product)
            np.fft.ifft(self.product, axis=0, out=self.product)
            tile = np.fft.irfft(self.product[:rows], method.tile[1])
            first = column * pitch + interleaved
            past = first + (columns - 1) * pitch + 1
            sums[:rows, first:past:pitch] = tile[:, :columns]
