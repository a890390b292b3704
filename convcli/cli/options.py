"""Every option that commands share, declared once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from convcli.cli import completion
from convcli.cli.groups import option
from convcli.cli.values import Pad, SaveOption, WholeNumbers

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Command], Command]

_PAD_MODES = ("zeros", "reflect", "replicate", "circular")
_MODES = ("L", "RGB", "RGBA", "CMYK")
RANGES = ("clip", "abs", "rescale")


def several(*decorators: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Return the decorators as one, in the order in which help shall list them."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


_OVERRIDES = ("stride", "pad", "pad_mode", "dilation", "flip", "range", "preserve_alpha")


def split(given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what beats the filter file, and the rest: where and how to write."""
    overrides = {key: given[key] for key in _OVERRIDES if key in given}
    return overrides, {key: given[key] for key in given if key not in overrides}


images = click.argument("images", nargs=-1, metavar="IMAGE...", shell_complete=completion.files)

flip = option(
    "Filter",
    "--flip/--no-flip",
    default=None,
    help="Rotate the kernel by 180°: convolution as mathematics has it.  "
    "[default: the filter's, else no-flip]",
)


def geometry(*, pad: str) -> Callable[[Command], Command]:
    """Return the options of geometry; ``pad`` says what that option does in a command."""
    return several(
        option(
            "Borders and sizes",
            "-p",
            "--pad",
            type=Pad(),
            metavar="same|valid|N|Y,X|T,L,B,R",
            help=f"{pad}  [default: the filter's, else same]",
        ),
        option(
            "Borders and sizes",
            "--pad-mode",
            type=click.Choice(_PAD_MODES),
            help="How the picture goes on beyond its borders.  [default: the filter's, else zeros]",
        ),
        option(
            "Borders and sizes",
            "--dilation",
            type=WholeNumbers(1),
            metavar="N|Y,X",
            help="Distance between the taps of the kernel.  [default: the filter's, else 1]",
        ),
    )


pixels = several(
    option(
        "Colour and depth",
        "--mode",
        type=click.Choice(_MODES),
        help="Convert the picture before filtering.  [default: as it is]",
    ),
    option(
        "Colour and depth",
        "--range",
        type=click.Choice(RANGES),
        help="What becomes of values outside 0-1: cut off, absolute value, or stretched to fit.  "
        "[default: the filter's, else clip]",
    ),
    option(
        "Colour and depth",
        "--linear/--no-linear",
        default=False,
        show_default=True,
        help="Take sRGB colours to linear light before filtering, and back after.",
    ),
    option(
        "Colour and depth",
        "--preserve-alpha/--no-preserve-alpha",
        default=None,
        help="Filter colour alone, or weighted by transparency together with it.  "
        "[default: the filter's, else no-preserve-alpha]",
    ),
)

inputs = several(
    option(
        "Input",
        "-r",
        "--recursive",
        is_flag=True,
        help="Take the pictures of folders, and of the folders in them; -d gets the same tree.",
    ),
    option(
        "Input",
        "--files-from",
        metavar="FILE",
        shell_complete=completion.files,
        help="Take the files that FILE names, one a line; - is standard input.",
    ),
    option(
        "Input",
        "-0",
        "--null",
        is_flag=True,
        help="Names in --files-from end with NUL, not with lines.",
    ),
    option(
        "Input",
        "--frames",
        type=click.Choice(["all", "first"]),
        default="all",
        show_default=True,
        help="Of animations and multi-page files, take every frame or only the first.",
    ),
    option(
        "Input",
        "--max-pixels",
        type=click.IntRange(1),
        metavar="N",
        help="Refuse an image or a result with more pixels.  [default: 89478485]",
    ),
)

writing = several(
    option(
        "Output",
        "-o",
        "--output",
        metavar="FILE",
        shell_complete=completion.files,
        help="Where the result of one picture goes; - is standard output. {channel} and {frame} "
        "in the name write each to a file of its own.",
    ),
    option(
        "Output",
        "-d",
        "--output-dir",
        metavar="DIR",
        shell_complete=completion.folders,
        help="The folder for results of any number of pictures, under their names.",
    ),
    option(
        "Output",
        "--relative-to",
        metavar="DIR",
        shell_complete=completion.folders,
        help="With -d, results keep the path that their inputs have below DIR.",
    ),
    option(
        "Output",
        "--suffix",
        metavar="TEXT",
        help="Goes between name and extension of the results; without -d each is written beside "
        "its input.",
    ),
    option(
        "Output",
        "--format",
        metavar="NAME",
        shell_complete=completion.formats,
        help="Format of the results: png, jpg, tif, webp, npy, …  "
        "[default: by extension; on standard output the input's]",
    ),
    option(
        "Output",
        "--quality",
        type=click.IntRange(1, 100),
        help="Quality of JPEG, WebP and AVIF.  [default: 90 for JPEG]",
    ),
    option(
        "Output",
        "--save",
        type=SaveOption(),
        multiple=True,
        metavar="KEY=VALUE",
        help="An option of Pillow's encoder, such as compress_level=9 or lossless=true.",
    ),
    option(
        "Output",
        "--strip",
        is_flag=True,
        help="Leave out ICC profile, EXIF, XMP, resolution and text.  [default: keep them]",
    ),
)

running = several(
    option(
        "Batch",
        "--overwrite",
        is_flag=True,
        help="Replace results that exist.  [default: refuse]",
    ),
    option(
        "Batch",
        "--skip-existing",
        is_flag=True,
        help="Pass over an image whose result exists: do only what is missing.",
    ),
    option(
        "Batch",
        "--update",
        is_flag=True,
        help="Pass over an image whose result is newer, and replace an older one.",
    ),
    option(
        "Batch",
        "--strict",
        is_flag=True,
        help="Fail an image, and write nothing, where its result would lose something: what is "
        "a warning otherwise.",
    ),
    option(
        "Batch",
        "-j",
        "--jobs",
        type=click.IntRange(1, 1000),
        metavar="N",
        help="Images to work on at the same time.  [default: as many as processors]",
    ),
    option(
        "Batch",
        "--dry-run",
        is_flag=True,
        help="Print what would be written, and its size, from headers alone.",
    ),
    option(
        "Batch",
        "--report",
        metavar="FILE",
        shell_complete=completion.files,
        help="Write what became of each image to FILE, as JSON, one a line; - is standard output.",
    ),
    option(
        "Batch",
        "--progress/--no-progress",
        default=None,
        help="Show how far it is, on standard error.  [default: on a terminal]",
    ),
    option("Batch", "-q", "--quiet", is_flag=True, help="Say nothing but errors."),
)
