"""Values that a file or a program gives: what is no number, no kernel, no known word, and where."""

from __future__ import annotations

import json
import math

import numpy as np
from numpy.typing import NDArray

from convcli.errors import FilterError

MOST_WEIGHTS = 1_000_000


def weights_of(value: object) -> NDArray[np.float64]:
    """Return nested lists as an array; an error says where they are ragged or hold no number."""
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
        found = f"{len(shape)}" if len(shape) < 5 else "more than 4"
        raise FilterError(
            f"weight has {found} levels of lists: [Hf][Wf], [C][Hf][Wf] or [F][C][Hf][Wf] are known"
        )
    if math.prod(shape) > MOST_WEIGHTS:
        raise FilterError(f"weight has {math.prod(shape):,} numbers: {MOST_WEIGHTS:,} are the most")
    numbers: list[float] = []
    _collect(nested, tuple(shape), "weight", numbers)
    return np.array(numbers, np.float64).reshape(shape)


def _collect(value: object, shape: tuple[int, ...], place: str, numbers: list[float]) -> None:
    if not shape:
        numbers.append(number_of(value, place))
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


def number_of(value: object, place: str, otherwise: str = "") -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise FilterError(f"{place} is {short(value)}, where a number{otherwise} belongs")
    try:
        number = float(value)
    except (OverflowError, TypeError):
        number = math.inf
    if not math.isfinite(number):
        raise FilterError(f"{place} is {short(value)}: use a finite number")
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
