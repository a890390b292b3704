"""Kernels as steps of passes over rows, each step reading what the one before it wrote.

A kernel of rank 1 is computed by its column and then by its row. A profile of whole numbers is
taken apart like the polynomial that it is: each factor (1, 1) is one addition of two neighbours.
1 4 6 4 1 is four of them, where its weights would take six passes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.engine.exactness import WholeKernel, whole_factors, whole_kernel
from convcli.kernel.engine.profiles import profiles
from convcli.kernel.engine.shifted_sums import TOTAL, Operation, Tap, weighted_sum

Steps = tuple[tuple[Operation, ...], ...]
"""Operations by step; the first step reads samples."""


class Profile(NamedTuple):
    """A profile as ``taps``, convolved ``pairs`` times with (1, 1)."""

    taps: tuple[int, ...]
    pairs: int

    @classmethod
    def of(cls, numbers: NDArray[Any]) -> Profile:
        """Take every factor (1, 1) out of whole ``numbers``."""
        rest, pairs = [int(number) for number in numbers], 0
        while len(rest) > 1:
            quotient = [rest[0]]
            for number in rest[1:]:
                quotient.append(number - quotient[-1])
            if quotient.pop():  # the remainder
                break
            rest, pairs = quotient, pairs + 1
        return cls(tuple(rest), pairs)

    @property
    def passes(self) -> int:
        """How many passes it takes."""
        used = [tap for tap in self.taps if tap]
        return self.pairs + sum(1 if abs(tap) == 1 else 2 for tap in used)


def fewest_steps(kernel: NDArray[Any]) -> Steps:
    """Return the steps of a kernel (Hf, Wf), at once or by column and row.

    Those of a kernel of integers multiply by integers.
    """
    dense = (tuple(weighted_sum(kernel)),)
    factors = _factors(kernel)
    if factors is None:
        return dense
    separable = separable_steps(*factors)
    return separable if count(separable) < len(dense[0]) else dense


def separable_steps(column: NDArray[Any], row: NDArray[Any]) -> Steps:
    """Return the steps of the outer product of a column and a row."""
    return *_along(column[:, np.newaxis]), *_along(row[np.newaxis])


def count(steps: Steps) -> int:
    """Return how many passes steps take."""
    return sum(map(len, steps))


def _factors(kernel: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Return column and row of a kernel of rank 1; whole numbers of one of whole numbers."""
    whole = _whole(kernel)
    if whole is None:
        return profiles(kernel)
    columns, rows = whole_factors(whole)
    if len(columns) != 1:
        return None
    if kernel.dtype.kind == "i":
        return columns[0].astype(np.int64), rows[0].astype(np.int64)
    return columns[0], rows[0]


def _whole(kernel: NDArray[Any]) -> WholeKernel | None:
    return WholeKernel(kernel, 1.0) if kernel.dtype.kind == "i" else whole_kernel(kernel)


def _along(profile: NDArray[Any]) -> Steps:
    """Return the steps of a column (Hf, 1) or a row (1, Wf)."""
    plain = tuple(weighted_sum(profile))
    whole = _whole(profile)
    if whole is None:
        return (plain,)
    taps, pairs = Profile.of(whole.numbers.ravel())
    # Where taps cancel out, partial sums would be larger than those of the definition.
    cancels = sum(map(abs, taps)) << pairs != np.abs(whole.numbers).sum()
    rest = (np.array(taps) * whole.unit).astype(profile.dtype)
    steps = _of_pairs(rest, pairs, is_column=profile.shape[1] == 1)
    return steps if pairs and not cancels and count(steps) < len(plain) else (plain,)


def _of_pairs(taps: NDArray[Any], pairs: int, *, is_column: bool) -> Steps:
    pair = (Operation(np.add, (0, 0), (1, 0) if is_column else (0, 1), TOTAL),)
    if taps.tolist() == [1]:
        return (pair,) * pairs
    return tuple(weighted_sum(taps.reshape((-1, 1) if is_column else (1, -1)))), *[pair] * pairs


def bound(
    steps: Steps,
    source: NDArray[Any],
    spare: Sequence[NDArray[Any]],
    term: NDArray[Any],
    offset: Callable[[Tap], int],
) -> tuple[list[Callable[[], Any]], NDArray[Any]]:
    """Return the passes of ``steps`` with their operands, and where the last one writes.

    ``source`` and the two ``spare`` buffers that steps write by turns are rows one behind the
    other, all of one size, as is ``term``. ``offset`` says how much further on the samples of a tap
    begin.
    """
    current, passes, size = source, [], len(source)
    for number, operations in enumerate(steps):
        operands = [part for each in operations for part in (each.left, each.right)]
        size -= max(offset(part) for part in operands if isinstance(part, tuple))
        into = spare[number % 2]
        for operation in operations:
            buffers = current, into[:size], term[:size]
            passes.append(_pass(operation, *buffers, offset))
        current = into
    return passes, current


def _pass(
    operation: Operation,
    current: NDArray[Any],
    total: NDArray[Any],
    term: NDArray[Any],
    offset: Callable[[Tap], int],
) -> Callable[[], Any]:
    def operand(given: Tap | str | float) -> Any:
        if isinstance(given, tuple):
            return current[offset(given) :][: len(total)]
        if isinstance(given, str):
            return total if given == TOTAL else term
        return given

    do, into = operation.do, operand(operation.into)
    left, right = operand(operation.left), operand(operation.right)
    return lambda: do(left, right, into)
