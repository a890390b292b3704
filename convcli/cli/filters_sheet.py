"""``convcli filters sheet``: many filters on one picture, on one page."""

from __future__ import annotations

import gc
import sys
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convcli.cli import completion
from convcli.cli.flags import in_flags
from convcli.cli.groups import GroupedCommand, option
from convcli.cli.options import max_pixels, quality, several
from convcli.cli.targets import STREAM, check_picture_target, create_folder
from convcli.cli.terminal import Messages

if TYPE_CHECKING:
    from convcli.filters import Filter
    from convcli.images import Picture

EPILOG = """\b
Examples:
  convcli filters sheet photo.jpg -o sheet.png
  convcli filters sheet -f sharpen -f gaussian:sigma=2 -f my-filter.json photo.jpg -o three.png
"""

SHEET_WIDTH = 1600

writing = several(
    option(
        "Output",
        "-o",
        "--output",
        required=True,
        metavar="FILE",
        shell_complete=completion.files,
        help="Where the sheet goes; - is standard output.",
    ),
    option(
        "Output",
        "--width",
        type=click.IntRange(200, 10_000),
        default=SHEET_WIDTH,
        show_default=True,
        metavar="N",
        help="Pixels that the sheet is wide at most; its height is 5/8 of that at most.",
    ),
    option(
        "Output",
        "--format",
        metavar="NAME",
        shell_complete=completion.formats,
        help="Format of the sheet.  [default: by extension; png on standard output]",
    ),
    quality,
    option(
        "Output",
        "--overwrite",
        is_flag=True,
        help="Replace a sheet that exists.  [default: refuse]",
    ),
    option(
        "Output",
        "--progress/--no-progress",
        default=None,
        help="Show a progress bar on standard error.  [default: on a terminal]",
    ),
    option("Output", "-q", "--quiet", is_flag=True, help="Print errors only."),
)


@click.command(cls=GroupedCommand, epilog=EPILOG)
@click.argument("picture", shell_complete=completion.files)
@option(
    "Filter",
    "-f",
    "--filter",
    "filters",
    multiple=True,
    metavar="NAME|FILE|KIND",
    shell_complete=completion.filters,
    help="A filter to show, repeatable.  [default: every bundled filter]",
)
@option(
    "Colour and depth",
    "--linear/--no-linear",
    default=False,
    show_default=True,
    help="Convert sRGB colours to linear light before filtering, and back after.",
)
@max_pixels("Refuse a picture with more pixels.")
@writing
def sheet(
    picture: str,
    filters: tuple[str, ...],
    linear: bool,
    max_pixels: int | None,
    width: int,
    progress: bool | None,
    quiet: bool,
    **given: Any,
) -> None:
    """Show filters side by side: each on PICTURE, with its name, on one page.

    The picture is reduced to a thumbnail first, then filtered, so that the sheet shows what each
    filter does to the pixels that are seen; of an animation it is the first frame. A filter with
    more outputs than colours is shown as feature maps, each stretched to its own min and max.
    """
    from convcli.cli.filter_values import named_filters
    from convcli.errors import ConvcliError
    from convcli.filters.bundled import bundled_filters
    from convcli.system.memory import keep_memory
    from convcli.system.signals import end_without_delay

    gc.freeze()
    gc.enable()
    keep_memory()
    end_without_delay()
    check_picture_target(given["output"], format=given["format"], overwrite=given["overwrite"])
    chosen = named_filters(filters or tuple(bundled_filters()), [picture])
    with Messages(len(chosen), quiet=quiet, progress=progress) as messages:
        try:
            page = _page(picture, chosen, linear, max_pixels, width, messages)
            _write(page, **given)
        except ConvcliError as error:
            messages.error(in_flags(str(error)))
            raise click.exceptions.Exit(1) from error


def _page(
    picture: str,
    filters: list[Filter],
    linear: bool,
    max_pixels: int | None,
    width: int,
    messages: Messages,
) -> Picture:
    from convcli.drawing.sheet import contact_sheet
    from convcli.system.thread_warnings import collect_warnings

    texts: list[str] = []
    try:
        with collect_warnings(texts):
            return contact_sheet(
                _read(picture, max_pixels),
                filters,
                linear=linear,
                width=width,
                advance=messages.advance,
            )
    finally:
        for text in dict.fromkeys(texts):
            messages.warning(picture, in_flags(text))


def _read(picture: str, max_pixels: int | None) -> Picture:
    from convcli.images import read_image

    source: str | bytes = picture if picture != STREAM else sys.stdin.buffer.read()
    found = read_image(source, frames="first", max_pixels=max_pixels)
    if found.frames[0].mode == "CMYK":
        found = read_image(source, mode="RGB", frames="first", max_pixels=max_pixels)
    return found


def _write(
    page: Picture, *, output: str, format: str | None, quality: int | None, overwrite: bool
) -> None:
    from convcli.images import write_image

    if output == STREAM:
        file = BytesIO()
        write_image(page, file, format=format or "png", quality=quality)
        click.echo(file.getvalue(), nl=False)
        return
    create_folder(Path(output).parent)
    write_image(page, output, format=format, quality=quality, overwrite=overwrite)
