"""What every method of convolving shares: the filter, its walk, and finishing the answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.arrays import FloatArray
from convcli.kernel.window import Scan

BUFFER_BYTES = 3 * 2**20
"""About what a thread's working rows may take: more falls out of its share of the cache."""


class Spec(NamedTuple):
    """A convolution to be carried out on images of one width.

    ``weight`` is (groups, F, C, Hf, Wf) of the dtype to compute in, F and C counted in a group;
    ``bias`` is (groups, F). ``width`` is the images' in pixels.
    """

    weight: FloatArray
    bias: FloatArray | None
    scan: Scan
    width: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype to compute in."""
        return self.weight.dtype

    @property
    def samples(self) -> int:
        """How many samples a row of the output has."""
        return self.scan.output[1] * self.scan.pixel


Run = Callable[[NDArray[Any], NDArray[Any], int, int, int], None]
"""``run(source, target, group, start, stop)``: fill the rows start to stop of target (F, …)
from source (C, H, samples), both of one group. F may be spread over several axes of target."""


class Method(ABC):
    """One way to carry out a spec. Matrices and spectra are made once, buffers per thread."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        # A weighted mean of samples stays among them.
        sums = spec.weight.sum((2, 3, 4))
        self._clips = spec.bias is not None or spec.weight.min() < 0 or sums.max() > 1 + 1e-6

    @property
    @abstractmethod
    def step(self) -> int:
        """How many output rows it does best at once."""

    @abstractmethod
    def worker(self) -> Run:
        """Return a function that computes rows, with buffers of its own."""

    def finish(self, answers: FloatArray, target: NDArray[Any], group: int) -> None:
        """Put answers (F, rows, samples), which may be overwritten, into ``target``.

        Integers take the values as they are, rounded to nearest and clipped to their range.
        """
        bias = None if self.spec.bias is None else self.spec.bias[group][:, np.newaxis, np.newaxis]
        if target.dtype.kind == "f":
            if bias is not None:
                answers += bias
        else:
            # 0.5 makes the cast, which cuts, round to nearest.
            answers += self.spec.dtype.type(0.5) if bias is None else bias + 0.5
            if self._clips:
                np.clip(answers, 0, self.spec.dtype.type(np.iinfo(target.dtype).max), out=answers)
        spread = answers.reshape(target.shape)
        if target.ndim == 3:
            np.copyto(target, spread, casting="unsafe")
            return
        # Phase by phase, or NumPy would make the few phases of a row its innermost loop.
        for phase in range(target.shape[-3]):
            np.copyto(target[..., phase, :, :], spread[..., phase, :, :], casting="unsafe")
