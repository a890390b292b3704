"""The options that commands share, each declared once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from convcli.cli import completion
from convcli.cli.groups import option
from convcli.cli.values import Pad, SaveOption, Shard, WholeNumbers

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Command], Command]

_PAD_MODES = ("zeros", "reflect", "replicate", "circular")
_MODES = ("L", "RGB", "RGBA", "CMYK")
RANGES = ("clip", "abs", "rescale", "rescale-channels")


def several(*decorators: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Return the decorators as one, in the order in which help lists them."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


def frames(help: str) -> Callable[[Any], Any]:
    """Return the option --frames."""
    return option(
        "Input",
        "--frames",
        type=click.Choice(["all", "first"]),
        default="all",
        show_default=True,
        help=help,
    )


def max_pixels(help: str) -> Callable[[Any], Any]:
    """Return the option --max-pixels; Pillow's default is added to ``help``."""
    return option(
        "Input",
        "--max-pixels",
        type=click.IntRange(1),
        metavar="N",
        help=f"{help}  [default: 89478485]",
    )


quality = option(
    "Output",
    "--quality",
    type=click.IntRange(1, 100),
    help="Quality of JPEG, WebP and AVIF.  [default: that of a JPEG source, else 90 for JPEG]",
)
"""The option --quality."""


_OVERRIDES = ("stride", "pad", "pad_mode", "dilation", "flip", "range", "preserve_alpha")


def split(given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options that override the filter file, and the others."""
    overrides = {key: given[key] for key in _OVERRIDES if key in given}
    return overrides, {key: given[key] for key in given if key not in overrides}


images = click.argument("images", nargs=-1, metavar="IMAGE...", shell_complete=completion.files)

flip = option(
    "Filter",
    "--flip/--no-flip",
    default=None,
    help="Rotate the kernel by 180°: convolution as defined in mathematics.  "
    "[default: the filter's, else no-flip]",
)


def geometry(
    *,
    pad: str,
    pad_mode: str = "How the picture continues past its borders.  "
    "[default: the filter's, else zeros]",
) -> Callable[[Command], Command]:
    """Return the options of geometry; the texts say what those options do in a command."""
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
            help=pad_mode,
        ),
        option(
            "Borders and sizes",
            "--dilation",
            type=WholeNumbers(1),
            metavar="N|Y,X",
            help="Distance between the taps of the kernel.  [default: the filter's, else 1]",
        ),
    )


value_range = option(
    "Colour and depth",
    "--range",
    type=click.Choice(RANGES),
    help="Map values outside 0-1: clip them, take absolute values, or rescale min and max to 0 "
    "and 1, of the picture or of each channel.  [default: the filter's, else clip]",
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
        "--profile",
        type=click.Choice(("keep", "srgb")),
        default="keep",
        show_default=True,
        help="Keep colours and ICC profile, or convert to sRGB by the profile and drop it.",
    ),
    option(
        "Colour and depth",
        "--depth",
        type=click.Choice(("8", "16", "float")),
        help="Depth of the result; float is neither rounded, nor clipped or rescaled.  "
        "[default: the picture's]",
    ),
    option(
        "Colour and depth",
        "--linear/--no-linear",
        default=False,
        show_default=True,
        help="Convert sRGB colours to linear light before filtering, and back after.",
    ),
    option(
        "Colour and depth",
        "--preserve-alpha/--no-preserve-alpha",
        default=None,
        help="Filter colour alone, or premultiplied colour together with alpha.  "
        "[default: the filter's, else no-preserve-alpha]",
    ),
)

inputs = several(
    option(
        "Input",
        "-r",
        "--recursive",
        is_flag=True,
        help="Process the pictures in folders and their subfolders; -d gets the same tree.",
    ),
    option(
        "Input",
        "--files-from",
        metavar="FILE",
        shell_complete=completion.files,
        help="Process the files that FILE lists, one a line; - is standard input.",
    ),
    option(
        "Input",
        "-0",
        "--null",
        is_flag=True,
        help="Names in --files-from end with NUL instead of a line feed.",
    ),
    frames("Process every frame of animations and multi-page files, or only the first."),
    max_pixels("Refuse an image or a result with more pixels."),
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
        help="Add TEXT between name and extension of each result; without -d results are written "
        "beside their inputs.",
    ),
    option(
        "Output",
        "--format",
        metavar="NAME",
        shell_complete=completion.formats,
        help="Format of the results: png, jpg, tif, webp, npy, …  "
        "[default: by extension; on standard output the input's]",
    ),
    quality,
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
        help="Skip images whose result exists.",
    ),
    option(
        "Batch",
        "--update",
        is_flag=True,
        help="Skip images whose result is newer, and replace older results.",
    ),
    option(
        "Batch",
        "--strict",
        is_flag=True,
        help="Treat warnings as errors: an image whose result would lose something fails, and "
        "nothing is written.",
    ),
    option(
        "Batch",
        "-j",
        "--jobs",
        type=click.IntRange(1, 1000),
        metavar="N",
        help="Images to process in parallel.  [default: the number of processors]",
    ),
    option(
        "Batch",
        "--shard",
        type=Shard(),
        metavar="I/N",
        help="Process the I-th of N parts alone, chosen by a hash of each path.",
    ),
    option(
        "Batch",
        "--cluster",
        metavar="ADDRESS",
        help="Process on the workers of the Dask scheduler at ADDRESS; -j has no effect.",
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
        help="Write the outcome of each image to FILE, a JSON object a line; - is standard output.",
    ),
    option(
        "Batch",
        "--progress/--no-progress",
        default=None,
        help="Show progress on standard error.  [default: on a terminal]",
    ),
    option("Batch", "-q", "--quiet", is_flag=True, help="Show errors only."),
)
