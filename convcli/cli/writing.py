"""Text that a command writes: to a file, or to standard output."""

from __future__ import annotations

from pathlib import Path

import click

from convcli.cli.targets import create_folder


def write_text(text: str, output: str | None, overwrite: bool) -> None:
    """Write ``text`` to the file ``output``, creating its folder; without one, or to -, print it.

    Raises :class:`ImageError` where the file exists and ``overwrite`` is false.
    """
    if output is None or output == "-":
        click.echo(text, nl=False)
        return
    from convcli.system.atomic_files import replacing

    create_folder(Path(output).parent)
    with replacing(Path(output), overwrite) as file:
        file.write(text.encode())
