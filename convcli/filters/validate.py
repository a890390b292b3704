"""Checks of the values of a filter: numbers, kernels, keywords; errors name the place."""

from __future__ import annotations

import json
import math

import numpy as np
from numpy.typing import NDArray

from convcli.errors import FilterError

MOST_WEIGHTS = 1_000_000

GREATEST = 1e38
"""The largest weight and divisor: near the largest 32-bit float."""

LEAST_DIVISOR = 1e-38

GREATEST_BIAS = 1e9
"""Far above 2^24, where float32 rounding removes the pixel that the bias is added to."""

GREATEST_QUOTIENT = 1e30
"""The largest weight after division: the sum of MOST_WEIGHTS of them is a finite float32."""


def weights_of(value: object) -> NDArray[np.float64]:
    """Return nested lists as an array; errors name the place that is ragged or not a number."""
    nested = value.tolist() if isinstance(value, np.ndarray) else value
    shape: list[int] = []
    level = nested
    while isinstance(level, (list, tuple)) and len(shape) < 5:
        if not level:
            raise FilterError(
                f"weight{'[0]' * len(shape)} is empty: a kernel has one weight or more"
            )
        shape.append(len(level))
        level = level[0]
    if not 2 <= len(shape) <= 4:
        raise FilterError(f"weight {_fault(nested, len(shape))}")
    if math.prod(shape) > MOST_WEIGHTS:
        raise FilterError(f"weight has {math.prod(shape):,} numbers: {MOST_WEIGHTS:,} are the most")
    numbers: list[float] = []
    _collect(nested, tuple(shape), "weight", numbers)
    return np.array(numbers, np.float64).reshape(shape)


def _fault(value: object, levels: int) -> str:
    """Return the message for a weight with a wrong number of ``levels`` of lists."""
    if levels == 1:
        return "is one list of numbers, where a list of rows belongs: [[1, 2, 1]] is one row"
    if levels > 4:
        return "has more than 4 levels of lists: [Hf][Wf], [C][Hf][Wf] or [F][C][Hf][Wf] are known"
    rows = f"is {short(value)}, where a list of rows belongs, such as [[0, 1, 0], [1, 1, 1]]"
    if isinstance(value, str) and value.lower().endswith(".npy"):
        return f"{rows}; in Python numpy.load({short(value)}).tolist() gives them"
    return rows


def _collect(value: object, shape: tuple[int, ...], place: str, numbers: list[float]) -> None:
    if not shape:
        numbers.append(number_of(value, place, most=GREATEST))
        return
    if not isinstance(value, (list, tuple)):
        raise FilterError(f"{place} is {short(value)}, where a list of {shape[0]} belongs")
    if len(value) != shape[0]:
        raise FilterError(
            f"{place} has {len(value)} entries, but its neighbours have {shape[0]}: "
            "all rows of a kernel are equally long"
        )
    for k, item in enumerate(value):
        _collect(item, shape[1:], f"{place}[{k}]", numbers)


def number_of(value: object, place: str, otherwise: str = "", *, most: float) -> float:
    """Return ``value`` as a float from -most to most; else raise a FilterError naming ``place``."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise FilterError(f"{place} is {short(value)}, where a number{otherwise} belongs")
    try:
        number = float(value)
    except (OverflowError, TypeError):
        number = math.inf
    if not math.isfinite(number):
        raise FilterError(f"{place} is {short(value)}: use a finite number")
    if abs(number) > most:
        raise FilterError(f"{place} is {short(value)}: give a number from {-most:g} to {most:g}")
    return number


def check_one_of(value: object, key: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise FilterError(f"{key} is {short(value)}: {', '.join(known)} are known")


def shape_text(shape: tuple[int, ...]) -> str:
    return "".join(f"[{length}]" for length in shape)


def short(value: object) -> str:
    """Return ``value`` as JSON would show it, cut to a length that fits a message."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = type(value).__name__
    return text if len(text) <= 40 else f"{text[:37]}…"
