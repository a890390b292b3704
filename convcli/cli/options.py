"""Every option that commands share: declared once, with the form its value takes beside it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import click

from convcli.cli import completion

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Command], Command]

if TYPE_CHECKING:
    Converter = click.ParamType[Any]
else:  # generic only since Click 8.4
    Converter = click.ParamType

_PAD_MODES = ("zeros", "reflect", "replicate", "circular")
_MODES = ("L", "RGB", "RGBA", "CMYK")
RANGES = ("clip", "abs", "rescale")


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

geometry = several(
    click.option(
        "-p",
        "--pad",
        type=Pad(),
        metavar="same|valid|N|Y,X|T,L,B,R",
        help="Rows and columns added around the picture.  [default: the filter's, else same]",
    ),
    click.option(
        "--pad-mode",
        type=click.Choice(_PAD_MODES),
        help="What those show.  [default: the filter's, else zeros]",
    ),
    click.option(
        "--dilation",
        type=WholeNumbers(1),
        metavar="N|Y,X",
        help="Distance between the taps of the kernel.  [default: the filter's, else 1]",
    ),
    click.option(
        "--flip/--no-flip",
        default=None,
        help="Rotate the kernel by 180°: convolution as mathematics has it.  "
        "[default: the filter's, else no-flip]",
    ),
)

pixels = several(
    click.option(
        "--mode",
        type=click.Choice(_MODES),
        help="Convert the picture before filtering.  [default: as it is]",
    ),
    click.option(
        "--frames",
        type=click.Choice(["all", "first"]),
        default="all",
        show_default=True,
        help="Of animations and multi-page files, take every frame or only the first.",
    ),
    click.option(
        "--range",
        type=click.Choice(RANGES),
        help="What becomes of values outside 0-1: cut off, absolute value, or stretched to fit.  "
        "[default: the filter's, else clip]",
    ),
    click.option(
        "--linear/--no-linear",
        default=False,
        show_default=True,
        help="Take sRGB colours to linear light before filtering, and back after.",
    ),
    click.option(
        "--preserve-alpha/--no-preserve-alpha",
        default=None,
        help="Filter colour alone, or weighted by transparency together with it.  "
        "[default: the filter's, else no-preserve-alpha]",
    ),
)

writing = several(
    click.option(
        "-o",
        "--output",
        metavar="FILE",
        shell_complete=completion.files,
        help="Where the result of one picture goes; - is standard output.",
    ),
    click.option(
        "-d",
        "--output-dir",
        metavar="DIR",
        shell_complete=completion.folders,
        help="The folder for results of any number of pictures, under their names.",
    ),
    click.option(
        "--suffix",
        metavar="TEXT",
        help="Goes between name and extension of the results; without -d each is written beside "
        "its input.",
    ),
    click.option(
        "--format",
        metavar="NAME",
        shell_complete=completion.formats,
        help="Format of the results: png, jpg, tif, webp, npy, …  "
        "[default: by extension; on standard output the input's]",
    ),
    click.option(
        "--quality",
        type=click.IntRange(1, 100),
        help="Quality of JPEG, WebP and AVIF.  [default: 90 for JPEG]",
    ),
    click.option(
        "--save",
        type=SaveOption(),
        multiple=True,
        metavar="KEY=VALUE",
        help="An option of Pillow's encoder, such as compress_level=9 or lossless=true.",
    ),
    click.option(
        "--strip",
        is_flag=True,
        help="Leave out ICC profile, EXIF, XMP, resolution and text.  [default: keep them]",
    ),
    click.option("--overwrite", is_flag=True, help="Replace files that exist.  [default: refuse]"),
    click.option(
        "--skip-existing",
        is_flag=True,
        help="Pass over an image whose result exists: do only what is missing.",
    ),
)

inputs = several(
    click.option(
        "-r",
        "--recursive",
        is_flag=True,
        help="Take the images of folders, and of the folders in them; -d gets the same tree.",
    ),
    click.option(
        "--files-from",
        metavar="FILE",
        shell_complete=completion.files,
        help="Take the files that FILE names, one a line; - is standard input.",
    ),
    click.option(
        "-0", "--null", is_flag=True, help="Names in --files-from end with NUL, not with lines."
    ),
    click.option(
        "--max-pixels",
        type=click.IntRange(1),
        metavar="N",
        help="Refuse an image or a result with more pixels.  [default: 89478485]",
    ),
)

running = several(
    click.option(
        "-j",
        "--jobs",
        type=click.IntRange(1, 1000),
        metavar="N",
        help="Images to work on at the same time.  [default: as many as processors]",
    ),
    click.option(
        "--dry-run",
        is_flag=True,
        help="Print what would be written, and its size, from headers alone.",
    ),
    click.option(
        "--report",
        metavar="FILE",
        shell_complete=completion.files,
        help="Write what became of each image to FILE, as JSON, one a line; - is standard output.",
    ),
    click.option(
        "--progress/--no-progress",
        default=None,
        help="Show how far it is, on standard error.  [default: on a terminal]",
    ),
    click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors."),
)
