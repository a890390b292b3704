"""Checks of the values of a filter: numbers, kernels, keywords; problems name the place.

A check calls ``report`` for what is wrong. :func:`stop` ends at the first
problem; a list's ``append`` collects all of them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from convcli.errors import FilterError

Report = Callable[[str], None]

MOST_WEIGHTS = 1_000_000

MOST_TAPS = 100_000
"""The longest column and row of a separable kernel."""

MOST_REPORTED = 20
"""How many numbers of one list are reported."""

GREATEST = 1e38
"""The largest weight and divisor: near the largest 32-bit float."""

LEAST_DIVISOR = 1e-38

GREATEST_BIAS = 1e9
"""Far above 2^24, where float32 rounding removes the pixel that the bias is added to."""

GREATEST_QUOTIENT = 1e30
"""The largest weight after division: the sum of MOST_WEIGHTS of them is a finite float32."""


def stop(problem: str) -> None:
    """Raise ``problem`` as a :class:`FilterError`: the report that stops at the first one."""
    raise FilterError(problem)


def weights_of(value: object, report: Report) -> NDArray[np.float64] | None:
    """Return nested lists or an array as a read-only array of two to four dimensions."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return _array_of(value, report)
    nested = value.tolist() if isinstance(value, np.ndarray) else value
    shape: list[int] = []
    level = nested
    while isinstance(level, (list, tuple)) and len(shape) < 5:
        if not level:
            report(f"weight{'[0]' * len(shape)} is empty: a kernel has one weight or more")
            return None
        shape.append(len(level))
        level = level[0]
    if not 2 <= len(shape) <= 4:
        report(f"weight {_fault(nested, len(shape))}")
        return None
    if not _is_small(tuple(shape), report):
        return None
    numbers = _Numbers("weight", report)
    numbers.collect(nested, tuple(shape), "weight")
    return numbers.array(tuple(shape))


def taps_of(value: object, key: str, report: Report) -> NDArray[np.float64] | None:
    """Return the column or row of a separable kernel as a read-only array."""
    listed = value.tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(listed, (list, tuple)):
        report(f"{key} is {short(listed)}, where a list of numbers belongs, such as [1, 2, 1]")
        return None
    if not listed:
        report(f"{key} is empty: a kernel has one weight or more")
        return None
    if len(listed) > MOST_TAPS:
        report(f"{key} has {len(listed):,} numbers: {MOST_TAPS:,} are the most")
        return None
    numbers = _Numbers(key, report)
    numbers.collect(listed, (len(listed),), key)
    return numbers.array((len(listed),))


class _Numbers:
    """The numbers of nested lists, and the problems found among them."""

    def __init__(self, key: str, report: Report) -> None:
        self._key, self._report = key, report
        self._values: list[float] = []
        self._problems = 0

    def collect(self, value: object, shape: tuple[int, ...], place: str) -> None:
        if not shape:
            number = number_of(value, place, self._problem, most=GREATEST)
            self._values.append(math.nan if number is None else number)
            return
        if not isinstance(value, (list, tuple)):
            self._problem(f"{place} is {short(value)}, where a list of {shape[0]} belongs")
            return
        if len(value) != shape[0]:
            self._problem(
                f"{place} has {len(value)} entries, but its neighbours have {shape[0]}: "
                "all rows of a kernel are equally long"
            )
            return
        for k, item in enumerate(value):
            self.collect(item, shape[1:], f"{place}[{k}]")

    def array(self, shape: tuple[int, ...]) -> NDArray[np.float64] | None:
        """Return what was collected, or None where there was a problem."""
        if self._problems:
            if self._problems > MOST_REPORTED:
                more = self._problems - MOST_REPORTED
                self._report(f"{self._key} has {more:,} problems more")
            return None
        return _read_only(np.array(self._values, np.float64).reshape(shape))

    def _problem(self, text: str) -> None:
        self._problems += 1
        if self._problems <= MOST_REPORTED:
            self._report(text)


def _array_of(given: NDArray[np.generic], report: Report) -> NDArray[np.float64] | None:
    """Check an array of numbers as a whole: a million weights take milliseconds."""
    if not given.size:
        report(f"weight is empty: its shape is {given.shape}")
        return None
    if not 2 <= given.ndim <= 4:
        report(
            f"weight has {given.ndim} dimension{'s' * (given.ndim != 1)}: (Hf, Wf), (C, Hf, Wf) "
            "and (F, C, Hf, Wf) are known"
        )
        return None
    if not _is_small(given.shape, report):
        return None
    if given.dtype.kind == "b":
        report("weight holds true and false, where numbers belong")
        return None
    with np.errstate(over="ignore"):
        weight = given.astype(np.float64)
    bad = np.argwhere(~(np.abs(weight) <= GREATEST))
    for index in bad[:MOST_REPORTED]:
        place = f"weight{shape_text(tuple(index.tolist()))}"
        number_of(float(weight[tuple(index)]), place, report, most=GREATEST)
    if len(bad) > MOST_REPORTED:
        report(f"weight has {len(bad) - MOST_REPORTED:,} problems more")
    return None if len(bad) else _read_only(weight)


def _is_small(shape: tuple[int, ...], report: Report) -> bool:
    if math.prod(shape) <= MOST_WEIGHTS:
        return True
    report(
        f"weight has {math.prod(shape):,} numbers: {MOST_WEIGHTS:,} are the most; a separable "
        f"kernel is written as column and row, {MOST_TAPS:,} numbers each"
    )
    return False


def _read_only(array: NDArray[np.float64]) -> NDArray[np.float64]:
    array.setflags(write=False)
    return array


def _fault(value: object, levels: int) -> str:
    """Return the message for a weight with a wrong number of ``levels`` of lists."""
    if levels == 1:
        return "is one list of numbers, where a list of rows belongs: [[1, 2, 1]] is one row"
    if levels > 4:
        return "has more than 4 levels of lists: [Hf][Wf], [C][Hf][Wf] or [F][C][Hf][Wf] are known"
    return f"is {short(value)}, where a list of rows belongs, such as [[0, 1, 0], [1, 1, 1]]"


def number_of(
    value: object, place: str, report: Report, otherwise: str = "", *, most: float
) -> float | None:
    """Return ``value`` as a float from -most to most; report it as ``place`` and return None."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        report(f"{place} is {short(value)}, where a number{otherwise} belongs")
        return None
    try:
        number = float(value)
    except (OverflowError, TypeError):
        number = math.inf
    if not math.isfinite(number):
        report(f"{place} is {short(value)}: use a finite number")
        return None
    if abs(number) > most:
        report(f"{place} is {short(value)}: give a number from {-most:g} to {most:g}")
        return None
    return number


def is_one_of(value: object, key: str, known: tuple[str, ...], report: Report) -> bool:
    """Return whether ``value`` is one of the ``known`` words; report it otherwise."""
    if value in known:
        return True
    report(f"{key} is {short(value)}: {', '.join(known)} are known")
    return False


def shape_text(shape: tuple[int, ...]) -> str:
    """Return ``shape`` as [F][C][Hf][Wf] would be written."""
    return "".join(f"[{length}]" for length in shape)


def short(value: object) -> str:
    """Return ``value`` as JSON would show it, cut to a length that fits a message."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = type(value).__name__
    return text if len(text) <= 40 else f"{text[:37]}…"
