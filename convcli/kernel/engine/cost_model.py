"""What a convolution costs by each method: the constants, and the integers they are multiplied by.

Each method has its formula beside its code (:meth:`Method.cost`), in nanoseconds for one sample
of the output on one core.
"""

from __future__ import annotations

from typing import NamedTuple

from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.factors import Factors
from convcli.kernel.geometry import Pair
from convcli.kernel.window import Window

# Measured 2026-11-21 with tests/benchmarks/methods.py on an AMD EPYC (Zen 4, AVX-512),
# NumPy 2.4.6, OpenBLAS 0.3.31.
PRODUCT = 0.024  # a multiplication and addition in a banded product: 85 Gflop/s
RIGHT_PRODUCT = 0.0145  # the same in the narrow product along rows
ENLARGED = 0.019  # the same in products that enlarge rows (2026-11-26)
ADDITION = 0.053  # adding one product's result to another's
SAMPLE = 0.78  # reading, shifting and finishing a sample
PICK = 0.45  # copying a sample to an im2col column, where a stride passes over others
TRANSFORM = 7.2  # forward and inverse transform of a sample of a tile
SPECTRUM = 3.6  # multiplying and adding a sample's spectra
RANK = 0.2  # starting on one more rank
PASS = 0.045  # a pass over 16-bit sums of 8-bit samples
SUM = 0.11  # a pass over 32-bit sums
BYTE = 0.2  # reading and writing one of those
WORD_PASS = 0.08  # a pass over 32-bit sums of 16-bit samples (2026-11-26, as is the next)
WORD = 0.3  # reading and writing one of those


class ProblemSize(NamedTuple):
    """Everything about a convolution problem that its cost depends on: no weights.

    ``output_channels`` and ``input_channels`` are those of a group. ``rank`` is the kernel's;
    ``passes`` those of :mod:`convcli.kernel.engine.int16`, None where that cannot compute it;
    ``sum_passes`` those for results that are floats, likewise;
    ``word_passes`` those of :mod:`convcli.kernel.engine.int32`, likewise;
    ``separable_passes`` those of :mod:`convcli.kernel.engine.int16_separable`, likewise;
    ``is_box`` whether it is one of 8-bit samples (:mod:`convcli.kernel.engine.box`);
    ``decimation`` stride and taps of each axis in :mod:`convcli.kernel.engine.decimated`, likewise.
    """

    output_channels: int
    input_channels: int
    groups: int
    window: Window
    rank: int
    passes: int | None = None
    decimation: tuple[Pair, Pair] | None = None
    sum_passes: int | None = None
    is_box: bool = False
    separable_passes: int | None = None
    word_passes: int | None = None

    @classmethod
    def of(cls, problem: ConvolutionProblem, passes: int | None = None) -> ProblemSize:
        """Return the size of a problem; the kernel has full rank, except as factors."""
        groups, output_channels, input_channels, *kernel = problem.shape
        rank = 1 if isinstance(problem.weight, Factors) else min(kernel)
        return cls(output_channels, input_channels, groups, problem.window, rank, passes)
