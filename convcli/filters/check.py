"""All problems of a filter file."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path
from typing import Any

from convcli.errors import FilterError
from convcli.filters.arrays import MAGIC, read_weights
from convcli.filters.doubts import doubts
from convcli.filters.entries import entries_of
from convcli.filters.fields import checked_fields
from convcli.filters.filter import Filter
from convcli.filters.loader import parse_filter, read_file


def file_problems(path: str | os.PathLike[str]) -> list[str]:
    """Return every problem of a filter file, in its order; none where it loads.

    Problems that follow from others are left out: a bias cannot be counted against filters that
    are not known.
    """
    problems: list[str] = []
    try:
        text = read_file(Path(path))
        if text.startswith(MAGIC):
            entries: dict[str, Any] | None = {"weight": read_weights(path)}
        else:
            entries = entries_of(text, Path(path).parent, problems.append)
    except FilterError as error:
        return [str(error)]
    if entries is None:
        return problems
    defaults = {field.name: field.default for field in fields(Filter)}
    is_reported = bool(problems) and not {"weight", "column", "row"} & entries.keys()
    found: list[str] = []
    checked_fields(defaults | entries, found.append)
    # A kernel whose key was reported is not missing.
    return problems + found[is_reported:]


def file_doubts(path: str | os.PathLike[str]) -> list[str]:
    """Return what is doubtful about a filter file without problems."""
    text = read_file(Path(path))
    return [] if text.startswith(MAGIC) else doubts(parse_filter(text, Path(path)))
