"""Convolution of 16-bit samples with whole numbers: rows of 32-bit integers, shifted and added.

What :mod:`convcli.kernel.engine.int16` does for 8-bit samples, with integers twice as long.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from convcli.kernel.engine import cost_model
from convcli.kernel.engine.cost_model import ProblemSize
from convcli.kernel.engine.int16 import Int16, operations
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.engine.shifted_sums import Operation

BLOCK_SAMPLES = 1 << 18
"""About how many samples of the result are computed at once."""

_TOP, _BITS = 65535, 32


def word_operations(problem: ConvolutionProblem) -> tuple[Operation, ...] | None:
    """Return how to compute ``problem`` from 16-bit samples; None where the method cannot."""
    return operations(problem, _TOP, _BITS)


class Int32(Int16):
    """Convolution by additions, of 16-bit samples into 16-bit samples."""

    only_bytes, only_words = False, True
    dtype: type[np.signedinteger[Any]] = np.int32

    def __init__(
        self,
        problem: ConvolutionProblem,
        block_samples: int = BLOCK_SAMPLES,
        part_samples: int = BLOCK_SAMPLES,
    ) -> None:
        super().__init__(problem, block_samples, part_samples)

    @staticmethod
    def cost(size: ProblemSize) -> float | None:
        passes = size.word_passes
        return None if passes is None else cost_model.WORD_PASS * passes + cost_model.WORD

    def _operations(self) -> tuple[Operation, ...]:
        found = word_operations(self.problem)
        if found is None:
            raise ValueError("not a kernel of small whole numbers at stride 1")
        return found
