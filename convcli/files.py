"""Writing a file so that it is whole or not there: a temporary beside it, flushed, then renamed."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from convcli.channels import existing
from convcli.errors import ImageError

TEMPORARY_PREFIX = ".convcli-"


_unfinished: set[Path] = set()


def discard_unfinished() -> None:
    """Remove the temporaries of this process, which is about to end without notice."""
    for temporary in list(_unfinished):
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def check_target(target: Path, overwrite: bool) -> None:
    """Raise an ImageError if ``target`` could not be written; the disk may still say so later."""
    if os.path.isdir(target):
        raise ImageError(f"{target} is a folder: name a file in it")
    if not os.path.isdir(target.parent):
        raise ImageError(f"the folder {target.parent} does not exist: create it first")
    there = existing(target)
    if there is not None and not overwrite:
        raise _exists(there)


@contextmanager
def replacing(target: Path, overwrite: bool) -> Iterator[BinaryIO]:
    """Give a file to write to, that takes the place of ``target`` once the block is through.

    Killed at any moment, ``target`` holds its old bytes or all of the new ones. After an error
    or an interrupt no temporary stays. A link is followed to the file it names; what is no
    regular file (a device, a pipe) is written to as it is. Raises :class:`ImageError`.
    """
    check_target(target, overwrite)
    with _told(target):
        if os.path.exists(target) and not os.path.isfile(target):
            with target.open("wb") as device:
                yield device
            return
        with _temporary(target) as (temporary, place):
            with _written(temporary) as file:
                yield file
            _put(temporary, place, overwrite)


def replace_all(
    targets: Sequence[Path], overwrite: bool, write: Callable[[int, BinaryIO], None]
) -> None:
    """Fill each of several files by ``write(number, file)``; all take their places at the end.

    An error before that leaves every target as it was. Raises :class:`ImageError`.
    """
    for target in targets:
        check_target(target, overwrite)
        if os.path.exists(target) and not os.path.isfile(target):
            raise ImageError(f"{target} is no file that could be replaced: choose another name")
    with ExitStack() as stack:
        ready = []
        for number, target in enumerate(targets):
            with _told(target):
                ready.append((target, *stack.enter_context(_temporary(target))))
                with _written(ready[-1][1]) as file:
                    write(number, file)
        for target, temporary, place in ready:
            with _told(target):
                _put(temporary, place, overwrite)


@contextmanager
def _temporary(target: Path) -> Iterator[tuple[Path, Path]]:
    """Give the name of a temporary, gone after the block, and the file behind links to replace."""
    place = Path(os.path.realpath(target))
    temporary = place.with_name(f"{TEMPORARY_PREFIX}{os.urandom(8).hex()}{place.suffix[:16]}")
    _unfinished.add(temporary)
    try:
        yield temporary, place
    finally:
        temporary.unlink(missing_ok=True)
        _unfinished.discard(temporary)


@contextmanager
def _written(temporary: Path) -> Iterator[BinaryIO]:
    """Give a new file, on disk after the block."""
    # Created as open() would, so that the umask gives it a new file's permissions.
    with temporary.open("x+b") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _told(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ImageError(f"{target} cannot be written: {error.strerror or error}") from error


def _put(temporary: Path, place: Path, overwrite: bool) -> None:
    if overwrite:
        temporary.replace(place)
        return
    try:
        # Unlike a rename, a link fails where a file of that name has come up meanwhile.
        os.link(temporary, place)
    except FileExistsError:
        raise _exists(place) from None
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
            raise
        if os.path.exists(place):
            raise _exists(place) from None
        temporary.replace(place)


def _exists(target: Path) -> ImageError:
    return ImageError(f"{target} exists already: choose another name, or --overwrite to replace it")
