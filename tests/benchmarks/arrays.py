"""Convolution of arrays: ours, OpenCV's and PyTorch's in one process, in turn.

compare.py runs this with the Python that has the peers: ``arrays.py ROUNDS QUICK ONLY``. Every
line printed is JSON: a job, a tool, seconds, and the relative
difference from our result.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from report import processors

import convcli

Array = NDArray[np.float32]
Call = Callable[[], Any]

ENOUGH_SECONDS = 3.0
"""A tool that takes longer the first time is not run again."""


def imported(name: str) -> Any:
    """Return a peer, set to a number of threads, or None."""
    try:
        module = import_module(name)
    except ImportError:
        return None
    (module.setNumThreads if name == "cv2" else module.set_num_threads)(processors())
    return module


cv2, torch = imported("cv2"), imported("torch")


@dataclass
class Cell:
    """A job, the function that does it for each tool, and its timings and differences."""

    name: str
    calls: dict[str, Call]
    seconds: dict[str, list[float]] = field(default_factory=dict)
    differences: dict[str, float] = field(default_factory=dict)

    def warm_up(self) -> None:
        """Run every tool once, and compare the results."""
        expected: list[Array] = []
        for tool, call in self.calls.items():
            start = time.perf_counter()
            result = call()
            taken = time.perf_counter() - start
            self.seconds[tool] = [taken] if taken > ENOUGH_SECONDS else []
            arrays = [
                np.asarray(array) for array in (result if isinstance(result, tuple) else [result])
            ]
            expected = expected or arrays
            self.differences[tool] = max(map(_difference, arrays, expected))

    def round(self) -> None:
        """Run every tool once, in turn."""
        for tool, call in self.calls.items():
            if self.seconds[tool][:1] and self.seconds[tool][0] > ENOUGH_SECONDS:
                continue
            time.sleep(0.02)  # until the threads of the last one sleep, too
            start = time.perf_counter()
            call()
            self.seconds[tool].append(time.perf_counter() - start)


def _difference(a: Array, b: Array) -> float:
    if a.shape != b.shape:
        return float("inf")
    return float(np.abs(a - b).max() / np.abs(b).max())


def random(seed: int, *shape: int) -> Array:
    """Return numbers from -1 to 1."""
    return np.random.default_rng(seed).random(shape, np.float32) * 2 - 1


def one_per_channel(size: tuple[int, int], taps: int) -> Cell:
    """Return a cell: three channels, a kernel for each."""
    x, weight = random(1, 3, *size), random(2, 3, 1, taps, taps)
    pad = taps // 2
    calls: dict[str, Call] = {
        "convcli": lambda: convcli.conv2d(x, weight, pad=pad, groups=3),
    }
    if cv2 is not None:
        calls["opencv"] = lambda: _by_opencv(x, weight)
    if torch is not None:
        images, kernels = torch.from_numpy(x[np.newaxis]), torch.from_numpy(weight)
        calls["torch"] = lambda: torch.conv2d(images, kernels, padding=pad, groups=3)[0]
    shape = "×".join(map(str, x.shape))
    return Cell(f"conv2d, {shape} by channel, {taps}×{taps}", calls)


def _by_opencv(planes: Array, kernels: Array) -> Any:
    outputs = np.empty_like(planes)
    for plane, kernel, output in zip(planes, kernels, outputs, strict=True):
        cv2.filter2D(plane, -1, kernel[0], dst=output, borderType=cv2.BORDER_CONSTANT)
    return outputs


def across_channels(size: tuple[int, int], filters: int, depth: int, taps: int) -> Cell:
    """Return a cell: a bank of filters across all channels."""
    x, weight = random(1, depth, *size), random(2, filters, depth, taps, taps)
    calls: dict[str, Call] = {"convcli": lambda: convcli.conv2d(x, weight, pad=taps // 2)}
    if torch is not None:
        images, kernels = torch.from_numpy(x[np.newaxis]), torch.from_numpy(weight)
        calls["torch"] = lambda: torch.conv2d(images, kernels, padding=taps // 2)[0]
    name = f"conv2d, {size[0]}×{size[1]}, {depth} to {filters} channels, {taps}×{taps}"
    return Cell(name, calls)


def transposed(size: tuple[int, int], channels: int, groups: int) -> Cell:
    """Return a cell: a transposed convolution with a 4×4 kernel and stride 2."""
    x, weight = random(1, channels, *size), random(2, channels, channels // groups, 4, 4)
    calls: dict[str, Call] = {
        "convcli": lambda: convcli.conv_transpose2d(x, weight, stride=2, pad=1, groups=groups)
    }
    if torch is not None:
        images, kernels = torch.from_numpy(x[np.newaxis]), torch.from_numpy(weight)
        upwards = torch.nn.functional.conv_transpose2d
        calls["torch"] = lambda: upwards(images, kernels, stride=2, padding=1, groups=groups)[0]
    kind = "by channel" if groups == channels else "across channels"
    shape = "×".join(map(str, x.shape))
    return Cell(f"conv_transpose2d, {shape} {kind}, 4×4, stride 2", calls)


def backward(shape: tuple[int, int, int, int], filters: int) -> Cell:
    """Return a cell: the gradients of a 3×3 convolution."""
    x, weight = random(1, *shape), random(2, filters, shape[1], 3, 3)
    gradient = random(3, shape[0], filters, *shape[2:])
    calls: dict[str, Call] = {
        "convcli": lambda: convcli.conv2d_backward(gradient, x, weight, pad=1)
    }
    if torch is not None:
        given = [torch.from_numpy(array) for array in (x, weight, np.zeros(filters, np.float32))]
        for tensor in given:
            tensor.requires_grad_(True)
        y, above = torch.conv2d(*given, padding=1), torch.from_numpy(gradient)
        calls["torch"] = lambda: torch.autograd.grad(y, given, above, retain_graph=True)
    name = f"conv2d_backward, {'×'.join(map(str, shape))}, to {filters} channels, 3×3"
    return Cell(name, calls)


def cells(*, quick: bool) -> Iterator[Callable[[], Cell]]:
    """Yield functions that make the cells, one at a time for their memory."""
    part = 2 if quick else 1
    photo, middle, low = (1536 // part, 2048 // part), (768 // part, 1024 // part), (384, 512)
    for taps in (3, 5, 9) if quick else (3, 5, 9, 15, 31):
        yield partial(one_per_channel, photo, taps)
    for filters, depth, taps in ((8, 3, 3), (64, 3, 3), (16, 16, 3), (3, 3, 5)):
        yield partial(across_channels, middle, filters, depth, taps)
    yield partial(transposed, photo, 3, 3)
    yield partial(transposed, middle, 3, 3)
    yield partial(transposed, middle, 3, 1)
    yield partial(transposed, low, 16, 16)
    yield partial(transposed, low, 16, 1)
    yield partial(backward, (8 // part, 16, 128, 128), 16)
    yield partial(backward, (1, 3, *photo), 8)


def main(rounds: int, *, quick: bool, only: str) -> None:
    """Run the cells whose names hold ``only``."""
    for make in cells(quick=quick):
        cell = make()
        if only.lower() not in cell.name.lower():
            continue
        cell.warm_up()
        for _ in range(rounds):
            cell.round()
        for tool, seconds in cell.seconds.items():
            difference = cell.differences[tool]
            print(json.dumps([cell.name, tool, seconds, difference]), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), quick=sys.argv[2] == "quick", only=sys.argv[3])
