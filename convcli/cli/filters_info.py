"""``convcli filters info``: what a filter does, and what it costs."""

from __future__ import annotations

from pathlib import Path

import click

from convcli.cli import completion
from convcli.cli.groups import GroupedCommand, option
from convcli.cli.targets import STREAM, check_picture_target, create_folder

EPILOG = """\b
Examples:
  convcli filters info sharpen
  convcli filters info gaussian:sigma=12
  convcli filters info my-filter.json --picture my-filter.png
"""


@click.command(cls=GroupedCommand, epilog=EPILOG)
@click.argument("name", metavar="NAME|FILE|KIND", shell_complete=completion.filters)
@option(
    "Output",
    "--picture",
    metavar="FILE",
    shell_complete=completion.files,
    help="Draw the kernel, and beside it the gain at every frequency.",
)
@option(
    "Output",
    "--overwrite",
    is_flag=True,
    help="Replace a picture that exists.  [default: refuse]",
)
def info(name: str, picture: str | None, overwrite: bool) -> None:
    """Describe a filter: what it does to flat areas, ramps and waves, and how it is computed."""
    from convcli.cli.filter_text import info_lines
    from convcli.cli.filter_values import named_filters
    from convcli.cli.terminal import printable

    if picture == STREAM:
        raise click.UsageError("standard output has the text: give --picture a file")
    if picture is not None:
        check_picture_target(picture, format=None, overwrite=overwrite)
    (filter,) = named_filters([name])
    lines = info_lines(filter)
    if picture is not None:
        from convcli.drawing.kernels import filter_picture
        from convcli.images import write_image

        create_folder(Path(picture).parent)
        write_image(filter_picture(filter), picture, overwrite=overwrite)
    for line in lines:
        click.echo(printable(line))
