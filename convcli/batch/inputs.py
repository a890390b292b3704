"""What a user names, as one list of files: folders walked through, lists read. No file is opened.

Names are text as Python has it from the system: bytes that are no UTF-8 come as surrogate escapes
and go back as they were.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from convcli.errors import ImageError, PlanError
from convcli.system.atomic_files import is_temporary
from convcli.system.streams import read_standard_input

STREAM = "-"
"""Standard input as an input, standard output as an output."""

NO_FILE = "no regular file"
"""What pipes, sockets and devices count as among the files that were left out."""


class Source(NamedTuple):
    """A file to read; ``place`` is where its result belongs in an output folder.

    ``is_found`` tells a file that was come upon in a folder from one that was named.
    """

    path: str
    place: str
    is_found: bool = False


def expand(
    named: Iterable[str],
    *,
    listed: Iterable[str] = (),
    recursive: bool = False,
    output_dir: str | None = None,
    relative_to: str | None = None,
    left_out: Counter[str] | None = None,
) -> list[Source]:
    """Return the files that are meant, in the order they were named, those of folders by name.

    ``named`` are from a command line, where "-" is standard input; ``listed`` from a list, where
    our own temporaries are passed over. With ``recursive`` a folder stands for the pictures in it
    and in its folders: regular files with the extension of a picture, none hidden, none in
    ``output_dir``. Links to folders are not followed. ``left_out`` counts the other files by
    extension (".txt"; "" without one; :data:`NO_FILE`).

    A result's place is the base name of its input, or its path below the folder that was walked
    through; with ``relative_to``, a folder, the path below that. Raises :class:`PlanError`.
    """
    sources: list[Source] = []
    counted = Counter() if left_out is None else left_out
    for name in named:
        if is_temporary(name):
            raise PlanError(f"{name} is an unfinished file that a killed run has left: remove it")
        sources += _meant(name, recursive, output_dir, counted)
    for name in listed:
        if not is_temporary(name):
            # In a list a dash is a name like any other.
            path = os.path.join(os.curdir, name) if name == STREAM else name
            sources += _meant(path, recursive, output_dir, counted)
    return sources if relative_to is None else list(_placed_below(relative_to, sources))


def read_list(name: str, *, null: bool = False) -> list[str]:
    """Return the names in a file, or in standard input for "-": a line each, or up to each NUL.

    Blank lines are skipped, and a line may end as on Windows. Raises :class:`PlanError`.
    """
    data = _bytes_of(name)
    if null:
        return [os.fsdecode(item) for item in data.split(b"\0") if item]
    if b"\0" in data:
        raise PlanError(f"the list {name} holds NUL characters: null=True reads it")
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    return [os.fsdecode(line.removesuffix(b"\r")) for line in lines if line.strip()]


def _bytes_of(name: str) -> bytes:
    try:
        if name != STREAM:
            with open(name, "rb") as file:
                return file.read()
        return read_standard_input()
    except OSError as error:
        reason = error.strerror or error
        raise PlanError(f"the list {name} cannot be read: {reason}") from error
    except ImageError as error:
        raise PlanError(f"the list on standard input: {error}") from error


def _meant(
    name: str, recursive: bool, output_dir: str | None, left_out: Counter[str]
) -> Iterable[Source]:
    if name == STREAM or not os.path.isdir(name):
        return [Source(name, os.path.basename(name.rstrip(os.sep)))]
    if not recursive:
        raise PlanError(f"{name} is a folder: recursive=True takes the images in it")
    return _images_in(name, output_dir, left_out)


def _images_in(root: str, output_dir: str | None, left_out: Counter[str]) -> Iterator[Source]:
    from convcli.images import readable_extensions  # loads every plugin of Pillow's

    extensions = readable_extensions()
    for folder, folders, files in os.walk(root, onerror=_refuse):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and not _is_same(os.path.join(folder, name), output_dir)
        )
        below = os.path.relpath(folder, root) if folder != root else ""
        for name in sorted(files):
            if name.startswith("."):
                continue
            path, extension = os.path.join(folder, name), os.path.splitext(name)[1].lower()
            if extension not in extensions:
                left_out[extension] += 1
            # A link to nothing is taken: its error names a picture that somebody may miss.
            elif os.path.isfile(path) or not os.path.exists(path):
                yield Source(path, os.path.join(below, name), True)
            else:
                left_out[NO_FILE] += 1


def _placed_below(base: str, sources: Iterable[Source]) -> Iterator[Source]:
    if not os.path.isdir(base):
        raise PlanError(f"{base} is not a folder, so no place is relative to it")
    for source in sources:
        if source.path == STREAM:
            yield source
            continue
        folder, name = os.path.split(source.path.rstrip(os.sep))
        place = _below(os.path.abspath(folder), os.path.abspath(base))
        if place is None:  # perhaps a link on the way to either
            place = _below(os.path.realpath(folder), os.path.realpath(base))
        if place is None:
            raise PlanError(
                f"{source.path} is not below {base}, so it has no place relative to that folder"
            )
        yield source._replace(place=os.path.normpath(os.path.join(place, name)))


def _below(folder: str, base: str) -> str | None:
    """Return the path from ``base`` to ``folder``, both absolute; None if it leads out of it."""
    try:
        path = os.path.relpath(folder, base)
    except ValueError:  # different drives
        return None
    return None if path.split(os.sep)[0] == os.pardir else path


def _refuse(error: OSError) -> None:
    raise PlanError(f"{error.filename}: the folder cannot be read: {error.strerror}") from error


def _is_same(folder: str, other: str | None) -> bool:
    return other is not None and os.path.exists(other) and os.path.samefile(folder, other)


def name_of(source: str) -> str:
    """Return how messages call an input."""
    return "standard input" if source == STREAM else source


@contextmanager
def contents(source: str) -> Iterator[str | bytes]:
    """Give what an image is read from: the path, or all that comes in, whose errors name it."""
    if source != STREAM:
        yield source
        return
    try:
        yield read_standard_input()
    except ImageError as error:
        raise ImageError(f"{name_of(source)}: {error}") from error
