"""What a convolution costs by each method: the constants, and the integers they are multiplied by.

Each method has its formula beside its code (:meth:`Method.cost`), in nanoseconds for one sample
of the output on one core.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np

from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.factors import Factors
from convcli.kernel.geometry import Pair
from convcli.kernel.window import Window


def _has_avx512() -> bool:
    """Return whether NumPy finds AVX-512 here."""
    facts = np.show_config("dicts")
    extensions = facts.get("SIMD Extensions", {}) if facts else {}
    features = (*extensions.get("baseline", ()), *extensions.get("found", ()))
    return any(name.startswith(("AVX512", "X86_V4")) for name in features)


HAS_AVX512 = _has_avx512()
"""For AVX-512, OpenBLAS has kernels that multiply small matrices where they lie. Without,
it first packs every operand, and few rows of a matrix make little use of that."""


class Measured(float):
    """A constant, measured on two machines; its value is that of the one that is like this one."""

    def __new__(cls, with_avx512: float, without: float) -> Self:
        """Choose between them."""
        self = super().__new__(cls, with_avx512 if HAS_AVX512 else without)
        self.with_avx512, self.without = with_avx512, without
        return self

    with_avx512: float
    without: float


# Measured with tests/benchmarks/methods.py, NumPy 2.4.6, OpenBLAS 0.3.31. With AVX-512: geometric
# means of an AMD EPYC (Zen 4, 2026-11-21), and an Intel Xeon (Sapphire Rapids or later, 2026-11-26)
# on which products take half of that, and passes up to twice. Without: an AMD EPYC (Zen 3,
# 2026-11-26) that was busy. All are scaled to one machine, as only proportions decide.
# TALL_PRODUCT, READING and SHIFTING are those of the Intel alone, without AVX-512 by OpenBLAS's
# products for Haswell.
PRODUCT = Measured(0.015, 0.0232)  # a multiplication and addition in a banded product
PACKING = Measured(0.024, 0.121)  # copying an element of a product's operand
RIGHT_PRODUCT = Measured(0.012, 0.0222)  # as PRODUCT, in the narrow product along rows
ENLARGED = Measured(0.016, 0.019)  # as PRODUCT, in products that enlarge rows
TALL_PRODUCT = Measured(0.011, 0.0225)  # as PRODUCT, in products for all columns of the kernel
ADDITION = Measured(0.027, 0.254)  # adding one product's result to another's
SAMPLE = Measured(0.78, 1.38)  # reading, shifting and finishing a sample
READING = Measured(0.31, 0.5)  # reading a sample of one more channel than are written
SHIFTING = Measured(0.56, 0.5)  # writing and reading sums that are added to others, shifted
PICK = Measured(0.44, 0.63)  # copying a sample to an im2col column past others, for a stride
TRANSFORM = Measured(6.0, 7.5)  # forward and inverse transform of a sample of a tile
DOUBLE = Measured(6.7, 11.0)  # what an exact transform, in double precision, takes beyond that
PACKED = Measured(4.6, 6.2)  # forward and inverse transform, of four samples of a tile at once
SPECTRUM = Measured(1.1, 2.4)  # multiplying and adding a sample's spectra
RANK = Measured(0.042, 0.71)  # starting on one more rank
PASS = Measured(0.054, 0.092)  # a pass over 16-bit sums of 8-bit samples
SUM = Measured(0.144, 0.224)  # a pass over 32-bit sums
BYTE = Measured(0.192, 0.096)  # reading and writing one of those
FLOAT_PASS = Measured(0.121, 0.13)  # a pass over floats
FLOAT_SAMPLE = Measured(0.69, 1.2)  # reading, finishing and writing one of those
WORD_PASS = Measured(0.111, 0.14)  # a pass over 32-bit sums of 16-bit samples
WORD = Measured(0.35, 0.6)  # reading and writing one of those


class ProblemSize(NamedTuple):
    """Everything about a convolution problem that its cost depends on: no weights.

    ``output_channels`` and ``input_channels`` are those of a group. ``rank`` is the kernel's;
    ``passes`` those of :mod:`convcli.kernel.engine.int16`, None where that cannot compute it;
    ``sum_passes`` those for results that are floats, likewise;
    ``float_passes`` those of :mod:`convcli.kernel.engine.float_passes`, likewise;
    ``word_passes`` those of :mod:`convcli.kernel.engine.int32`, likewise;
    ``separable_passes`` those of :mod:`convcli.kernel.engine.int16_separable`, likewise;
    ``is_box`` whether it is one of 8-bit samples (:mod:`convcli.kernel.engine.box`);
    ``is_packable`` whether it is one for :mod:`convcli.kernel.engine.packed_fft`;
    ``decimation`` stride and taps of each axis in :mod:`convcli.kernel.engine.decimated`, likewise;
    ``is_whole`` whether a kernel and all samples are whole numbers, so that results are exact.
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
    is_packable: bool = False
    separable_passes: int | None = None
    word_passes: int | None = None
    is_whole: bool = False
    float_passes: int | None = None

    @classmethod
    def of(cls, problem: ConvolutionProblem, passes: int | None = None) -> ProblemSize:
        """Return the size of a problem; the kernel has full rank, except as factors."""
        groups, output_channels, input_channels, *kernel = problem.shape
        rank = 1 if isinstance(problem.weight, Factors) else min(kernel)
        return cls(output_channels, input_channels, groups, problem.window, rank, passes)
