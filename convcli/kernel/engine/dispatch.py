"""Carrying out a convolution: the method chosen, the work cut into tasks, the threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine.banded import Banded
from convcli.kernel.engine.cost_model import choose
from convcli.kernel.engine.direct import Taps
from convcli.kernel.engine.fft import Spectral
from convcli.kernel.engine.int16 import Whole
from convcli.kernel.engine.method import Method, Run, Spec
from convcli.kernel.engine.separable import Separable
from convcli.kernel.window import Scan
from convcli.system.threads import processors, share

METHODS: dict[str, type[Method]] = {
    "taps": Taps,
    "banded": Banded,
    "separable": Separable,
    "spectral": Spectral,
    "whole": Whole,
}

WORTH_A_THREAD = 2_000_000
"""Multiplications below which a second thread costs more than it saves."""

Task = tuple[int, int, int, int]


def correlate(
    images: NDArray[Any],
    weight: FloatArray,
    scan: Scan,
    *,
    groups: int = 1,
    bias: FloatArray | None = None,
    out: NDArray[Any] | None = None,
    method: str | None = None,
) -> NDArray[Any]:
    """Return (N, F, *scan.output): ``images`` (N, C, H, W) convolved as ``scan`` walks.

    ``weight`` is (F, C/groups, Hf, Wf), of the dtype to compute in, and ``bias`` (F,). ``out`` is
    where the answers go, if not into a new array; it may spread F over several axes. ``method``
    forces one of METHODS ("whole" takes 8-bit images and ``out``).
    """
    filters, depth, taps_y, taps_x = weight.shape
    by_group = weight.reshape(groups, filters // groups, depth, taps_y, taps_x)
    biases = None if bias is None else bias.astype(weight.dtype).reshape(groups, -1)
    spec = Spec(by_group, biases, scan, images.shape[3] // scan.pixel)
    if out is None:
        out = np.empty((len(images), filters, *scan.output), weight.dtype)
    chosen = METHODS[method or choose(spec)](spec)

    width = out.shape[1] // groups

    def worker() -> Any:
        run = chosen.worker()

        def do(task: Task) -> None:
            image, group, start, stop = task
            channels = slice(group * depth, (group + 1) * depth)
            answers = slice(group * width, (group + 1) * width)
            run(images[image, channels], out[image, answers], group, start, stop)

        return do

    multiplications = out.size * depth * taps_y * taps_x
    workers = processors() if multiplications > WORTH_A_THREAD else 1
    share(worker, _tasks(len(images), groups, scan.output[0], chosen.step, workers), workers)
    return out


def strip_worker(spec: Spec, *, of_bytes: bool = False) -> Run:
    """Return the best method's ``run(source, target, group, start, stop)`` for one thread.

    ``of_bytes`` tells that both source and target will be of 8-bit samples. The thread keeps it,
    matrices and buffers and all: the next picture of a batch often is of the same size.
    """
    bias = None if spec.bias is None else spec.bias.tobytes()
    key = spec.weight.shape, spec.weight.tobytes(), bias, spec.scan, spec.width, of_bytes
    if getattr(_latest, "key", None) != key:
        _latest.run = METHODS[choose(spec, of_bytes=of_bytes)](spec).worker()
        _latest.key = key
    run: Run = _latest.run
    return run


_latest = threading.local()


def _tasks(images: int, groups: int, rows: int, step: int, workers: int) -> Iterator[Task]:
    """Cut the work into tasks: some eight for each worker, none below what a method does best."""
    wanted = max(1, 8 * workers // max(1, images * groups)) if workers > 1 else 1
    length = max(1, -(-rows // wanted))
    length = -(-length // step) * step
    for image in range(images):
        for group in range(groups):
            for start in range(0, rows, length):
                yield image, group, start, min(start + length, rows)
