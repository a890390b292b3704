"""The cells that methods.py measures: images and kernels, each by every method that can."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.engine.cost_model import ProblemSize
from convcli.kernel.engine.dispatch import choose, correlate, costs
from convcli.kernel.engine.int16 import operations
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.window import Window

METHOD_NAMES = ("banded", "separable", "fft", "int16")
SECONDS_A_TIMING = 0.05
"""Small images are convolved as often as that takes."""
FULL_RANK_MOST = 9
"""Largest dense kernel that is also tried as separable, rank by rank."""
HOPELESS = 8
"""A method estimated to take so many times the cheapest's nanoseconds is not tried."""


@dataclass(frozen=True)
class Cell:
    """An image (channels, height, width) and a kernel to be timed."""

    size: tuple[int, int]
    taps: int
    output_channels: int = 1
    channels: int = 1
    rank: int = 0  # of a dense kernel: as high as it gets
    stride: int = 1
    interleaved: int = 1
    sizes: int = 0  # of whole weights, for 8-bit samples; 0 for any weights and floats

    @property
    def image(self) -> str:
        channels = f"{self.channels}×" if self.channels > 1 else ""
        last = f"×{self.interleaved}" if self.interleaved > 1 else ""
        kind = " of 8 bits" if self.sizes else ""
        return f"{channels}{self.size[0]}×{self.size[1]}{last}{kind}"

    @property
    def kernel(self) -> str:
        many = (
            f"{self.output_channels}×{self.channels}×"
            if self.output_channels * self.channels > 1
            else ""
        )
        rank = f" rank {self.rank}" if self.rank else ""
        stride = f" stride {self.stride}" if self.stride > 1 else ""
        whole = f" of {self.sizes} weights" if self.sizes else ""
        return f"{many}{self.taps}×{self.taps}{rank}{stride}{whole}"

    @property
    def window(self) -> Window:
        """Return the window, with the pad that keeps the size."""
        pad = self.taps // 2
        output = tuple((n + 2 * pad - self.taps) // self.stride + 1 for n in self.size)
        return Window(
            (-pad, -pad),
            (output[0], output[1]),
            (self.taps, self.taps),
            (self.stride, self.stride),
            (1, 1),
            "zeros",
            self.interleaved,
        )

    @property
    def problem_size(self) -> ProblemSize:
        """Return what the cost formulas take."""
        rank = self.rank or self.taps
        sums = operations(self.problem) if self.sizes else None
        passes = None if sums is None else len(sums)
        return ProblemSize(self.output_channels, self.channels, 1, self.window, rank, passes)

    @property
    def problem(self) -> ConvolutionProblem:
        """Return the problem to be solved."""
        return ConvolutionProblem(self.weight()[np.newaxis], None, self.window, self.size[1])

    @property
    def dtype(self) -> type[np.generic]:
        """Return what samples are, before and after."""
        return np.uint8 if self.sizes else np.float32

    def images(self) -> NDArray[Any]:
        height, width = self.size
        shape = (1, self.channels, height, width * self.interleaved)
        rng = np.random.default_rng(1)
        return (
            rng.integers(0, 256, shape, np.uint8) if self.sizes else rng.random(shape, np.float32)
        )

    def weight(self) -> NDArray[np.float32]:
        """Return random kernels (F, C, taps, taps) of the rank wanted."""
        rng = np.random.default_rng(2)
        shape = (self.output_channels, self.channels, self.taps)
        if self.sizes:  # all of them, of either sign
            sizes = np.arange(self.taps**2) % self.sizes + 1
            signs = rng.choice([-1, 1], self.taps**2)
            return (sizes * signs).reshape(*shape, self.taps).astype(np.float32)
        if not self.rank:
            return rng.random((*shape, self.taps), np.float32) - np.float32(0.5)
        columns, rows = rng.random((*shape, self.rank)), rng.random((*shape, self.rank))
        return (columns @ rows.swapaxes(-1, -2)).astype(np.float32)


@dataclass
class Timing:
    """Nanoseconds for a sample of a cell's output, by method."""

    cell: Cell
    chosen: str
    ns: dict[str, float] = field(default_factory=dict)

    @property
    def samples(self) -> int:
        """Return how many samples the output has."""
        rows, columns = self.cell.window.output
        return self.cell.output_channels * rows * columns * self.cell.interleaved

    @property
    def best(self) -> str:
        return min(self.ns, key=lambda method: self.ns[method])

    @property
    def lost(self) -> float:
        """Return how many times the best's nanoseconds the choice takes."""
        return self.ns[self.chosen] / self.ns[self.best]


def cells(*, quick: bool) -> Iterator[Cell]:
    """Yield the cells: dense and separable kernels, banks of output_channels, strides."""
    sizes = [(1536, 2048), (384, 512)] if quick else [(1536, 2048), (768, 1024), (192, 256)]
    dense = (3, 9, 31, 63) if quick else (3, 5, 7, 9, 11, 15, 19, 23, 31, 41, 51, 63, 95)
    low = (3, 9, 31) if quick else (3, 5, 7, 9, 15, 23, 31, 51, 63)
    for taps, most in ((3, 9), (5, 5)):
        for count in {1, 2, most}:
            yield Cell((768, 1024), taps, interleaved=3, sizes=count)
    for size in sizes:
        for taps in dense:
            yield Cell(size, taps)
        for taps in low:
            yield Cell(size, taps, rank=1)
    for rank in (2, 3):
        for taps in low[1:]:
            yield Cell((768, 1024), taps, rank=rank)
    for taps in (3, 9, 31):
        yield Cell((768, 1024), taps, interleaved=3)
        yield Cell((768, 1024), taps, rank=1, interleaved=3)
    for taps in (3, 5, 9, 31):
        yield Cell((1536, 2048), taps, stride=2)
        yield Cell((1536, 2048), taps, rank=1, stride=2)
    banks = ((3, 3), (8, 3), (16, 16)) if quick else ((3, 3), (8, 3), (64, 3), (3, 16), (16, 16))
    for output_channels, channels in banks:
        for taps in (3, 9) if quick else (3, 5, 9, 15, 23):
            yield Cell((384, 512), taps, output_channels, channels)


def measure(cell: Cell, rounds: int) -> Timing:
    """Time every method that can do a cell, in turn; check that they agree."""
    images, weight, window = cell.images(), cell.weight(), cell.window
    timing = Timing(cell, choose(cell.problem, from_bytes=bool(cell.sizes)))
    methods = _methods(cell, timing.chosen)
    out = np.empty(
        (1, cell.output_channels, window.output[0], window.output[1] * cell.interleaved), cell.dtype
    )
    correlate(images, weight, window, out=out, method=timing.chosen)
    expected = out.astype(np.float32)
    largest = float(np.abs(expected).max())
    repeats: dict[str, int] = {}
    seconds: dict[str, list[float]] = {}
    for method in methods:
        start = time.perf_counter()
        correlate(images, weight, window, out=out, method=method)
        taken = time.perf_counter() - start
        repeats[method] = max(1, round(SECONDS_A_TIMING / taken))
        seconds[method] = []
        far = float(np.abs(out - expected).max()) / largest
        if not far < 1e-4:
            print(f"{cell.image}, {cell.kernel}: {method} is {far:.1g} from {timing.chosen}")
    for _ in range(rounds):
        for method in methods:
            start = time.perf_counter()
            for _ in range(repeats[method]):
                correlate(images, weight, window, out=out, method=method)
            seconds[method].append((time.perf_counter() - start) / repeats[method])
    timing.ns = {method: 1e9 * min(seconds[method]) / out.size for method in methods}
    return timing


def _methods(cell: Cell, chosen: str) -> list[str]:
    estimates = costs(cell.problem_size)
    cheapest = min(estimates.values())
    return [
        method
        for method in METHOD_NAMES
        if method == chosen
        or (
            estimates.get(method, np.inf) < HOPELESS * cheapest
            and (method != "separable" or cell.rank or cell.taps <= FULL_RANK_MOST)
        )
    ]
