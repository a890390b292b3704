"""Writing files atomically: to a temporary file in the same folder, flushed, then renamed."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from io import BufferedRandom, BytesIO, FileIO, UnsupportedOperation
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from convcli.errors import ExistsError, ImageError
from convcli.system.permissions import copy_permissions, first_mode, status
from convcli.system.signals import at_termination

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

_TEMPORARY = re.compile(r"\.convcli-[0-9a-f]{16}(\.[^/]{0,15})?", re.DOTALL)

_unfinished: set[Path] = set()


def is_temporary(path: str | os.PathLike[str]) -> bool:
    """Return whether a name is that of a temporary file, such as a killed process leaves behind."""
    return _TEMPORARY.fullmatch(os.path.basename(path)) is not None


def discard_unfinished() -> None:
    """Remove the temporary files of this process, which is about to terminate."""
    for temporary in list(_unfinished):
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


at_termination(discard_unfinished)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unfinished.clear)  # they belong to the parent


def check_target(target: Path, overwrite: bool) -> None:
    """Raise an ImageError if ``target`` cannot be written, as far as names and folders show."""
    if "\0" in str(target):
        raise ImageError(f"{str(target)!r} is not a valid file name: it contains a zero byte")
    if os.path.isdir(target):
        raise ImageError(f"{target} is a folder: name a file in it")
    if not os.path.isdir(target.parent):
        raise ImageError(f"the folder {target.parent} does not exist: create it first")
    if os.path.isfile(target) and not overwrite:
        raise exists(target)


@contextmanager
def replacing(target: Path, overwrite: bool) -> Iterator[BinaryIO]:
    """Yield a file to write to, which replaces ``target`` when the block ends.

    If the process is killed, ``target`` holds either all old or all new bytes. After an error or
    an interrupt no temporary file is left. The new file keeps the permissions of the one that it
    replaces (see :mod:`convcli.system.permissions`), or else has those of the umask. Other hard
    links to the old file keep the old bytes; a symbolic link is followed. Devices and pipes are
    not replaced: all bytes are written to them when the block ends. Raises :class:`ImageError`.
    """
    check_target(target, overwrite)
    with _errors_naming(target):
        if os.path.exists(target) and not os.path.isfile(target):
            buffer = BytesIO()  # encoders seek; devices may not
            yield buffer
            _write_device(buffer, target)
            return
        with _temporary(target) as (temporary, place):
            with _written(temporary, place) as file:
                yield file
            _put(temporary, place, overwrite)


def replace_all(
    targets: Sequence[Path], overwrite: bool, write: Callable[[int, BinaryIO], None]
) -> None:
    """Write several files, each by ``write(number, file)``, and replace all targets at the end.

    After an error before that every target is unchanged. Raises :class:`ImageError`.
    """
    for target in targets:
        check_target(target, overwrite)
        if os.path.exists(target) and not os.path.isfile(target):
            raise ImageError(
                f"{target} is not a regular file, so it cannot be replaced: choose another name"
            )
    with ExitStack() as stack:
        ready = []
        for number, target in enumerate(targets):
            with _errors_naming(target):
                ready.append((target, *stack.enter_context(_temporary(target))))
                with _written(*ready[-1][1:]) as file:
                    write(number, file)
        for target, temporary, place in ready:
            with _errors_naming(target):
                _put(temporary, place, overwrite)


@contextmanager
def _temporary(target: Path) -> Iterator[tuple[Path, Path]]:
    """Yield the path of a temporary file, removed after the block, and that of the file to replace.

    The latter is ``target`` with symbolic links resolved.
    """
    place = Path(os.path.realpath(target))
    # Encoders choose the format by the extension.
    temporary = place.with_name(f".convcli-{os.urandom(8).hex()}{place.suffix[:16]}")
    _unfinished.add(temporary)
    try:
        yield temporary, place
    finally:
        temporary.unlink(missing_ok=True)
        _unfinished.discard(temporary)


@contextmanager
def _written(temporary: Path, place: Path) -> Iterator[BinaryIO]:
    """Yield a new file, flushed to disk after the block, with the permissions of ``place``."""
    replaced = status(place)

    def create(path: str, flags: int) -> int:
        return os.open(path, flags, first_mode(replaced))

    with _Written(FileIO(str(temporary), "x+b", opener=create), _BUFFER) as file:
        number = file.raw.fileno()
        try:
            yield file
        except ImageError:
            _check_disk(number)
            raise
        file.flush()
        # The permissions may have changed while the new file was written.
        copy_permissions(status(place) or replaced, number)
        os.fsync(number)


@contextmanager
def _errors_naming(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ImageError(f"{target} cannot be written: {error.strerror or error}") from error


def _write_device(buffer: BytesIO, device: Path) -> None:
    with device.open("wb") as file:
        if file.isatty():
            raise ImageError(f"{device} is a terminal, and an image does not go to one")
        file.write(buffer.getbuffer())


_BUFFER = 1 << 20
"""Bytes that are written at once: Pillow's encoder of uncompressed files gives 64 KB."""
_WRITTEN_BACK = 8 << 20
"""Bytes of a file after which the system is asked to begin to write them to the disk."""


class _Written(BufferedRandom):
    """A file without fileno(), so that encoders write by write().

    Pillow's encoders write to a descriptor directly, and on a full disk ignore the short write, or
    repeat it for ever.

    Large files go to the disk while the rest is encoded, so that the flush at the end has less to
    wait for. Linux begins to write the dirty pages of a range that is said to be of no more use; it
    forgets only those that the disk has already (posix_fadvise(2)).
    """

    _count = _begun = 0

    def write(self, data: Buffer) -> int:
        written = super().write(data)
        self._count += written
        if self._count - self._begun >= _WRITTEN_BACK and hasattr(os, "posix_fadvise"):
            size = self._count - self._begun
            with suppress(OSError):  # of file systems that do not know it
                os.posix_fadvise(self.raw.fileno(), self._begun, size, os.POSIX_FADV_DONTNEED)
            self._begun = self._count
        return written

    def fileno(self) -> int:
        raise UnsupportedOperation("this file has no descriptor for encoders")


def _check_disk(number: int) -> None:
    """Raise the OSError of a full disk, if it is full: encoders do not report why they failed."""
    os.write(number, bytes(1 << 20))
    os.fsync(number)


def _put(temporary: Path, place: Path, overwrite: bool) -> None:
    if overwrite:
        temporary.replace(place)
        return
    try:
        # Unlike a rename, a link fails if a file of that name has been created meanwhile.
        os.link(temporary, place)
    except FileExistsError:
        raise exists(place) from None
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
            raise
        if os.path.exists(place):
            raise exists(place) from None
        temporary.replace(place)


def exists(target: str | os.PathLike[str]) -> ImageError:
    """Return the error for a target that exists."""
    return ExistsError(f"{target} exists already: choose another name, or give overwrite=True")
