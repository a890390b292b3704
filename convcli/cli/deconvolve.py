"""``convcli deconvolve``: the picture that a filter blurred."""

from __future__ import annotations

from typing import Any, Literal

import click

from convcli.cli import completion, options
from convcli.cli.groups import GroupedCommand, option
from convcli.cli.values import AutoFloat

METHODS = ("richardson-lucy", "tikhonov")

EPILOG = """\b
Examples:
  convcli deconvolve -f motion-blur photo.jpg -o restored.png
  convcli deconvolve -f my-filter.json --linear --iterations 50 photo.jpg -o restored.tif
  convcli deconvolve -f my-filter.json --method tikhonov --regularize 0.02 *.png -d restored
"""


@click.command(cls=GroupedCommand, epilog=EPILOG)
@options.images
@option(
    "Filter",
    "-f",
    "--filter",
    "name",
    required=True,
    metavar="NAME|FILE",
    shell_complete=completion.filters,
    help="What blurred the picture, the point spread function: a file, a bundled filter, or a "
    "kind as in disk:radius=4.5.",
)
@option(
    "Filter",
    "--method",
    type=click.Choice(METHODS),
    default="richardson-lucy",
    show_default=True,
    help="richardson-lucy is for filters and pictures without negative values, tikhonov for any.",
)
@option(
    "Filter",
    "--iterations",
    type=click.IntRange(1, 1_000_000),
    metavar="N",
    help="More sharpen more, and amplify noise.  "
    "[default: 20; tikhonov until nothing changes, 200 at most]",
)
@option(
    "Filter",
    "--regularize",
    type=AutoFloat("above 0"),
    metavar="auto|X",
    default="auto",
    show_default=True,
    help="With tikhonov, the noise to expect, as its variance by that of the detail: larger is "
    "smoother, such as 0.02 for a photo with noise of one level of 255; auto measures both.",
)
@options.flip
@options.geometry(
    pad="Rows and columns that the blur added around the picture: with same, the size stays.",
    pad_mode="How the blur continued the picture past its borders, where a program did it.  "
    "[default: the scene goes on, and is estimated]",
)
@options.pixels
@options.inputs
@options.writing
@options.running
def deconvolve(
    images: tuple[str, ...],
    name: str,
    method: str,
    iterations: int | None,
    regularize: float | Literal["auto"],
    pad_mode: str | None,
    **given: Any,
) -> None:
    """Restore pictures that a known filter blurred: motion, focus, optics.

    The scene goes on outside the frame, and the filter's pad_mode and range are not used. Results
    are clipped to 0-1; a result in .npy is not.
    """
    from convcli.cli.execute import begin, run_batch

    decoding = begin(images, given)
    from convcli.cli.filter_values import named_filters
    from convcli.deconvolution import Deconvolution

    overrides, batch = options.split(given)
    (chosen,) = named_filters([name], images, given["files_from"])
    psf = chosen.override(**overrides)
    operator = Deconvolution(psf, method, iterations, regularize, pad_mode)
    run_batch([operator], [name], decoding, images=images, **batch)
