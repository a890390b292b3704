"""Files that a command writes beside or instead of results: checked before any work."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

STREAM = "-"


def check_picture_target(target: str, *, format: str | None, overwrite: bool) -> None:
    """Refuse a picture file that could not be written. Raises ImageError and UsageError."""
    from convcli.images.formats import output_format
    from convcli.images.split_names import is_split
    from convcli.system.atomic_files import check_target

    if target == STREAM:
        if sys.stdout is not None and sys.stdout.isatty():
            raise click.UsageError("an image does not go to a terminal: use -o FILE, or a pipe")
        output_format(format or "png")
        return
    if is_split(Path(target)):
        raise click.UsageError(
            f"{target}: one picture is written, without {{channel}} or {{frame}}"
        )
    output_format(format or Path(target).suffix)
    if os.path.isdir(Path(target).parent):  # others are created when there is a result
        check_target(Path(target), overwrite)


def create_folder(folder: Path) -> None:
    """Create a folder with its parents. Raises ImageError."""
    from convcli.errors import ImageError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageError(f"the folder {folder} cannot be created: {error.strerror}") from error
