"""Input files from the names that a user gives: folders searched. No image is opened.

File names are decoded as by ``os.fsdecode``: bytes that are not UTF-8 become surrogate escapes, and
are encoded back unchanged.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import BinaryIO, NamedTuple

from convcli.batch.object_files import opened_object
from convcli.batch.stores import is_url, list_objects, read_object, split_url
from convcli.errors import ImageError, PlanError
from convcli.system.atomic_files import is_temporary
from convcli.system.streams import read_standard_input

STREAM = "-"
"""Standard input as an input, standard output as an output."""

NOT_REGULAR = "not a regular file"
"""The key under which pipes, sockets and devices are counted among the files left out."""


class Source(NamedTuple):
    """A file to read; ``place`` is where its result belongs in an output folder.

    ``is_found`` is true for a file found in a folder, false for one that was named. ``size`` (in
    bytes) and ``modified`` (in seconds since 1970) are known of objects found in a store, else 0.
    """

    path: str
    place: str
    is_found: bool = False
    size: int = 0
    modified: float = 0


def expand(
    named: Iterable[str],
    *,
    listed: Iterable[str] = (),
    recursive: bool = False,
    output_dir: str | None = None,
    relative_to: str | None = None,
    left_out: Counter[str] | None = None,
) -> list[Source]:
    """Return the input files, in the order of the names; the files of a folder are sorted.

    ``named`` are from a command line, where "-" is standard input; ``listed`` from a list, whose
    temporary files of this program are skipped. With ``recursive`` a folder is replaced by the
    pictures in it and in its subfolders: regular files with the extension of a picture, except
    hidden ones and those in ``output_dir``. Links to folders are not followed. ``left_out`` counts
    the other files by extension (".txt"; "" without one; :data:`NOT_REGULAR`).

    A result's place is the base name of its input, or its path below the folder that was
    searched; with ``relative_to``, a folder, its path below that. Raises :class:`PlanError`.
    """
    counted = Counter() if left_out is None else left_out
    sources = each_source(
        named, listed=listed, recursive=recursive, output_dir=output_dir, left_out=counted
    )
    return list(sources if relative_to is None else placed_below(relative_to, sources))


def each_source(
    named: Iterable[str],
    *,
    listed: Iterable[str],
    recursive: bool,
    output_dir: str | None,
    left_out: Counter[str],
) -> Iterator[Source]:
    """Yield the input files of :func:`expand`, before they are placed, as they are found."""
    for name in named:
        if is_temporary(name):
            raise PlanError(
                f"{name} is an unfinished file, left by a process that was killed: remove it"
            )
        yield from _files_of(name, recursive, output_dir, left_out)
    for name in listed:
        if not is_temporary(name):
            # In a list "-" is the name of a file.
            path = os.path.join(os.curdir, name) if name == STREAM else name
            yield from _files_of(path, recursive, output_dir, left_out)


def _files_of(
    name: str, recursive: bool, output_dir: str | None, left_out: Counter[str]
) -> Iterable[Source]:
    if is_url(name):
        return _objects_of(name, recursive, output_dir, left_out)
    if name == STREAM or not os.path.isdir(name):
        return [Source(name, os.path.basename(name.rstrip(os.sep)))]
    if not recursive:
        raise PlanError(f"{name} is a folder: recursive=True takes the images in it")
    return _images_in(name, output_dir, left_out)


@cache
def _readable_extensions() -> frozenset[str]:
    from convcli.images import readable_extensions  # loads all of Pillow's plugins

    return readable_extensions()


def _objects_of(
    url: str, recursive: bool, output_dir: str | None, left_out: Counter[str]
) -> Iterable[Source]:
    """Return the object of a URL, or with ``recursive`` those below it.

    Stores have no folders: a URL is taken for one if it ends with a slash or names a bucket, or if
    ``recursive`` is given and it has no extension of a picture.
    """
    try:
        is_folder = not split_url(url)[1] or url.endswith("/")
    except ImageError as error:
        raise PlanError(f"{url}: {error}") from error
    if recursive and not is_folder:
        is_folder = os.path.splitext(url)[1].lower() not in _readable_extensions()
    if not is_folder:
        return [Source(url, url.rpartition("/")[2])]
    if not recursive:
        raise PlanError(f"{url} is a folder: recursive=True takes the images in it")
    return _objects_below(url.rstrip("/"), output_dir, left_out)


def _objects_below(root: str, output_dir: str | None, left_out: Counter[str]) -> Iterator[Source]:
    extensions = _readable_extensions()
    root = "/".join(filter(None, split_url(root)))
    start = len(root) + 1
    results = None if output_dir is None else f"{output_dir.rstrip('/')}/"
    results = None if results == f"{root}/" else results
    try:
        for entry in list_objects(root):
            if results is not None and entry.url.startswith(results):
                continue
            place = entry.url[start:]
            if place.startswith(".") or "/." in place:  # hidden
                continue
            if place[place.rfind(".") :].lower() in extensions:
                yield Source(entry.url, place, True, entry.size, entry.modified)
            else:
                left_out[os.path.splitext(place)[1].lower()] += 1
    except ImageError as error:
        raise PlanError(f"{root} cannot be listed: {error}") from error


def _images_in(root: str, output_dir: str | None, left_out: Counter[str]) -> Iterator[Source]:
    extensions = _readable_extensions()
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
            # A broken link is included, so that its error reports the missing picture.
            elif os.path.isfile(path) or not os.path.exists(path):
                yield Source(path, os.path.join(below, name), True)
            else:
                left_out[NOT_REGULAR] += 1


def placed_below(base: str, sources: Iterable[Source]) -> Iterator[Source]:
    """Yield the sources with their places below a folder. Raises :class:`PlanError`."""
    if is_url(base):
        yield from _placed_below_url(f"{base.rstrip('/')}/", sources)
        return
    if not os.path.isdir(base):
        raise PlanError(f"{base} is not a folder, so no place is relative to it")
    for source in sources:
        if source.path == STREAM:
            yield source
            continue
        if is_url(source.path):
            raise PlanError(f"{source.path} is not below {base}, which is no URL")
        folder, name = os.path.split(source.path.rstrip(os.sep))
        place = _below(os.path.abspath(folder), os.path.abspath(base))
        if place is None:  # either path may contain links
            place = _below(os.path.realpath(folder), os.path.realpath(base))
        if place is None:
            raise PlanError(
                f"{source.path} is not below {base}, so it has no place relative to that folder"
            )
        yield source._replace(place=os.path.normpath(os.path.join(place, name)))


def _placed_below_url(base: str, sources: Iterable[Source]) -> Iterator[Source]:
    for source in sources:
        if not source.path.startswith(base):
            raise PlanError(
                f"{source.path} is not below {base}, so it has no place relative to that folder"
            )
        place = source.path[len(base) :]
        yield Source(source.path, place, source.is_found, source.size, source.modified)


def _below(folder: str, base: str) -> str | None:
    """Return the path from ``base`` to ``folder``, both absolute; None if it is not below."""
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
    """Return the name of an input for messages."""
    return "standard input" if source == STREAM else source


@contextmanager
def contents(source: str) -> Iterator[str | bytes]:
    """Yield what an image is read from: the path, or the bytes of standard input or an object."""
    if source != STREAM and not is_url(source):
        yield source
        return
    try:
        yield read_object(source) if is_url(source) else read_standard_input()
    except ImageError as error:
        raise ImageError(f"{name_of(source)}: {error}") from error


@contextmanager
def opened(source: str) -> Iterator[str | bytes | BinaryIO]:
    """Yield what the header of an image is read from; of an object only the parts that are used."""
    if not is_url(source):
        with contents(source) as path_or_bytes:
            yield path_or_bytes
        return
    try:
        with opened_object(source) as file:
            yield file
    except ImageError as error:
        raise ImageError(f"{source}: {error}") from error
