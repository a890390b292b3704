"""Permissions of a file that replaces another: never wider than those of the replaced file.

Permission bits are kept, and owner and group where the system allows it. Access control lists and
extended attributes are not kept.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

_NEW = 0o666  # less the umask
_HAS_OWNERS = hasattr(os, "fchown")  # Windows has none


def status(place: Path) -> os.stat_result | None:
    """Return the status of the regular file at ``place``, or None where there is none."""
    try:
        found = place.stat()
    except OSError:
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def first_mode(replaced: os.stat_result | None) -> int:
    """Return the mode to create a file with: for the owner alone until owner and group are set."""
    if replaced is None or not _HAS_OWNERS:
        return _NEW
    return replaced.st_mode & stat.S_IRWXU


def copy_permissions(replaced: os.stat_result | None, number: int) -> None:
    """Give the open file of descriptor ``number`` owner, group and permission bits of ``replaced``.

    Where the group cannot be kept, group and others get the bits that both had, since members of
    the new group may have counted as others before. The set-user-ID bit is kept only with the
    owner, the set-group-ID bit only with the group.
    """
    if replaced is None or not _HAS_OWNERS:
        return
    made = os.fstat(number)
    if made.st_gid != replaced.st_gid:
        with suppress(OSError):
            os.fchown(number, -1, replaced.st_gid)
    if made.st_uid != replaced.st_uid:
        with suppress(OSError):
            os.fchown(number, replaced.st_uid, -1)
    made, mode = os.fstat(number), stat.S_IMODE(replaced.st_mode)
    if made.st_uid != replaced.st_uid:
        mode &= ~stat.S_ISUID
    if made.st_gid != replaced.st_gid:
        shared = mode >> 3 & mode & stat.S_IRWXO
        mode = mode & ~(stat.S_ISGID | stat.S_IRWXG | stat.S_IRWXO) | shared << 3 | shared
    # After the owner: changing the owner clears bits.
    with suppress(OSError):  # file systems without permissions
        os.fchmod(number, mode)
