"""Filters by file, by JSON text, by name, or by kind.

Every :class:`FilterError` from a file names the file, the place in it and the remedy.
"""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

from convcli.errors import FilterError
from convcli.filters.arrays import MAGIC, read_weights
from convcli.filters.bundled import bundled_filters
from convcli.filters.entries import entries_of
from convcli.filters.filter import Filter
from convcli.filters.validate import stop

MOST_BYTES = 64 * 2**20
"""The largest filter file that is read."""


def load_filter(name: str | os.PathLike[str]) -> Filter:
    """Return the filter that ``name`` names: the first of these that there is.

    1. A file: JSON, or a ``.npy`` array of weights.
    2. The JSON itself, where it begins with ``{``.
    3. A bundled filter.
    4. A kind with its parameters, such as "gaussian:sigma=2" (see :func:`convcli.make_filter`).

    Raises :class:`FilterError`.

    >>> from convcli import load_filter
    >>> load_filter("sharpen").weight.shape
    (3, 3)
    >>> load_filter("motion:length=9,angle=90").weight.shape
    (9, 1)
    >>> load_filter('{"weight": [[1, 2, 1]], "divisor": "sum"}').divisor
    'sum'
    """
    text = os.fspath(name)
    is_folder = os.path.isdir(name)
    if os.path.exists(name) and not is_folder:
        return _read_file(Path(name))
    if text.startswith("{"):
        return parse_inline(text)
    bundled = bundled_filters()
    if text in bundled:
        return _read_file(bundled[text])
    # Files and bundled filters do without the catalogue of kinds: importing it takes milliseconds.
    from convcli.filters.making import read_kind

    made = read_kind(text)
    if made is not None:
        return made
    if is_folder:
        raise FilterError(f"{Path(name)} is a folder: name a filter file in it")
    raise FilterError(_not_found(text))


def find_filter(name: str | os.PathLike[str]) -> Path | None:
    """Return the JSON file of a filter that has one: a file's path, or a bundled filter's."""
    if os.path.isfile(name):
        path = Path(name)
        return None if read_file(path).startswith(MAGIC) else path
    return bundled_filters().get(os.fspath(name))


def parse_filter(text: bytes, path: Path) -> Filter:
    """Return the filter that the JSON ``text`` of ``path`` describes.

    A filter without a name is named after the file. Raises :class:`FilterError`.
    """
    try:
        return _parsed(text, path.parent, path.stem)
    except FilterError as error:
        raise FilterError(f"filter {path}: {error}") from None


def parse_inline(text: str | bytes, place: str = "the JSON given") -> Filter:
    """Return the filter of JSON that is in no file; paths in it are relative to this folder."""
    given = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    try:
        return _parsed(given, Path(), "")
    except FilterError as error:
        raise FilterError(f"{place}: {error}") from None


def _parsed(text: bytes, folder: Path, name: str) -> Filter:
    entries = entries_of(text, folder, stop)
    assert entries is not None, "stop raises"
    return Filter(**{"name": name, **entries})


def _read_file(path: Path) -> Filter:
    try:
        text = read_file(path)
        if text.startswith(MAGIC):
            return Filter(read_weights(path), name=path.stem)
        return _parsed(text, path.parent, path.stem)
    except FilterError as error:
        raise FilterError(f"filter {path}: {error}") from None


def read_file(path: Path) -> bytes:
    """Return the bytes of a filter file. Raises :class:`FilterError`."""
    try:
        with path.open("rb") as file:
            # One read of MOST_BYTES would allocate them all, however small the file is.
            parts = iter(lambda: file.read(1 << 16), b"")
            text = b"".join(islice(parts, (MOST_BYTES >> 16) + 1))
    except OSError as error:
        raise FilterError(f"it cannot be read: {error.strerror}") from None
    if len(text) > MOST_BYTES:
        raise FilterError(f"it is larger than {MOST_BYTES >> 20} MiB, the limit")
    return text


def _not_found(text: str) -> str:
    from convcli.filters.suggestions import near_filters

    shown = text if len(text) <= 200 else f"{text[:200]}…"
    near = near_filters(text)
    hint = f"did you mean {' or '.join(', '.join(near).rsplit(', ', 1))}? " if near else ""
    if text.lstrip()[:1] in ("[", "{"):
        hint = 'JSON begins with {, as in {"weight": [[0, 1, 0]]}; '
    return (
        f"no filter file, bundled filter or kind is called {shown!r}: {hint}"
        "'convcli filters list' shows filters and kinds"
    )
