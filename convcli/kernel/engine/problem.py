"""A convolution to be computed: the weights, the bias, and the window they slide with."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from convcli.kernel.arrays import FloatArray
from convcli.kernel.window import Window


class ConvolutionProblem(NamedTuple):
    """A convolution of images of one width.

    ``weight`` is (groups, F, C, Hf, Wf) of the dtype to compute in, F and C counted in a group;
    ``bias`` is (groups, F). ``width`` is the images' in pixels.
    """

    weight: FloatArray
    bias: FloatArray | None
    window: Window
    width: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype to compute in."""
        return self.weight.dtype

    @property
    def samples(self) -> int:
        """How many samples a row of the output has."""
        return self.window.output[1] * self.window.interleaved
