"""Means of 8-bit samples by FFT, with four planes of samples in one complex transform.

NumPy's transforms take about as long for a double as for a float, and a double has room for the
sums of two samples. Weights become whole multiples of 2^-24, as WHOLE_ONE says. Then the sums of a
plane b are such multiples too, and those of a + 2^32 b are::

      sum of a              up to 255, whatever its digits
      2^32 · sum of b       a multiple of 2^8

Modulo 2^8, that is the sum of a; divided by 2^32, it is that of b. Rounded to a whole number, byte
0 of it is the sample of a, and byte 4, of what is 2^31 more, that of b. Adding 2^52 to a double
rounds it, and leaves its whole number in the low bytes: where bytes are written before the
transform, and read after it. Two other planes are the imaginary part.

Rounded weights are off by less than 2^-24, which comes to TOLERANCE at most, transforms by about
2^-11 of a level. The method is for kernels without negative weights and of sum 1 at most, whose
results need no clipping, and not for kernels of whole numbers, whose results are exact.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.engine import cost_model
from convcli.kernel.engine.cost_model import ProblemSize
from convcli.kernel.engine.exactness import whole_kernel
from convcli.kernel.engine.method import Method, RowFunction
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.engine.tiles import Tiles, even_tiles
from convcli.kernel.window import RowReader, Window

TOLERANCE = 0.05
"""How many levels of 8 bits the rounding of weights may add up to, whatever the picture is."""
LEAST_TAPS = 49
"""Weights of kernels that are looked at: smaller ones take less by other methods."""

LONGEST = 640
"""Longer tiles leave the cache."""
LEAST_RATIO = 4
"""Large kernels have tiles of up to so many times their length all the same."""
MOST_TILE = 1 << 21
"""Elements of a tile, and of a spectrum: 32 megabytes each."""

WHOLE_ONE = 2.0**24
PLANES = 4
"""Planes in one transform; each has one byte of four."""
_BYTES = 16  # of a complex number
_EXPONENT = 0x43300000
"""The upper half of a double from 2^52 on, in which the lowest bit counts 1."""
_ZERO = 2.0**52
_ROUNDING = 2.0**52 + 2.0**31


def packed_kernel(problem: ConvolutionProblem) -> NDArray[np.float64] | None:
    """Return the kernel (Hf, Wf) in multiples of 1/WHOLE_ONE; None where the method cannot."""
    window = problem.window
    if problem.shape[:3] != (1, 1, 1) or window.stride != (1, 1) or problem.bias is not None:
        return None
    if window.kernel[0] * window.kernel[1] < LEAST_TAPS or sys.byteorder != "little":
        return None
    kernel = problem.dense[0, 0, 0]
    weight = kernel.astype(np.float64)
    if not (weight.min() >= 0 and weight.sum() <= 1 + 1e-6) or whole_kernel(kernel) is not None:
        return None
    rounded = _rounded(weight * WHOLE_ONE) / WHOLE_ONE
    errors = rounded - weight
    worst = 255 * max(errors.clip(0).sum(), (-errors).clip(0).sum())
    return rounded if worst <= TOLERANCE else None


def _rounded(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return whole numbers near ``numbers``, whose sum is theirs, rounded.

    Rounded each for itself, the many equal weights of a disk would all err to the same side.
    """
    whole: NDArray[np.float64] = np.floor(numbers)
    rest = (numbers - whole).ravel()
    raised = round(float(rest.sum()))
    whole.ravel()[np.argsort(-rest, kind="stable")[:raised]] += 1
    return whole


def _tiles(window: Window) -> tuple[Tiles, Tiles]:
    """Return how rows and columns are cut: rows for two threads, columns for PLANES at once."""
    height, width = window.effective_kernel
    rows, columns = window.output
    pixel = window.interleaved
    return (
        even_tiles(rows, height, 2, longest=_longest(height)),
        even_tiles(columns, width, PLANES, pixel, longest=_longest(width)),
    )


def _longest(kernel: int) -> int:
    return max(LONGEST, LEAST_RATIO * kernel)


class PackedFFT(Method):
    """Convolution by Fourier transforms of packed planes, of 8-bit samples into such."""

    only_bytes = True

    def __init__(self, problem: ConvolutionProblem) -> None:
        super().__init__(problem)
        kernel = packed_kernel(problem)
        if kernel is None:
            raise ValueError("not the weights of a mean at stride 1")
        window = problem.window
        self.effective_kernel = window.effective_kernel
        self.tiles = _tiles(window)
        dilated = np.zeros(self.effective_kernel)
        dilated[:: window.dilation[0], :: window.dilation[1]] = kernel
        lengths = self.tiles[0].length, self.tiles[1].length
        # Transforms that divide by nothing are faster: the spectrum is what is divided.
        self.spectrum = np.conj(np.fft.fft2(dilated, lengths, norm="forward"))

    @staticmethod
    def cost(size: ProblemSize) -> float | None:
        if not size.is_packable:
            return None
        rows, columns = _tiles(size.window)
        planes = columns.number * size.window.interleaved
        transforms = -(-planes // PLANES) * PLANES / size.window.interleaved
        if rows.length * columns.length > MOST_TILE:
            return None
        area = rows.number * rows.length * transforms * columns.length
        return cost_model.PACKED * area / (size.window.output[0] * size.window.output[1])

    @property
    def step(self) -> int:
        return self.tiles[0].valid

    @staticmethod
    def buffer_rows(problem: ConvolutionProblem) -> int:
        return max(1, _tiles(problem.window)[0].length // 4)  # bytes, not floats

    def for_thread(self) -> RowFunction:
        return _Thread(self).rows


class _Thread:
    """The buffers of one thread."""

    def __init__(self, method: PackedFFT) -> None:
        self.method = method
        window = method.problem.window
        self.window, self.pixel = window, window.interleaved
        self.reader = RowReader(window, method.problem.width)
        rows, columns = method.tiles
        height, width = method.effective_kernel
        read = rows.valid + height - 1
        self.padded = np.zeros((read, 1, 1, self.reader.length), np.uint8)
        self.tile = np.zeros((rows.length, columns.length), np.complex128)
        words = np.zeros((read, columns.length, PLANES), np.uint32)
        words[..., 1::2] = _EXPONENT
        self.doubles = words.view(np.float64).reshape(read, -1)
        self.bytes = words.view(np.uint8).reshape(read, columns.length, _BYTES)
        self.planes = [
            (channel, column)
            for channel in range(self.pixel)
            for column in range(0, window.output[1], columns.valid)
        ]
        self.read_columns = columns.valid + width - 1

    def rows(
        self, source: NDArray[Any], target: NDArray[Any], group: int, start: int, stop: int
    ) -> None:
        """Compute the rows start to stop of ``target``."""
        step = self.method.step
        for first in range(start, stop, step):
            past = min(first + step, stop)
            padded = self.padded[: past - first + self.method.effective_kernel[0] - 1]
            self.reader.read(source, self.window.origin[0] + first, 1, padded)
            for plane in range(0, len(self.planes), PLANES):
                planes = self.planes[plane : plane + PLANES]
                self._pack(padded[:, 0, 0], planes)
                self._transform(len(padded), past - first)
                self._unpack(target[0, first:past], planes)

    def _pack(self, padded: NDArray[np.uint8], planes: list[tuple[int, int]]) -> None:
        """Write the samples of up to four planes as the real and imaginary parts of the tile."""
        rows = len(padded)
        for number in range(PLANES):
            written = self.bytes[:rows, :, number * _BYTES // PLANES]
            columns = 0
            if number < len(planes):
                channel, column = planes[number]
                samples = padded[:, channel :: self.pixel]
                samples = samples[:, column : column + self.read_columns]
                columns = samples.shape[1]
                np.copyto(written[:, :columns], samples)
            written[:, columns:] = 0
        np.subtract(self.doubles[:rows], _ZERO, out=self.tile.view(np.float64)[:rows])
        self.tile[rows:] = 0

    def _transform(self, read: int, rows: int) -> None:
        """Convolve the tile, of which ``read`` rows are not zeros and ``rows`` are wanted."""
        tile = self.tile
        np.fft.fft(tile[:read], out=tile[:read])
        np.fft.fft(tile, axis=0, out=tile)
        np.multiply(tile, self.method.spectrum, out=tile)
        np.fft.ifft(tile, axis=0, norm="forward", out=tile)
        np.fft.ifft(tile[:rows], norm="forward", out=tile[:rows])

    def _unpack(self, target: NDArray[np.uint8], planes: list[tuple[int, int]]) -> None:
        """Read the samples of planes out of the sums in the tile, into rows of the result."""
        rows, wide = len(target), self.method.tiles[1].valid
        sums = self.tile.view(np.float64)[:rows, : 2 * wide]
        np.add(sums, _ROUNDING, out=sums)
        rounded = self.tile[:rows].view(np.uint8).reshape(rows, -1, _BYTES)
        for number, (channel, column) in enumerate(planes):
            written = target[:, channel :: self.pixel][:, column : column + wide]
            columns = written.shape[1]
            np.copyto(written, rounded[:, :columns, number * _BYTES // PLANES])
