"""``{channel}`` and ``{frame}`` in the name of a result: one file for each channel or frame."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

from convcli.system.atomic_files import check_target

CHANNEL = "{channel}"
FRAME = "{frame}"

_FIELDS = re.compile(f"({re.escape(CHANNEL)}|{re.escape(FRAME)})")

_MOST_DIGITS = 6
"""Digits of the greatest number of a channel (a filter has up to a million weights) or frame."""


def is_split(target: Path) -> bool:
    """Return whether ``target`` names several files; fields in names of folders do not count."""
    return has_channels(target) or has_frames(target)


def may_be_split(target: str) -> bool:
    """Return whether :func:`is_split` may hold of a path; fast, because it is not parsed."""
    return CHANNEL in target or FRAME in target


def has_channels(target: Path) -> bool:
    """Return whether ``target`` names a file for each channel."""
    return CHANNEL in target.name


def has_frames(target: Path) -> bool:
    """Return whether ``target`` names a file for each frame or page."""
    return FRAME in target.name


def part_targets(target: Path, channels: Sequence[int]) -> list[Path]:
    """Return the file of each channel of each frame, frame by frame.

    ``channels`` has the number of channels of each frame. Channels and frames are numbered from 0,
    with leading zeros, so that names sort by number.
    """
    frame_digits, digits = len(str(len(channels) - 1)), len(str(max(channels) - 1))
    return [
        _numbered(target, f"{number:0{digits}}", f"{frame:0{frame_digits}}")
        for frame, count in enumerate(channels)
        for number in range(count)
    ]


def existing(target: Path) -> Path | None:
    """Return ``target``, or the file of its first part, if it exists, or None."""
    if is_split(target):
        return next((first for first in first_parts(target) if os.path.isfile(first)), None)
    return target if os.path.isfile(target) else None


def check_output(target: Path, overwrite: bool) -> None:
    """Raise an ImageError if ``target``, or its first part, cannot be written."""
    check_target(existing(target) or target, overwrite)


def prefix(name: str) -> str:
    """Return the part of ``name`` before its first field."""
    return _FIELDS.split(name, maxsplit=1)[0]


def names_of(name: str) -> re.Pattern[str]:
    """Return a pattern that matches every file name that ``name`` can become."""
    seen: set[str] = set()
    parts = []
    for part in _FIELDS.split(name):
        if not _FIELDS.fullmatch(part):
            parts.append(re.escape(part))
        elif part in seen:
            parts.append(f"(?P={part[1:-1]})")
        else:
            parts.append(f"(?P<{part[1:-1]}>[0-9]{{1,{_MOST_DIGITS}}})")
            seen.add(part)
    return re.compile("".join(parts), re.DOTALL)


def first_name(name: str) -> str:
    """Return the file name of the first part, if there are up to ten of them."""
    return _FIELDS.sub("0", name)


def first_parts(target: Path) -> Iterator[Path]:
    """Yield the names that the first of the parts of ``target`` may have."""
    zeros = ["0" * digits for digits in range(1, _MOST_DIGITS + 1)]
    for channel, frame in product(
        zeros if has_channels(target) else [""], zeros if has_frames(target) else [""]
    ):
        yield _numbered(target, channel, frame)


def _numbered(target: Path, channel: str, frame: str) -> Path:
    return target.with_name(target.name.replace(CHANNEL, channel).replace(FRAME, frame))
