"""Filters made from a kind and its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import numpy as np

from convcli.errors import FilterError
from convcli.filters.filter import Filter
from convcli.filters.kinds.catalogue import KINDS
from convcli.filters.kinds.kind import Kind, read_parameters


def make_filter(kind: str, **parameters: Any) -> Filter:
    """Return the filter of a kind: "gaussian" with ``sigma=2``, "motion" with ``length=31``.

    ``convcli filters list`` shows the kinds and their parameters; where a name has a ``-``, Python
    takes ``_``. Raises :class:`FilterError` for an unknown kind or parameter, and for values out
    of their range.

    >>> from convcli import make_filter
    >>> make_filter("gaussian", sigma=2).weight.shape
    (17, 17)
    >>> make_filter("binomial", order=2).weight
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    return filter_of(kind_called(kind), parameters)


def filter_of(kind: Kind, parameters: Mapping[str, object]) -> Filter:
    """Return the filter of ``kind``; a parameter of None is left out. Raises FilterError."""
    given = {key: value for key, value in parameters.items() if value is not None}
    for key in given:
        if kind.parameter(key) is None:
            raise FilterError(f"{kind.name} has no key {key!r}: {_advice(kind, key)}")
    checked = kind.checked(given)
    fields = kind.fields(checked)
    for key in fields.keys() & {"weight", "column", "row"}:
        fields[key] = np.asarray(fields[key]) + 0  # turns -0.0 into 0.0
    try:
        return Filter(**fields)
    except FilterError as error:
        raise FilterError(f"{kind.text(checked)}: {error}") from None


def read_kind(text: str) -> Filter | None:
    """Return the filter of "kind:key=value,key=value"; None where no kind has that name."""
    name, _, parameters = text.partition(":")
    if name not in KINDS:
        return None
    return filter_of(KINDS[name], read_parameters(KINDS[name], parameters))


def kind_called(name: str) -> Kind:
    """Return the kind of that name. Raises FilterError."""
    if name not in KINDS:
        near = get_close_matches(name, KINDS, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise FilterError(f"there is no kind {name!r}: {hint}kinds are {', '.join(KINDS)}")
    return KINDS[name]


def _advice(kind: Kind, key: str) -> str:
    takes = f"it takes {kind.keys_text}" if kind.parameters else "it takes none"
    near = get_close_matches(key, [one.name for one in kind.parameters], 1, 0.6)
    others = [other.name for other in KINDS.values() if other.parameter(key)]
    if near:
        return f"did you mean {near[0]!r}? {takes}"
    if others:
        return f"{takes}; {', '.join(others)} {'has' if len(others) == 1 else 'have'} {key}"
    return takes
