"""Filters by name or file: find it, read its JSON, check its keys.

Every :class:`FilterError` from a file names the file, the place in it and the remedy.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import Any

from convcli.errors import FilterError
from convcli.filters.bundled import bundled_filters
from convcli.filters.filter import Filter
from convcli.filters.validate import short

MOST_BYTES = 64 * 2**20
"""The largest filter file that is read."""


def load_filter(name: str | os.PathLike[str]) -> Filter:
    """Return the filter of a JSON file, or else the bundled filter of that name.

    Raises :class:`FilterError`.

    >>> from convcli import load_filter
    >>> load_filter("sharpen").weight.shape
    (3, 3)
    """
    path = find_filter(name)
    return parse_filter(_read(path), path)


def find_filter(name: str | os.PathLike[str]) -> Path:
    """Return the path of the filter called ``name``: a file's, or a bundled filter's."""
    path = Path(name)
    is_folder = os.path.isdir(path)
    if os.path.exists(path) and not is_folder:
        return path
    bundled = bundled_filters()
    if os.fspath(name) in bundled:
        return bundled[os.fspath(name)]
    if is_folder:
        raise FilterError(f"{path} is a folder: name a filter file in it")
    near = _nearest(path.stem.lower(), bundled, 3)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise FilterError(
        f"no filter file and no bundled filter is called {os.fspath(name)!r}: {hint}"
        "'convcli filters list' shows the bundled ones"
    )


def parse_filter(text: bytes, path: Path) -> Filter:
    """Return the filter that the JSON ``text`` of ``path`` describes.

    A filter without a name is named after the file. Raises :class:`FilterError`.
    """
    try:
        entries = _json_object(text, path)
        _check_keys(entries)
        return Filter(**{"name": path.stem, **entries})
    except FilterError as error:
        raise FilterError(f"filter {path}: {error}") from None


def _json_object(text: bytes, path: Path) -> dict[str, Any]:
    """Return the entries of the JSON object in a file."""
    if text.startswith(b"\x93NUMPY"):
        raise FilterError(
            "it is a NumPy array, and a filter is a JSON file: in Python, "
            f'json.dumps({{"weight": numpy.load({str(path)!r}).tolist()}}) gives its text'
        )
    try:
        entries = json.loads(
            text.decode("utf-8-sig"), object_pairs_hook=_without_duplicates, parse_int=_integer
        )
    except UnicodeDecodeError as error:
        raise FilterError(f"it is not UTF-8 text (byte {error.start})") from None
    except json.JSONDecodeError as error:
        raise FilterError(
            f"it is not valid JSON: {error.msg} in line {error.lineno}, column {error.colno}"
        ) from None
    except RecursionError:
        raise FilterError(
            "its lists are nested too deep: weight has two, three or four levels"
        ) from None
    if not isinstance(entries, dict):
        raise FilterError('it must hold one JSON object, {"weight": [[…]], …}')
    return entries


def _check_keys(entries: dict[str, Any]) -> None:
    """Refuse unknown and missing keys, and null where a key should be left out."""
    known = [field.name for field in fields(Filter)]
    for key in entries:
        if key not in known:
            near = _nearest(key, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise FilterError(f"unknown key {short(key)}: {hint}")
    if not {"weight", "column", "row"} & entries.keys():
        raise FilterError('the key "weight" is missing: the kernel, as a list of rows')
    if "weight" in entries and entries["weight"] is None:
        raise FilterError("weight is null, where a list of rows belongs, such as [[0, 1, 0]]")
    for key in ("column", "row", "stride", "reduce"):
        if key in entries and entries[key] is None:
            raise FilterError(f"{key} is null: leave the key out instead")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            # One read of MOST_BYTES would allocate them all, however small the file is.
            parts = iter(lambda: file.read(1 << 16), b"")
            text = b"".join(islice(parts, (MOST_BYTES >> 16) + 1))
    except OSError as error:
        raise FilterError(f"filter {path}: cannot be read: {error.strerror}") from None
    if len(text) > MOST_BYTES:
        raise FilterError(f"filter {path}: it is larger than {MOST_BYTES >> 20} MiB, the limit")
    return text


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    entries: dict[str, object] = {}
    for key, value in pairs:
        if key in entries:
            raise FilterError(f"duplicate key {short(key)}: remove one")
        entries[key] = value
    return entries


def _integer(digits: str) -> float:
    # Python refuses to read integers of thousands of digits; as a float they are infinite.
    return int(digits) if len(digits) < 400 else float(digits)


def _nearest(name: str, known: Iterable[str], most: int) -> list[str]:
    from difflib import get_close_matches  # slow to import, and needed for errors alone

    return get_close_matches(name, list(known), most, 0.5)
