"""Pairs of files: two pictures, or pictures of one relative name in two folders."""

from __future__ import annotations

import os
from typing import NamedTuple

from convcli.batch.inputs import expand
from convcli.errors import PlanError


class PathPair(NamedTuple):
    """A picture before and after."""

    before: str
    after: str


def pairs_in(before: str, after: str) -> tuple[list[PathPair], int]:
    """Return the pairs of two folders, and the number of pictures without a partner.

    Relative names are compared with, then without their extensions. Raises :class:`PlanError` for a
    path that is not a folder, and if there is no pair.
    """
    for folder in (before, after):
        if not os.path.isdir(folder):
            raise PlanError(f"{folder} is not a folder: with -r both BEFORE and AFTER are folders")
    befores, afters = (
        {source.place: source.path for source in expand([folder], recursive=True)}
        for folder in (before, after)
    )
    stems: dict[str, list[str]] = {}
    for place in afters:
        stems.setdefault(os.path.splitext(place)[0], []).append(place)
    pairs, taken = [], set()
    for place, path in befores.items():
        others = [place] if place in afters else stems.get(os.path.splitext(place)[0], [])
        if len(others) > 1:
            raise PlanError(
                f"{path} could belong to {afters[others[0]]} or to {afters[others[1]]}: "
                "leave one of them out"
            )
        if others:
            pairs.append(PathPair(path, afters[others[0]]))
            taken.add(others[0])
    if not pairs:
        raise PlanError(
            f"no picture in {after} has the relative name of one in {before}: pairs are found by "
            "name, with or without the extension"
        )
    return pairs, len(befores) + len(afters) - len(pairs) - len(taken)
