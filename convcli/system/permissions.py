"""Permissions of a file that takes the place of another: as wide as those it replaces, never wider.

Permission bits are kept; owner and group where the system allows it. Access control lists and
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
    """Return the mode to create a file with, before it is known who will own it."""
    if replaced is None or not _HAS_OWNERS:
        return _NEW
    return replaced.st_mode & stat.S_IRWXU


def hand_on(replaced: os.stat_result | None, number: int) -> None:
    """Give the open file ``number`` the owner, the group and the permission bits of ``replaced``.

    Where the group cannot be kept, group and others get what both had: the members of the new
    group may have been others before. A set-user-ID or set-group-ID bit goes with its owner or
    group.
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
    # After the owner: a change of that clears bits.
    with suppress(OSError):  # file systems without permissions
        os.fchmod(number, mode)
