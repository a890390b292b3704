"""Computing a convolution: the method chosen, the work cut into tasks, the threads."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine.banded import Banded
from convcli.kernel.engine.box import Box
from convcli.kernel.engine.column_ranges import ColumnRanges, range_width
from convcli.kernel.engine.cost_model import ProblemSize
from convcli.kernel.engine.decimated import Decimated
from convcli.kernel.engine.direct import Direct
from convcli.kernel.engine.fft import FFT
from convcli.kernel.engine.float_passes import FloatPasses
from convcli.kernel.engine.int16 import Int16, Int16Sums
from convcli.kernel.engine.int16_separable import Int16Separable
from convcli.kernel.engine.int32 import Int32
from convcli.kernel.engine.kn2row import KernelToRows
from convcli.kernel.engine.method import Method
from convcli.kernel.engine.packed_fft import PackedFFT
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.engine.separable import Separable, factors
from convcli.kernel.engine.sizes import has_large_product, unranked_size
from convcli.kernel.factors import Factors, Weight
from convcli.kernel.window import Window
from convcli.system.threads import processors, share

METHODS: dict[str, type[Method]] = {
    "direct": Direct,
    "banded": Banded,
    "kn2row": KernelToRows,
    "separable": Separable,
    "fft": FFT,
    "packed fft": PackedFFT,
    "float passes": FloatPasses,
    "int16": Int16,
    "int16 separable": Int16Separable,
    "int16 to floats": Int16Sums,
    "int32": Int32,
    "decimated": Decimated,
    "box": Box,
}

WORTH_A_THREAD = 2_000_000
"""Multiplications below which a second thread costs more than it saves."""

MOST_PREPARED = 8
"""Methods that are kept, with the buffers of threads that still run."""

Task = tuple[int, int, int, int]


def choose(
    problem: ConvolutionProblem,
    *,
    from_bytes: bool = False,
    to_floats: bool = False,
    from_words: bool = False,
) -> str:
    """Return the name of the cheapest method.

    ``from_bytes``: of 8-bit samples, into such or, with ``to_floats``, into floats. ``from_words``:
    of 16-bit samples, into such.
    """
    return estimate(problem, from_bytes=from_bytes, to_floats=to_floats, from_words=from_words)[0]


def estimate(
    problem: ConvolutionProblem,
    *,
    from_bytes: bool = False,
    to_floats: bool = False,
    from_words: bool = False,
) -> tuple[str, float]:
    """Return the cheapest method, and its nanoseconds for a sample of the output on one core."""
    size = size_of(problem, from_bytes=from_bytes, to_floats=to_floats, from_words=from_words)
    is_large = has_large_product(problem)
    estimates = {
        name: cost
        for name, cost in costs(size).items()
        if not is_large or METHODS[name].takes_large_factors
    }
    name = min(estimates, key=lambda name: estimates[name])
    return name, estimates[name]


def size_of(
    problem: ConvolutionProblem,
    *,
    from_bytes: bool = False,
    to_floats: bool = False,
    from_words: bool = False,
) -> ProblemSize:
    """Return what the costs of a problem depend on, for samples as in :func:`choose`."""
    size = unranked_size(problem, from_bytes, to_floats, from_words)
    if isinstance(problem.weight, Factors):
        return size
    # The rank takes a decomposition: only where a low one could win.
    least = Separable.cost(size._replace(rank=1))
    if least is not None and least < min(costs(size).values()):
        rank = max(len(factors(weight[0, 0])[0]) for weight in problem.weight)
        return size._replace(rank=max(rank, 1))
    return size


def costs(size: ProblemSize) -> dict[str, float]:
    """Return the nanoseconds for a sample of the output, by each method that can."""
    estimates = {name: method.cost(size) for name, method in METHODS.items()}
    return {name: cost for name, cost in estimates.items() if cost is not None}


def prepare(
    problem: ConvolutionProblem,
    *,
    from_bytes: bool = False,
    to_floats: bool = False,
    from_words: bool = False,
    keep: bool = False,
) -> Method:
    """Return the cheapest method with its matrices made, for every strip and thread.

    ``from_bytes``, ``to_floats`` and ``from_words`` are as in :func:`choose`. With ``keep`` the
    latest are kept: the next picture of a batch often has the size of one before.
    """

    def made() -> Method:
        name = choose(problem, from_bytes=from_bytes, to_floats=to_floats, from_words=from_words)
        return _made(problem, name)

    if not keep:
        return made()
    weight, bias, window, width = problem
    bias_bytes = None if bias is None else bias.tobytes()
    arrays = weight if isinstance(weight, Factors) else (weight,)
    numbers = tuple(array.tobytes() for array in arrays)
    samples = from_bytes, to_floats, from_words
    key = weight.shape, weight.dtype, numbers, bias_bytes, window, width, samples
    with _lock:
        if key in _prepared:
            _prepared.move_to_end(key)
            return _prepared[key]
    method = made()
    with _lock:
        _prepared[key] = method
        while len(_prepared) > MOST_PREPARED:
            _prepared.popitem(last=False)
    return method


def _made(problem: ConvolutionProblem, name: str) -> Method:
    """Return the method of that name, for ranges of columns where rows are very wide."""
    method = METHODS[name]
    width = range_width(method, problem)
    if width < problem.window.output[1]:
        return ColumnRanges(method, problem, width)
    return method(problem)


_prepared: OrderedDict[tuple[object, ...], Method] = OrderedDict()
_lock = threading.Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release)
    os.register_at_fork(after_in_child=_lock.release)


def correlate(
    images: NDArray[Any],
    weight: Weight,
    window: Window,
    *,
    groups: int = 1,
    bias: FloatArray | None = None,
    out: NDArray[Any] | None = None,
    method: str | None = None,
    threads: int | None = None,
) -> NDArray[Any]:
    """Return (N, F, *window.output): ``images`` (N, C, H, W) convolved with ``weight``.

    ``weight`` is (F, C/groups, Hf, Wf), of the dtype to compute in, or the factors of a kernel for
    single channels; ``bias`` is (F,). ``out`` is where the result goes, if not into a new array;
    it may spread F over several axes. ``method`` forces one of METHODS ("int16" takes 8-bit
    images and ``out``, "int32" 16-bit ones), ``threads`` their number.
    """
    output_channels, channels, taps_y, taps_x = weight.shape
    by_group = weight
    if not isinstance(weight, Factors):
        by_group = weight.reshape(groups, output_channels // groups, channels, taps_y, taps_x)
    biases = None if bias is None else bias.astype(weight.dtype).reshape(groups, -1)
    width = images.shape[3] // window.interleaved
    problem = ConvolutionProblem(by_group, biases, window, width)
    prepared = METHODS[method](problem) if method else prepare(problem)
    if out is None:
        out = np.empty((len(images), output_channels, *window.output), weight.dtype)
    run(prepared, images, out, threads=threads)
    prepared.release()
    return out


def run(
    method: Method, images: NDArray[Any], out: NDArray[Any], *, threads: int | None = None
) -> None:
    """Compute all of ``out`` (N, F, …, rows, samples) from ``images`` (N, C, H, samples)."""
    groups, _, channels, taps_y, taps_x = method.problem.shape
    width = out.shape[1] // groups
    is_separable = isinstance(method.problem.weight, Factors)
    taps = taps_y + taps_x if is_separable else taps_y * taps_x
    multiplications = out.size * channels * taps
    if threads is None:
        threads = processors() if multiplications > WORTH_A_THREAD else 1

    def compute(task: Task) -> None:
        image, group, start, stop = task
        read = slice(group * channels, (group + 1) * channels)
        written = slice(group * width, (group + 1) * width)
        method.rows(images[image, read], out[image, written], group, start, stop)

    height = method.problem.window.output[0]
    tasks = _tasks(len(images), groups, height, method.step, threads)
    share(lambda: compute, tasks, threads)


def _tasks(images: int, groups: int, rows: int, step: int, threads: int) -> Iterator[Task]:
    """Cut the work into tasks, none smaller than ``step`` rows: about four for each thread.

    Threads get equally many, as they end at the same time then.
    """
    wanted = -(-4 * threads // max(1, images * groups)) if threads > 1 else 1
    while wanted * images * groups % threads:
        wanted += 1
    length = max(1, -(-rows // wanted))
    length = -(-length // step) * step
    for image in range(images):
        for group in range(groups):
            for start in range(0, rows, length):
                yield image, group, start, min(start + length, rows)
