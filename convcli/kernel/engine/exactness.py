"""Kernels of whole numbers, or of whole multiples of 2^-k, for which results can be exact.

A sum of such products is exact in any order as long as the sum of their magnitudes, counted in
units of 2^-k, fits the mantissa: 2^24 units of float32, 2^53 of float64. A method keeps that up if
none of its own partial sums is larger.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.arrays import FloatArray


class WholeKernel(NamedTuple):
    """A kernel as ``numbers`` (int64) times ``unit``, a power of two."""

    numbers: NDArray[np.int64]
    unit: float


def whole_kernel(weight: FloatArray) -> WholeKernel | None:
    """Return a kernel of any shape as whole multiples of the largest possible power of two.

    None where the sum of their magnitudes does not fit the mantissa of the kernel's dtype: then
    results are rounded even for samples of 0 and 1. That holds for weights of full precision, of
    which each one is a multiple of some power of two.
    """
    values = weight.astype(np.float64)
    most = 2.0 ** (np.finfo(weight.dtype).nmant + 1)
    # More weights make the unit no larger and the sum no smaller: a few show where it is not
    # possible.
    if not np.isfinite(values).all() or _multiples(values.ravel()[:_FEW], most) is None:
        return None
    return _multiples(values, most)


_FEW = 100


def _multiples(values: NDArray[np.float64], most: float) -> WholeKernel | None:
    """Return finite ``values`` as whole multiples; None where they sum to more than ``most``."""
    mantissas, exponents = np.frexp(values)
    numbers = np.ldexp(mantissas, 53).astype(np.int64)  # each times 2^(exponent - 53)
    lowest_bit = np.frexp((numbers & -numbers).astype(np.float64))[1] - 1
    used = numbers != 0
    if not used.any():
        return WholeKernel(numbers, 1.0)
    exponent = int((exponents - 53 + lowest_bit)[used].min())
    # In two steps: of subnormal weights the factor may be more than a float64 holds.
    half = -exponent // 2
    scaled = np.ldexp(np.ldexp(values, half), -exponent - half)
    if np.abs(scaled).sum() > most:
        return None
    return WholeKernel(scaled.astype(np.int64), float(np.ldexp(1.0, exponent)))


def whole_factors(kernel: WholeKernel) -> tuple[FloatArray, FloatArray]:
    """Return (r, Hf) columns and (r, Wf) rows whose outer products sum to ``kernel`` (Hf, Wf).

    Rows that are multiples of one another share a factor, the row divided by the greatest common
    divisor of its numbers; or columns do, whichever gives fewer. So each weight is the product of
    two numbers, not a sum of such products that cancel out, and no partial sum is larger than in
    the definition. The rank may be lower than r.
    """
    columns, rows = _by_direction(kernel.numbers)
    if len(rows) > 1:
        rows_across, columns_across = _by_direction(kernel.numbers.T)
        if len(columns_across) < len(columns):
            columns, rows = columns_across, rows_across
    return columns * kernel.unit, rows.astype(np.float64)


def is_whole(samples: FloatArray) -> bool:
    """Return whether all of ``samples`` (rows, …) are whole numbers."""
    # Row by row: for other samples the first row is enough.
    return all(bool((np.rint(row) == row).all()) for row in samples)


def _by_direction(numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (r, H) multiples and (r, W) rows without common divisors, for ``numbers`` (H, W)."""
    used = numbers.any(1)
    kept = numbers[used]
    leading = np.take_along_axis(kept, (kept != 0).argmax(1, keepdims=True), 1)
    multiple = np.gcd.reduce(kept, axis=1, keepdims=True, initial=0) * np.sign(leading)
    rows, which = np.unique(kept // multiple, axis=0, return_inverse=True)
    multiples = np.zeros((len(rows), len(numbers)), np.int64)
    multiples[which.ravel(), np.flatnonzero(used)] = multiple.ravel()
    return multiples, rows


class Parts(NamedTuple):
    """Filters as sums of several parts, for transforms that are rounded.

    ``weight`` is (groups, count·F, C, Hf, Wf), float64: all of a part, then all of the next.
    ``units`` (groups, count·F) are the powers of two of which the weights are multiples, or 0 where
    a filter is not whole, which stays in one part. A whole filter's bits are dealt out among them.
    """

    weight: NDArray[np.float64]
    units: NDArray[np.float64]

    def error(self, size: float, area: int) -> NDArray[np.float64]:
        """Return the greatest error of results, in units, by group.

        ``size`` is the Euclidean norm of the samples and ``area`` the length of the transforms, in
        double precision. The bound is ε log2(length) |x| |w| times 16; C. Percival proves one with
        about 13 for lengths 2^n (Rapid multiplication modulo the sum and difference of highly
        composite numbers, Math. Comp. 72, 2003). Errors that occur are a hundred times smaller.
        """
        units = np.where(self.units > 0, self.units, np.inf)
        numbers = self.weight / units[..., np.newaxis, np.newaxis, np.newaxis]
        norms = np.sqrt(np.square(numbers).sum((2, 3, 4)))
        worst: NDArray[np.float64] = 2.0**-53 * 16 * np.log2(area) * size * norms.max(1)
        return worst


def parts_of(weight: FloatArray, count: int) -> Parts:
    """Return filters (groups, F, C, Hf, Wf) in ``count`` parts each."""
    kernels = [[whole_kernel(one) for one in group] for group in weight]
    units = np.array([[one.unit if one else 0.0 for one in group] for group in kernels])
    rest = weight.astype(np.float64)
    is_whole = units > 0
    unit = np.where(is_whole, units, 1.0)
    bits = np.log2((np.abs(rest).max((2, 3, 4)) / unit).clip(1))
    splits = is_whole[..., np.newaxis, np.newaxis, np.newaxis]
    parts, units_of_parts = [], []
    for k in range(count - 1, 0, -1):
        step = unit * 2.0 ** np.ceil(bits * k / count)
        wide = step[..., np.newaxis, np.newaxis, np.newaxis]
        part = np.where(splits, np.rint(rest / wide) * wide, rest)
        parts.append(part)
        units_of_parts.append(np.where(is_whole, step, 0.0))
        rest = rest - part
    return Parts(np.concatenate([*parts, rest], 1), np.concatenate([*units_of_parts, units], 1))
