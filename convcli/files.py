"""Writing a file so that it is whole or not there: a temporary beside it, flushed, then renamed."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from convcli.errors import ImageError

_TEMPORARY = re.compile(r"\.convcli-[0-9a-f]{16}(\.[^/]{0,15})?", re.DOTALL)


_unfinished: set[Path] = set()


def is_temporary(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file was a result in the making: what stays of a run that was killed."""
    return _TEMPORARY.fullmatch(os.path.basename(path)) is not None


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
    if os.path.isfile(target) and not overwrite:
        raise _exists(target)


@contextmanager
def replacing(target: Path, overwrite: bool) -> Iterator[BinaryIO]:
    """Give a file to write to, that takes the place of ``target`` once the block is through.

    Killed at any moment, ``target`` holds its old bytes or all of the new ones. After an error
    or an interrupt no temporary stays. A link is followed to the file it names; what is no
    regular file (a device, a pipe) is written to as it is. Raises :class:`ImageError`.
    """
    check_target(target, overwrite)
    try:
        if os.path.exists(target) and not os.path.isfile(target):
            with target.open("wb") as device:
                yield device
            return
        place = Path(os.path.realpath(target))
        # The extension tells an encoder its format.
        temporary = place.with_name(f".convcli-{os.urandom(8).hex()}{place.suffix[:16]}")
        _unfinished.add(temporary)
        try:
            # Created as open() would, so that the umask gives it a new file's permissions.
            with temporary.open("x+b") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            _put(temporary, place, overwrite)
        finally:
            temporary.unlink(missing_ok=True)
            _unfinished.discard(temporary)
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
