"""``convcli apply``: convolution."""

from __future__ import annotations

from typing import Any

import click

from convcli.cli import completion, options
from convcli.cli.groups import GroupedCommand, option
from convcli.cli.values import WholeNumbers

EPILOG = """\b
Examples:
  convcli apply -f sharpen photo.jpg -o sharp.jpg
  convcli apply -f gaussian-blur -f sobel -d edges *.png
  convcli apply -f gaussian:sigma=12 photo.jpg -o soft.jpg
  convcli apply -f sharpen -r photos -d sharp --skip-existing --report sharp.jsonl
  cat photo.jpg | convcli apply -f my-filter.json --stride 2 - > half.jpg
"""


@click.command(cls=GroupedCommand, epilog=EPILOG)
@options.images
@option(
    "Filter",
    "-f",
    "--filter",
    "filters",
    multiple=True,
    required=True,
    metavar="NAME|FILE",
    shell_complete=completion.filters,
    help="A file (JSON or .npy), a bundled filter, a kind as in gaussian:sigma=2, or JSON text; "
    "- is JSON on standard input. Several are applied from left to right.",
)
@options.flip
@option(
    "Borders and sizes",
    "-s",
    "--stride",
    type=WholeNumbers(1),
    metavar="N|Y,X",
    help="Distance between the pixels that are computed.  [default: the filter's, else 1]",
)
@options.geometry(pad="Rows and columns added around the picture.")
@options.value_range
@options.pixels
@options.inputs
@options.writing
@options.running
def apply(images: tuple[str, ...], filters: tuple[str, ...], **given: Any) -> None:
    """Convolve pictures with one filter or several.

    Results keep size, mode and depth of the picture unless stride, pad or the filter say
    otherwise. Options override the filter file; the kernel is not rotated (see --flip).
    """
    from convcli.cli.execute import begin, run_batch

    decoding = begin(images, given)
    from convcli.cli.filter_values import named_filters
    from convcli.pipeline.operators import Convolution

    overrides, batch = options.split(given)
    chosen = named_filters(filters, images, given["files_from"])
    operators = [Convolution(filter.override(**overrides)) for filter in chosen]
    run_batch(operators, filters, decoding, images=images, **batch)
