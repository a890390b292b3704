"""The cells that methods.py measures: images and kernels, each by every method that can."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.engine.cost_model import ProblemSize
from convcli.kernel.engine.dispatch import METHODS, choose, correlate, costs, size_of
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.factors import Factors, Weight
from convcli.kernel.window import Window

METHOD_NAMES = tuple(name for name in METHODS if name != "direct")
SECONDS_A_TIMING = 0.05
"""Small images are convolved as often as that takes. Times are the processor's, on one core."""
FULL_RANK_MOST = 9
"""Largest dense kernel that is also tried as separable, rank by rank."""
MOST_OF_A_ROW = 64
"""Taps of a column or row above which a kernel is given by them alone."""
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
    weights: str = "any"  # or "whole", "binomial", "Gaussian", "box", "disk"
    sizes: int = 0  # different magnitudes of whole weights
    samples: str = "float"  # or "8-bit", "16-bit", "8-bit to float"

    @property
    def image(self) -> str:
        channels = f"{self.channels}×" if self.channels > 1 else ""
        last = f"×{self.interleaved}" if self.interleaved > 1 else ""
        samples = "" if self.samples == "float" else f" {self.samples}"
        return f"{channels}{self.size[0]}×{self.size[1]}{last}{samples}"

    @property
    def kernel(self) -> str:
        many = (
            f"{self.output_channels}×{self.channels}×"
            if self.output_channels * self.channels > 1
            else ""
        )
        rank = f" rank {self.rank}" if self.rank else ""
        stride = f" stride {self.stride}" if self.stride > 1 else ""
        weights = f" of {self.sizes} magnitudes" if self.sizes else f" {self.weights}"
        weights = "" if self.weights == "any" else weights
        return f"{many}{self.taps}×{self.taps}{rank}{stride}{weights}"

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
    def flags(self) -> dict[str, bool]:
        """Return what the samples are, as the functions of the engine take it."""
        return {
            "from_bytes": self.samples.startswith("8-bit"),
            "to_floats": self.samples.endswith("to float"),
            "from_words": self.samples == "16-bit",
        }

    @cached_property
    def problem_size(self) -> ProblemSize:
        """Return what the cost formulas take."""
        size = size_of(self.problem, **self.flags)
        return size._replace(rank=self.rank or (1 if self.is_separable else self.taps))

    @property
    def is_separable(self) -> bool:
        """Whether the kernel is an outer product."""
        return self.rank == 1 or self.weights in ("binomial", "Gaussian", "box")

    @property
    def problem(self) -> ConvolutionProblem:
        """Return the problem to be solved."""
        weight = self.weight()
        by_group = weight if isinstance(weight, Factors) else weight[np.newaxis]
        return ConvolutionProblem(by_group, None, self.window, self.size[1])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return what samples of the result are."""
        return np.dtype({"8-bit": "u1", "16-bit": "u2"}.get(self.samples, "f4"))

    def images(self) -> NDArray[Any]:
        height, width = self.size
        shape = (1, self.channels, height, width * self.interleaved)
        rng = np.random.default_rng(1)
        if self.samples == "float":
            return rng.random(shape, np.float32)
        dtype = np.uint16 if self.samples == "16-bit" else np.uint8
        return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)

    def weight(self) -> Weight:
        """Return kernels (F, C, taps, taps), or the factors of one."""
        rng = np.random.default_rng(2)
        shape = (self.output_channels, self.channels, self.taps)
        if self.weights == "whole":  # all magnitudes, of either sign
            sizes = np.arange(self.taps**2) % self.sizes + 1
            signs = rng.choice([-1, 1], self.taps**2)
            return (sizes * signs).reshape(*shape, self.taps).astype(np.float32)
        if self.weights == "disk":
            reach = np.arange(self.taps) - self.taps // 2
            disk = (self.taps / 2 - np.hypot(reach[:, np.newaxis], reach) + 0.5).clip(0, 1)
            return (disk / disk.sum()).reshape(*shape, self.taps).astype(np.float32)
        if self.weights != "any":
            profile = self._profile()
            if self.weights == "Gaussian" or self.taps > MOST_OF_A_ROW:
                return Factors(profile, profile)
            outer: NDArray[np.float32] = np.outer(profile, profile)
            return outer.reshape(*shape, self.taps)
        if not self.rank:
            return rng.random((*shape, self.taps), np.float32) - np.float32(0.5)
        columns, rows = rng.random((*shape, self.rank)), rng.random((*shape, self.rank))
        return (columns @ rows.swapaxes(-1, -2)).astype(np.float32)

    def _profile(self) -> NDArray[np.float32]:
        """Return the column, and row, of a kernel that sums to 1."""
        if self.weights == "binomial":
            row = [comb(self.taps - 1, k) / 2.0 ** (self.taps - 1) for k in range(self.taps)]
            return np.array(row, np.float32)
        if self.weights == "box":
            return np.full(self.taps, 1 / self.taps, np.float32)
        distance = np.arange(self.taps) - self.taps // 2  # 4 standard deviations
        bell = np.exp(-((4 * distance / (self.taps // 2)) ** 2) / 2)
        return np.asarray(bell / bell.sum(), np.float32)


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
    rgb = partial(Cell, (768, 1024), interleaved=3)
    for taps, most in ((3, 9), (5, 5)):
        for count in {1, 2, most}:
            for samples in ("8-bit", "8-bit to float", "16-bit"):
                yield rgb(taps, weights="whole", sizes=count, samples=samples)
    for taps in (3, 5) if quick else (3, 5, 7, 9):
        yield rgb(taps, weights="binomial", samples="8-bit")
    for taps in (17, 97) if quick else (9, 17, 33, 49, 97, 193, 401):
        yield rgb(taps, weights="Gaussian", samples="8-bit")
        yield rgb(taps, weights="box", samples="8-bit")
    for taps in (9, 41) if quick else (7, 9, 11, 15, 21, 41, 61, 121):
        yield Cell((1536, 2048), taps, interleaved=3, weights="disk", samples="8-bit")
    for taps in (9, 31) if quick else (5, 9, 13, 15, 17, 19, 23, 31, 41):
        yield rgb(taps, samples="8-bit")
        yield rgb(taps, weights="whole", sizes=9, samples="8-bit")  # exact, by FFT too
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
    timing = Timing(cell, choose(cell.problem, **cell.flags))
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
        start = time.process_time()
        correlate(images, weight, window, out=out, method=method)
        taken = time.process_time() - start
        repeats[method] = max(1, round(SECONDS_A_TIMING / taken))
        seconds[method] = []
        difference = float(np.abs(out - expected).max())
        far = difference / largest
        is_rounding = np.issubdtype(cell.dtype, np.integer) and difference <= 1
        if not (far < 1e-4 or is_rounding):
            print(f"{cell.image}, {cell.kernel}: {method} is {far:.1g} from {timing.chosen}")
    for _ in range(rounds):
        for method in methods:
            start = time.process_time()
            for _ in range(repeats[method]):
                correlate(images, weight, window, out=out, method=method)
            seconds[method].append((time.process_time() - start) / repeats[method])
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
            and (method != "separable" or cell.problem_size.rank <= FULL_RANK_MOST)
        )
    ]
