"""What a user names, as one list of files: folders walked through, lists read. No file is opened.

Names are text as Python has it from the system: bytes that are no UTF-8 come as surrogate escapes
and go back as they were.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from convcli.errors import ImageError, PlanError
from convcli.system.atomic_files import is_temporary
from convcli.system.streams import read_standard_input

STREAM = "-"
"""Standard input as an input, standard output as an output."""


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
) -> list[Source]:
    """Return the files that are meant, in the order they were named, those of folders by name.

    ``named`` stand on a command line, where "-" is standard input; ``listed`` in a list, where
    our own temporaries are passed over. With ``recursive`` a folder stands for the images in it
    and in its folders, by their extensions; not for hidden ones, and none in ``output_dir``.
    Links to folders are not followed. Raises :class:`PlanError`.
    """
    sources: list[Source] = []
    for name in named:
        if is_temporary(name):
            raise PlanError(f"{name} is an unfinished file that a killed run has left: remove it")
        sources += _meant(name, recursive, output_dir)
    for name in listed:
        if not is_temporary(name):
            # In a list a dash is a name like any other.
            path = os.path.join(os.curdir, name) if name == STREAM else name
            sources += _meant(path, recursive, output_dir)
    return sources


def read_list(name: str, *, null: bool = False) -> list[str]:
    """Return the names in a file, or in standard input for "-": a line each, or up to each NUL.

    Blank lines are skipped, and a line may end as on Windows. Raises :class:`PlanError`.
    """
    data = _bytes_of(name)
    if null:
        return [os.fsdecode(item) for item in data.split(b"\0") if item]
    if b"\0" in data:
        raise PlanError(f"--files-from {name} holds NUL characters: read it with --null")
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
        raise PlanError(f"--files-from {name}: it cannot be read: {reason}") from error
    except ImageError as error:
        raise PlanError(f"--files-from {name}: {error}") from error


def _meant(name: str, recursive: bool, output_dir: str | None) -> Iterable[Source]:
    if name == STREAM or not os.path.isdir(name):
        return [Source(name, os.path.basename(name.rstrip(os.sep)))]
    if not recursive:
        raise PlanError(f"{name} is a folder: -r takes the images in it")
    return _images_in(name, output_dir)


def _images_in(root: str, output_dir: str | None) -> Iterator[Source]:
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
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in extensions:
                yield Source(os.path.join(folder, name), os.path.join(below, name), True)


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
