"""Every option that commands share: declared once, with the form its value takes beside it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import click

from convcli.cli import completion
from convcli.cli.groups import option

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Command], Command]

if TYPE_CHECKING:
    Converter = click.ParamType[Any]
else:  # generic only since Click 8.4
    Converter = click.ParamType

_PAD_MODES = ("zeros", "reflect", "replicate", "circular")
_MODES = ("L", "RGB", "RGBA", "CMYK")
_RANGES = ("clip", "abs", "rescale")


class WholeNumbers(Converter):
    """One whole number or two, ``N`` or ``Y,X``, each of at least ``least``."""

    def __init__(self, least: int) -> None:
        self.least = least
        self.name = "N|Y,X"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | tuple[int, ...]:
        """Return an int or (y, x); a usage error for anything else."""
        numbers = _numbers(value)
        if numbers is None or len(numbers) > 2 or min(numbers) < self.least:
            self.fail(f"{value!r} is not N or Y,X, whole numbers from {self.least} up", param, ctx)
        return numbers[0] if len(numbers) == 1 else numbers


class Pad(Converter):
    """``same``, ``valid``, ``N``, ``Y,X`` or ``T,L,B,R``."""

    name = "PAD"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | int | tuple[int, ...]:
        """Return the pad as the kernel takes it; a usage error for anything else."""
        if value in ("same", "valid"):
            return str(value)
        numbers = _numbers(value)
        if numbers is None or len(numbers) not in (1, 2, 4) or min(numbers) < 0:
            self.fail(f"{value!r} is not same, valid, N, Y,X or T,L,B,R", param, ctx)
        return numbers[0] if len(numbers) == 1 else numbers


class SaveOption(Converter):
    """``KEY=VALUE`` for an encoder; the value a number, true, false, or text."""

    name = "KEY=VALUE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        """Return (key, value); a usage error where there is no ``=``."""
        key, equals, text = str(value).partition("=")
        if not key.isidentifier() or not equals:
            self.fail(f"{value!r} is not KEY=VALUE", param, ctx)
        if text.lower() in ("true", "false"):
            return key, text.lower() == "true"
        for number in (int, float):
            with suppress(ValueError):
                return key, number(text)
        return key, text


def _numbers(value: str) -> tuple[int, ...] | None:
    parts = str(value).split(",")
    # int() would also take " 1", "1_0" and other scripts' digits; nine digits are plenty.
    if all(part.isascii() and part.isdigit() and len(part) <= 9 for part in parts):
        return tuple(int(part) for part in parts)
    return None


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
        type=click.Choice(_RANGES),
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
