"""``convcli filters invert``: the inverse of a filter, as a filter."""

from __future__ import annotations

import click

from convcli.cli import completion
from convcli.cli.groups import GroupedCommand, option

EPILOG = """\b
Example:
  convcli filters invert my-filter.json --noise 0.02 -o inverse.json
"""


@click.command(cls=GroupedCommand, epilog=EPILOG)
@click.argument("name", metavar="PSF", shell_complete=completion.filters)
@option(
    "Filter",
    "--size",
    type=click.IntRange(1, 999),
    metavar="N",
    help="Rows and columns of the inverse, an odd number.  [default: 2 to 16 times those of PSF, "
    "as it needs]",
)
@option(
    "Filter",
    "--noise",
    type=float,
    metavar="X",
    default=0.001,
    show_default=True,
    help="The noise to expect, as its variance by that of the detail: the --regularize of "
    "deconvolve.",
)
@option(
    "Output",
    "-o",
    "--output",
    metavar="FILE",
    shell_complete=completion.files,
    help="Where to write the filter.  [default: standard output]",
)
@option("Output", "--overwrite", is_flag=True, help="Replace a file that exists.")
def invert(name: str, size: int | None, noise: float, output: str | None, overwrite: bool) -> None:
    """Write the filter that undoes PSF by least squares.

    Applied after PSF it gives the picture back, up to noise and what PSF removed: as deconvolve by
    --method tikhonov does, but for borders, at the cost of one convolution.
    """
    from convcli.cli.filter_values import named_filters
    from convcli.cli.writing import write_text
    from convcli.deconvolution import invert_filter

    (psf,) = named_filters([name])
    write_text(invert_filter(psf, size, noise).to_json(), output, overwrite)
