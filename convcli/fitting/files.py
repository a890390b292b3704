"""A filter as the text of a filter file."""

from __future__ import annotations

import json
from typing import Any

from convcli.filters import Filter

_WIDTH = 88


def filter_text(chosen: Filter) -> str:
    """Return the JSON of a filter: what differs from the defaults, a row of weights a line."""
    entries: dict[str, Any] = {"name": chosen.name, "description": chosen.description}
    if chosen.source:
        entries["source"] = chosen.source
    entries["weight"] = _plain(chosen.weight.tolist())
    if chosen.divisor != 1:
        entries["divisor"] = _plain(chosen.divisor)
    bias = chosen.offsets.tolist() if chosen.offsets.any() else []
    if bias:
        entries["bias"] = _plain(bias[0] if len(set(bias)) == 1 else bias)
    if chosen.stride is not None:
        entries["stride"] = _pair(chosen.stride)
    if chosen.dilation not in (1, (1, 1)):
        entries["dilation"] = _pair(chosen.dilation)
    if chosen.pad != "same":
        entries["pad"] = _pair(chosen.pad)
    entries["pad_mode"] = chosen.pad_mode
    if chosen.flip:
        entries["flip"] = True
    if chosen.range != "clip":
        entries["range"] = chosen.range
    if chosen.preserve_alpha:
        entries["preserve_alpha"] = True
    if chosen.reduce is not None:
        entries["reduce"] = chosen.reduce
    lines = [f"  {json.dumps(key)}: {_text(value, 2)}" for key, value in entries.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _plain(value: Any) -> Any:
    """Return numbers without a fraction as whole ones."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _pair(value: Any) -> Any:
    if isinstance(value, tuple):
        return value[0] if len(set(value)) == 1 else list(value)
    return value


def _text(value: Any, indent: int) -> str:
    """Return a value as JSON; lists of lists, and what is too long for a line, over several."""
    text = json.dumps(value, ensure_ascii=False)
    is_nested = isinstance(value, list) and any(isinstance(item, list) for item in value)
    if not is_nested or len(text) <= _WIDTH - indent:
        return text
    space = " " * (indent + 2)
    items = [space + _text(item, indent + 2) for item in value]
    return "[\n" + ",\n".join(items) + "\n" + " " * indent + "]"
