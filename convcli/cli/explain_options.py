"""The options of ``convcli explain``, and the type of a position."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from convcli.cli import completion, options
from convcli.cli.groups import option
from convcli.cli.values import Converter, Pad, WholeNumbers

_LANGUAGES = ("numpy", "pytorch", "convcli")


class Place(Converter):
    """``Y,X``: a row and a column, counted from 0."""

    name = "Y,X"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Return (y, x); a usage error for anything else."""
        parts = str(value).split(",")
        if len(parts) != 2 or not all(part.isascii() and part.isdigit() for part in parts):
            self.fail(f"{value!r} is not Y,X: row and column, counted from 0", param, ctx)
        if any(len(part) > 9 for part in parts):
            self.fail(f"{value!r} is beyond every picture", param, ctx)
        return int(parts[0]), int(parts[1])


explaining = options.several(
    option(
        "Input",
        "--input",
        metavar="SIZE|CELLS",
        help="What is convolved: a size (5x5, 3x32x32 with channels) or cells, numbers or letters: "
        "'1 2; 3 4' (; ends a row, | a channel).",
    ),
    option(
        "Filter",
        "--kernel",
        metavar="SIZE|CELLS",
        help="The kernel, likewise (3x3, 8x3x3x3 with filters and channels; || ends a filter).",
    ),
    option(
        "Borders and sizes",
        "-s",
        "--stride",
        type=WholeNumbers(1),
        metavar="N|Y,X",
        help="S: distance between outputs.  [default: 1, or the filter's]",
    ),
    option(
        "Borders and sizes",
        "-p",
        "--pad",
        type=Pad(),
        metavar="same|valid|N|Y,X|T,L,B,R",
        help="P: added around the input; cropped from a transposed result.  [default: 0, or the "
        "filter's]",
    ),
    option(
        "Borders and sizes",
        "--pad-mode",
        type=click.Choice(["zeros", "reflect", "replicate", "circular"]),
        help="What the padding shows.  [default: zeros, or the filter's]",
    ),
    option(
        "Borders and sizes",
        "--dilation",
        type=WholeNumbers(1),
        metavar="N|Y,X",
        help="D: distance between taps.  [default: 1, or the filter's]",
    ),
    option(
        "Filter",
        "--flip/--no-flip",
        default=None,
        help="Rotate the kernel by 180°.  [default: no-flip, or the filter's]",
    ),
    option("Explanation", "--transpose", is_flag=True, help="Explain the transposed convolution."),
    option(
        "Borders and sizes",
        "--output-padding",
        type=WholeNumbers(0),
        metavar="N|Y,X",
        help="Rows and columns at the end of a transposed result.  [default: 0]",
    ),
    option(
        "Explanation",
        "--matrix",
        is_flag=True,
        help="Add the matrix, its transpose and both products.",
    ),
    option(
        "Explanation",
        "--gradients",
        is_flag=True,
        help="Add the gradients of input, kernel and bias.",
    ),
    option(
        "Filter",
        "-f",
        "--filter",
        "filter_name",
        metavar="NAME|FILE",
        shell_complete=completion.filters,
        help="Explain what this filter does to IMAGE at one pixel, or to --input.",
    ),
    option("Explanation", "--at", type=Place(), help="That pixel: row and column of the result."),
    option(
        "Colour and depth",
        "--mode",
        type=click.Choice(["L", "RGB", "RGBA", "CMYK"]),
        help="Convert IMAGE before.  [default: as it is]",
    ),
    option(
        "Colour and depth",
        "--range",
        "range_",
        type=click.Choice(options.RANGES),
        help="What becomes of values outside 0-1.  [default: the filter's]",
    ),
    option(
        "Colour and depth",
        "--linear",
        is_flag=True,
        help="Filter linear light, as apply --linear does.",
    ),
    option(
        "Colour and depth",
        "--preserve-alpha/--no-preserve-alpha",
        default=None,
        help="Filter colour alone, or weighted by transparency.  [default: the filter's]",
    ),
    option(
        "Output",
        "--animate",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Write an animation: .gif, .svg, or .html with sliders.",
    ),
    option(
        "Output",
        "--by",
        type=click.Choice(["both", "scatter", "gather"]),
        default="both",
        show_default=True,
        help="How --animate shows a transposed convolution.",
    ),
    option(
        "Explanation",
        "--code",
        type=click.Choice(_LANGUAGES),
        help="Print lines of code that do the same instead.",
    ),
    option(
        "Output",
        "-o",
        "--output",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Write the numbers of --matrix as .npy instead.",
    ),
    option(
        "Output", "--overwrite", is_flag=True, help="Replace files that exist.  [default: refuse]"
    ),
)
