"""The entries of a filter's JSON text: one object with known keys, each once.

Problems are reported as :mod:`convcli.filters.validate` says: the first one, or all of them.
"""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from convcli.errors import FilterError
from convcli.filters.arrays import read_weights
from convcli.filters.filter import Filter
from convcli.filters.validate import Report, short

KEYS = tuple(field.name for field in fields(Filter))
"""The keys of a filter file, apart from ``$schema``."""


def entries_of(text: bytes, folder: Path, report: Report) -> dict[str, Any] | None:
    """Return the entries of a filter's JSON, without those that were reported.

    The path of a ``.npy`` array, relative to ``folder``, is replaced by the array. None where
    there is no JSON object to read.
    """
    entries = _json_object(text, report)
    if entries is None:
        return None
    if not isinstance(entries.pop("$schema", ""), str):
        report("$schema must be text: the address of a JSON schema, for editors")
    for key in list(entries):
        if key not in KEYS:
            from convcli.filters.suggestions import nearest_key

            near = nearest_key(key, KEYS)
            hint = f"did you mean {near!r}?" if near else f"known are {', '.join(KEYS)}"
            report(f"unknown key {short(key)}: {hint}")
            del entries[key]
        elif entries[key] is None:
            report(f"{key} is null: leave the key out instead")
            del entries[key]
    for key in ("stride", "dilation", "pad", "groups"):
        if key in entries:
            entries[key] = _whole(entries[key])
    _load_weights(entries, folder, report)
    return entries


def _whole(value: Any) -> Any:
    """Return 2.0 as 2, which is the same number in JSON."""
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _load_weights(entries: dict[str, Any], folder: Path, report: Report) -> None:
    weight = entries.get("weight")
    if isinstance(weight, str) and weight.lower().endswith(".npy"):
        try:
            entries["weight"] = read_weights(folder / weight)
        except FilterError as error:
            report(f"weight {short(weight)}: {error}")
            del entries["weight"]


def _json_object(text: bytes, report: Report) -> dict[str, Any] | None:
    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        entries: dict[str, object] = {}
        for key, value in pairs:
            if key in entries:
                report(f"duplicate key {short(key)}: remove one")
            entries[key] = value
        return entries

    try:
        entries = json.loads(text.decode("utf-8-sig"), object_pairs_hook=once, parse_int=_integer)
    except UnicodeDecodeError as error:
        report(f"it is not UTF-8 text (byte {error.start})")
    except json.JSONDecodeError as error:
        report(f"it is not valid JSON: {error.msg} in line {error.lineno}, column {error.colno}")
    except RecursionError:
        report("its lists are nested too deep: weight has two, three or four levels")
    else:
        if isinstance(entries, dict):
            return entries
        report('it must hold one JSON object, {"weight": [[…]], …}')
    return None


def _integer(digits: str) -> float:
    # Python refuses to read integers of thousands of digits; as a float they are infinite.
    return int(digits) if len(digits) < 400 else float(digits)
