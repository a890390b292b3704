"""``{channel}`` in the name of a result: one file for each channel."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from convcli.system.atomic_files import check_target

CHANNEL = "{channel}"

_MOST_DIGITS = 6
"""Digits of the last channel's number, where a filter can have a million weights."""


def is_split(target: Path) -> bool:
    """Tell whether ``target`` stands for a file a channel. Folders are taken as they are called."""
    return CHANNEL in target.name


def channel_targets(target: Path, channels: int) -> list[Path]:
    """Return where each channel goes: numbered from 0, all as long, so that they sort."""
    digits = len(str(channels - 1))
    return [_numbered(target, f"{number:0{digits}}") for number in range(channels)]


def existing(target: Path) -> Path | None:
    """Return ``target`` if there is such a file, or that of its first channel, or None."""
    if is_split(target):
        firsts = (_numbered(target, "0" * digits) for digits in range(1, _MOST_DIGITS + 1))
        return next((first for first in firsts if os.path.isfile(first)), None)
    return target if os.path.isfile(target) else None


def check_output(target: Path, overwrite: bool) -> None:
    """Raise an ImageError if ``target``, or its first channel, could not be written."""
    check_target(existing(target) or target, overwrite)


def split_names(name: str) -> Iterator[str]:
    """Give every name with ``{channel}`` for which ``name`` can stand."""
    for digits in re.finditer("[0-9]+", name):
        for start in range(digits.start(), digits.end()):
            for stop in range(start + 1, min(digits.end(), start + _MOST_DIGITS) + 1):
                yield name[:start] + CHANNEL + name[stop:]


def _numbered(target: Path, number: str) -> Path:
    return target.with_name(target.name.replace(CHANNEL, number))
