"""Writing a file so that it is whole or not there: a temporary beside it, flushed, then renamed."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from io import BufferedRandom, BytesIO, FileIO, UnsupportedOperation
from pathlib import Path
from typing import BinaryIO

from convcli.errors import ExistsError, ImageError
from convcli.system.permissions import first_mode, hand_on, status
from convcli.system.signals import before_the_end

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


before_the_end(discard_unfinished)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unfinished.clear)  # they are the parent's


def check_target(target: Path, overwrite: bool) -> None:
    """Raise an ImageError if ``target`` could not be written; the disk may still say so later."""
    if "\0" in str(target):
        raise ImageError(f"{str(target)!r} is no name that a file can have: it holds a zero byte")
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
    or an interrupt no temporary stays. A file that is replaced hands on its permissions (see
    :mod:`convcli.system.permissions`); a new one has those that the umask leaves. Of several hard
    links to a file only ``target`` has the new bytes; a symbolic link is followed to the file it
    names. What is no regular file (a device, a pipe) is written to as it is, once all is there.
    Raises :class:`ImageError`.
    """
    check_target(target, overwrite)
    with _told(target):
        if os.path.exists(target) and not os.path.isfile(target):
            buffer = BytesIO()  # encoders seek; devices may not
            yield buffer
            _send(buffer, target)
            return
        with _temporary(target) as (temporary, place):
            with _written(temporary, place) as file:
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
                with _written(*ready[-1][1:]) as file:
                    write(number, file)
        for target, temporary, place in ready:
            with _told(target):
                _put(temporary, place, overwrite)


@contextmanager
def _temporary(target: Path) -> Iterator[tuple[Path, Path]]:
    """Give the name of a temporary, gone after the block, and the file behind links to replace."""
    place = Path(os.path.realpath(target))
    # The extension tells an encoder its format.
    temporary = place.with_name(f".convcli-{os.urandom(8).hex()}{place.suffix[:16]}")
    _unfinished.add(temporary)
    try:
        yield temporary, place
    finally:
        temporary.unlink(missing_ok=True)
        _unfinished.discard(temporary)


@contextmanager
def _written(temporary: Path, place: Path) -> Iterator[BinaryIO]:
    """Give a new file, on disk after the block, with the permissions of the one at ``place``."""
    replaced = status(place)

    def create(path: str, flags: int) -> int:
        return os.open(path, flags, first_mode(replaced))

    with _Numberless(FileIO(str(temporary), "x+b", opener=create)) as file:
        number = file.raw.fileno()
        try:
            yield file
        except ImageError:
            _ask_the_disk(number)
            raise
        file.flush()
        # What was allowed of it may have changed while its successor was written.
        hand_on(status(place) or replaced, number)
        os.fsync(number)


@contextmanager
def _told(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ImageError(f"{target} cannot be written: {error.strerror or error}") from error


def _send(buffer: BytesIO, device: Path) -> None:
    with device.open("wb") as file:
        if file.isatty():
            raise ImageError(f"{device} is a terminal, and an image does not go to one")
        file.write(buffer.getbuffer())


class _Numberless(BufferedRandom):
    """A file whose number is hidden, so that everything comes through write().

    Pillow's encoders write to a number by themselves, and take no notice where a full disk cuts
    that short, or do so for ever.
    """

    def fileno(self) -> int:
        raise UnsupportedOperation("the number of this file is not for encoders")


def _ask_the_disk(number: int) -> None:
    """Raise an OSError if no more can be written: encoders know that they failed, and not why."""
    os.write(number, bytes(1 << 20))
    os.fsync(number)


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
    return ExistsError(f"{target} exists already: choose another name, or give overwrite=True")
