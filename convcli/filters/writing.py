"""A filter as the JSON text of a filter file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

_WIDTH = 88
_FIRST = ("name", "description", "source", "weight", "column", "row", "groups", "divisor", "bias")
"""The keys that come first, in this order."""


def filter_json(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """Return the JSON of a filter's fields that differ from the defaults, a row a line."""
    entries: dict[str, Any] = {}
    for key in dict.fromkeys((*_FIRST, *defaults)):
        value = _plain(given[key])
        if given[key] is not None and value != _plain(defaults[key]):
            entries[key] = value
    lines = [f"  {json.dumps(key)}: {_text(value, 2)}" for key, value in entries.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _plain(value: Any) -> Any:
    """Return a field as JSON has it: lists, whole numbers without a point, one number for two."""
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, tuple):
        return _plain(value[0] if len(set(value)) == 1 else list(value))
    # -0.0 and numbers that a float does not hold to the last digit stay as they are.
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return int(value) if is_whole and str(value) != "-0.0" else value


def _text(value: Any, indent: int) -> str:
    """Return a value as JSON; lists of lists, and what is too long for a line, over several."""
    text = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, list) or len(text) <= _WIDTH - indent:
        return text
    space = " " * (indent + 2)
    if any(isinstance(item, list) for item in value):
        items = [space + _text(item, indent + 2) for item in value]
        return "[\n" + ",\n".join(items) + "\n" + " " * indent + "]"
    if indent > 2:  # a row of weights stays in one line
        return text
    return "[\n" + "\n".join(_wrapped(value, space)) + "\n" + " " * indent + "]"


def _wrapped(numbers: list[Any], space: str) -> list[str]:
    """Return numbers over as many lines as they take."""
    lines, line = [], space
    for k, number in enumerate(numbers):
        item = json.dumps(number) + ("," if k + 1 < len(numbers) else "")
        if line.strip() and len(line) + 1 + len(item) > _WIDTH:
            lines.append(line)
            line = space
        line += f" {item}" if line.strip() else item
    return [*lines, line]
