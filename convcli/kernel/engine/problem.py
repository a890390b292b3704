"""A convolution to be computed: the weights, the bias, and the window they slide with."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from convcli.kernel.arrays import FloatArray
from convcli.kernel.factors import Factors
from convcli.kernel.window import Window


class ConvolutionProblem(NamedTuple):
    """A convolution of images of one width.

    ``weight`` is (groups, F, C, Hf, Wf) of the dtype to compute in, F and C counted in a group, or
    the factors of a kernel for single channels. ``bias`` is (groups, F). ``width`` is the images'
    in pixels.
    """

    weight: FloatArray | Factors
    bias: FloatArray | None
    window: Window
    width: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype to compute in."""
        return self.weight.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the weight, (groups, F, C, Hf, Wf)."""
        return (1, *self.weight.shape) if isinstance(self.weight, Factors) else self.weight.shape

    @property
    def dense(self) -> FloatArray:
        """The weight as an array; of factors, their outer product."""
        if isinstance(self.weight, Factors):
            return self.weight.dense()[np.newaxis]
        return self.weight

    @property
    def samples(self) -> int:
        """How many samples a row of the output has."""
        return self.window.output[1] * self.window.interleaved
