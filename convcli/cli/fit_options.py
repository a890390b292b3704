"""The options of ``convcli fit``, and the types of their values."""

from __future__ import annotations

from typing import Any

import click

from convcli.cli import completion, options
from convcli.cli.groups import option
from convcli.cli.values import AutoFloat, Converter


class AutoNumbers(Converter):
    """``auto``, ``N`` or ``Y,X``: whole numbers of at least ``least``, or any if that is None."""

    def __init__(self, least: int | None, *, pair: bool = False) -> None:
        self.least, self.pair = least, pair
        self.name = "auto|Y,X" if pair else "auto|N|Y,X"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | int | tuple[int, int]:
        """Return "auto", an int or (y, x); a usage error for anything else."""
        if value == "auto":
            return "auto"
        parts = str(value).split(",")
        digits = [part.removeprefix("-") if self.least is None else part for part in parts]
        is_whole = all(part.isascii() and part.isdigit() and len(part) <= 9 for part in digits)
        counts = (2,) if self.pair else (1, 2)
        if (
            not is_whole
            or len(parts) not in counts
            or min(map(int, parts)) < (self.least or -(10**9))
        ):
            self.fail(f"{value!r} is not {self.name.replace('|', ' or ')}", param, ctx)
        return int(parts[0]) if len(parts) == 1 else (int(parts[0]), int(parts[1]))


model = options.several(
    option(
        "Fit",
        "--size",
        type=AutoNumbers(1),
        default="auto",
        show_default=True,
        metavar="N|H,W|auto",
        help="Rows and columns of the kernel; auto takes the smallest of 1, 3, 5 … 15 that "
        "explains held-out tiles as well as any.",
    ),
    option(
        "Fit",
        "--channels",
        type=click.Choice(["shared", "separate", "mixed"]),
        help="One kernel for all channels, one for each, or kernels across channels.  "
        "[default: shared; mixed where the channel counts differ]",
    ),
    option(
        "Fit",
        "--bias/--no-bias",
        default=None,
        help="Fit a constant that is added.  [default: where held-out tiles are explained better]",
    ),
    option(
        "Borders and sizes",
        "--stride",
        type=AutoNumbers(1),
        default="auto",
        show_default=True,
        metavar="auto|N|Y,X",
        help="How many times AFTER is smaller, or larger, than BEFORE.",
    ),
    option(
        "Colour and depth",
        "--linear",
        type=click.Choice(["auto", "on", "off"]),
        default="auto",
        show_default=True,
        help="Fit in linear light, as apply --linear filters; auto tries both.",
    ),
    option(
        "Borders and sizes",
        "--pad-mode",
        type=click.Choice(["auto", "zeros", "reflect", "replicate", "circular"]),
        default="auto",
        show_default=True,
        help="What the picture shows beyond its edge; auto tries all on the border.",
    ),
    option(
        "Fit",
        "--ridge",
        type=AutoFloat("from 0 up"),
        default="auto",
        show_default=True,
        metavar="auto|X",
        help="Keep weights small: X times the mean square of the samples is added to the "
        "equations' diagonal; auto takes what explains held-out tiles best.",
    ),
    option(
        "Fit",
        "--snap/--no-snap",
        default=True,
        show_default=True,
        help="Where rounding explains the residual, take whole numbers over a divisor or a known "
        "kernel that reproduces AFTER as well.",
    ),
    option(
        "Fit",
        "--align",
        type=AutoNumbers(None, pair=True),
        default="auto",
        show_default=True,
        metavar="auto|Y,X",
        help="Whole pixels by which AFTER is shifted down and to the right.",
    ),
    option(
        "Fit",
        "--solver",
        type=click.Choice(["auto", "normal", "gradients"]),
        default="auto",
        show_default=True,
        help="Normal equations, or conjugate gradients (auto: over 700 weights).",
    ),
)

reading = options.several(
    option(
        "Input",
        "-r",
        "--recursive",
        is_flag=True,
        help="BEFORE and AFTER are folders: take all pairs of pictures with one relative name.",
    ),
    option(
        "Colour and depth",
        "--mode",
        type=click.Choice(["L", "RGB", "RGBA", "CMYK"]),
        help="Convert both pictures first.  [default: as they are]",
    ),
    options.frames("Of animations and multi-page files, take every frame or only the first."),
    options.max_pixels("Refuse a picture with more pixels."),
)

writing = options.several(
    option(
        "Output",
        "-o",
        "--output",
        metavar="FILE",
        shell_complete=completion.files,
        help="Where the filter goes, as JSON.  [default: standard output]",
    ),
    option(
        "Output",
        "--picture",
        metavar="FILE",
        shell_complete=completion.files,
        help="Draw the kernel, positive weights red and negative ones blue.",
    ),
    option(
        "Output",
        "--residual",
        metavar="FILE",
        shell_complete=completion.files,
        help="Draw AFTER minus the filtered BEFORE; as .npy the numbers themselves.",
    ),
    option(
        "Output",
        "--report",
        metavar="FILE",
        shell_complete=completion.files,
        help="Write the report as JSON; - is standard output.",
    ),
    option(
        "Output", "--overwrite", is_flag=True, help="Replace files that exist.  [default: refuse]"
    ),
    option("Output", "-q", "--quiet", is_flag=True, help="Print no report and no warnings."),
)
