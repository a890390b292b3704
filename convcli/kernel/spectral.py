"""Convolution by Fourier transforms of overlapping tiles (overlap-save), for large kernels.

A tile of the image is transformed, multiplied with the conjugate spectrum of each kernel, and
transformed back; of the result, the part is kept that saw no wrap-around.

Transforms are not exact. Where kernel and samples are whole numbers, they are made in double
precision, and the answers rounded to the whole numbers that they must be; where even that would
not be near enough, the kernel is split into parts of fewer bits.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.arrays import FloatArray
from convcli.kernel.banded import Banded
from convcli.kernel.exactness import Parts, is_whole, parts_of
from convcli.kernel.geometry import span
from convcli.kernel.method import Method, Run, Spec
from convcli.kernel.scan import RowReader
from convcli.kernel.taps import Taps

_SIZES = (32, 48, 64, 96, 128, 160, 192, 256)


def tile_length(spanned: int, needed: int) -> int:
    """Return a length that transforms fast: the least that holds ``needed``, or a good tile."""
    if needed <= _SIZES[-1]:
        return next(size for size in _SIZES if size >= needed)
    size = _SIZES[-1]
    while size < 3 * spanned:
        size *= 2
    return size


class Spectral(Method):
    """Convolution by Fourier transforms; for stride 1."""

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        scan = spec.scan
        self.spans = span(scan.kernel[0], scan.dilation[0]), span(scan.kernel[1], scan.dilation[1])
        self.tile = tile_length(self.spans[0], scan.rows), tile_length(self.spans[1], scan.columns)
        self.useful = self.tile[0] - self.spans[0] + 1, self.tile[1] - self.spans[1] + 1
        spread = np.zeros((*spec.weight.shape[:3], *self.spans))
        spread[..., :: scan.dilation[0], :: scan.dilation[1]] = spec.weight
        # NumPy transforms float32 as such only with norm="forward", which divides by the size.
        size = self.tile[0] * self.tile[1]
        spectra = np.conj(np.fft.rfft2(spread, self.tile)) * size
        self.spectra = spectra.astype(np.result_type(spec.dtype, np.complex64))
        self._parts: dict[int, Parts] = {}
        self._in_double: dict[int, Spectral] = {}

    @property
    def step(self) -> int:
        return self.useful[0]

    def parts(self, count: int) -> Parts:
        """Return the filters, where they are whole, in so many parts."""
        if count not in self._parts:
            self._parts[count] = parts_of(self.spec.weight, count)
        return self._parts[count]

    def in_double(self, count: int) -> Spectral:
        """Return the convolution with ``parts(count)``, without bias, in double precision."""
        if count not in self._in_double:
            spec = self.spec._replace(weight=self.parts(count).weight, bias=None)
            self._in_double[count] = Spectral(spec)
        return self._in_double[count]

    def worker(self) -> Run:
        return _SpectralWorker(self).run


class _SpectralWorker:
    """The buffers of one thread."""

    def __init__(self, method: Spectral) -> None:
        self.method = method
        spec = method.spec
        _, filters, depth, _, _ = spec.weight.shape
        self.reader = RowReader(spec.scan, spec.width)
        self.exact = Taps(spec).worker()
        self.workers: dict[int, _SpectralWorker] = {}
        height, width = method.tile
        self.rows = np.zeros((height, depth, self.reader.length), spec.dtype)
        self.tile = np.zeros((height, width), spec.dtype)
        self.spectra = np.empty((depth, height, width // 2 + 1), method.spectra.dtype)
        self.product = np.empty_like(self.spectra[0])
        self.term = np.empty_like(self.spectra[0])
        self.answers = np.empty((filters, method.useful[0], spec.samples), spec.dtype)

    @np.errstate(over="ignore", invalid="ignore")
    def run(
        self, source: NDArray[Any], target: NDArray[Any], group: int, start: int, stop: int
    ) -> None:
        """Fill the rows start to stop of ``target``."""
        step = self.method.step
        for first in range(start, stop, step):
            self._band(source, target, group, first, min(first + step, stop))

    def _band(
        self, source: NDArray[Any], target: NDArray[Any], group: int, start: int, stop: int
    ) -> None:
        scan = self.method.spec.scan
        needed = stop - start + self.method.spans[0] - 1
        seen = self.rows[:needed]
        self.reader.read(source, scan.origin[0] + start, 1, seen[:, :, np.newaxis])
        if source.dtype.kind == "f" and not np.isfinite(np.add.reduce(seen, axis=None)):
            # A transform spreads an infinity over the whole tile.
            self.exact(source, target, group, start, stop)
            return
        if not self.method.parts(1).units[group].any() or not is_whole(seen):
            answers = self._transformed(seen, group)
            self.method.finish(answers, target[..., start:stop, :], group)
            return
        size = float(np.sqrt(np.square(seen, dtype=np.float64).sum()))
        area = self.method.tile[0] * self.method.tile[1]
        for count in (1, 2, 3):
            if self.method.parts(count).error(size, area)[group] < 0.25:
                answers = self._rounded(seen, group, count)
                self.method.finish(answers, target[..., start:stop, :], group)
                return
        self.banded(source, target, group, start, stop)

    @cached_property
    def banded(self) -> Run:
        return Banded(self.method.spec).worker()

    def _rounded(self, seen: FloatArray, group: int, count: int) -> FloatArray:
        """Return the answers (F, rows, samples) to whole samples, exact for whole kernels."""
        if count not in self.workers:
            self.workers[count] = _SpectralWorker(self.method.in_double(count))
        answers = self.workers[count]._transformed(seen, group)
        for answer, unit in zip(answers, self.method.parts(count).units[group], strict=True):
            if unit:
                np.multiply(np.rint(answer / unit), unit, out=answer)
        filters = len(self.answers)
        total = answers[:filters]
        for start in range(filters, len(answers), filters):
            total += answers[start : start + filters]
        return total.astype(self.method.spec.dtype, copy=False)

    def _transformed(self, seen: FloatArray, group: int) -> FloatArray:
        """Return the answers (F, rows, samples) to the rows ``seen``."""
        scan = self.method.spec.scan
        for sample in range(scan.pixel):
            for column in range(0, scan.output[1], self.method.useful[1]):
                self._tile(seen[..., sample :: scan.pixel], group, sample, column)
        return self.answers[:, : len(seen) - self.method.spans[0] + 1]

    def _tile(self, seen: FloatArray, group: int, sample: int, column: int) -> None:
        method, pixel = self.method, self.method.spec.scan.pixel
        for channel, spectrum in enumerate(self.spectra):
            part = seen[:, channel, column : column + method.tile[1]]
            self.tile[: len(part), : part.shape[1]] = part
            self.tile[len(part) :] = 0
            self.tile[:, part.shape[1] :] = 0
            np.fft.rfft(self.tile, norm="forward", out=spectrum)
            np.fft.fft(spectrum, axis=0, norm="forward", out=spectrum)
        rows = len(seen) - method.spans[0] + 1
        columns = min(method.useful[1], method.spec.scan.output[1] - column)
        for kernels, answers in zip(method.spectra[group], self.answers, strict=True):
            np.multiply(self.spectra[0], kernels[0], out=self.product)
            for spectrum, kernel in zip(self.spectra[1:], kernels[1:], strict=True):
                np.multiply(spectrum, kernel, out=self.term)
                np.add(self.product, self.term, out=self.product)
            np.fft.ifft(self.product, axis=0, out=self.product)
            tile = np.fft.irfft(self.product[:rows], method.tile[1])
            first = column * pixel + sample
            past = first + (columns - 1) * pixel + 1
            answers[:rows, first:past:pixel] = tile[:, :columns]
