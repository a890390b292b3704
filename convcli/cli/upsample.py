"""``convcli upsample``: transposed convolution."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from convcli.cli import completion, options
from convcli.cli.groups import GroupedCommand, option
from convcli.cli.values import WholeNumbers

EPILOG = """\b
Examples:
  convcli upsample photo.jpg --scale 3 -o large.jpg
  convcli upsample -f lanczos icon.png -o icon@2x.png
  convcli upsample -f my-filter.json --stride 2 --normalize *.png -d large
"""


@click.command(cls=GroupedCommand, epilog=EPILOG)
@options.images
@option(
    "Filter",
    "-f",
    "--filter",
    "name",
    default="bilinear",
    show_default=True,
    metavar="PRESET|NAME|FILE",
    shell_complete=completion.upsamplers,
    help="nearest, bilinear, bicubic, lanczos; or a filter, laid down once for every pixel.",
)
@option(
    "Borders and sizes",
    "-s",
    "--stride",
    "--scale",
    "stride",
    type=WholeNumbers(1),
    metavar="N|Y,X",
    help="How many times larger the result is.  [default: the filter's stride, else 2]",
)
@option(
    "Borders and sizes",
    "--output-padding",
    type=WholeNumbers(0),
    metavar="N|Y,X",
    help="Rows and columns added at the bottom and right, fewer than the stride.  [default: 0]",
)
@options.flip
@option(
    "Filter",
    "--normalize/--no-normalize",
    default=None,
    help="Divide by the result for a picture of ones, which cures dark borders and "
    "checkerboards.  [default: on for presets, off for filters]",
)
@options.geometry(
    pad="Rows and columns cropped from the result; same: so many that it is STRIDE times as large."
)
@options.pixels
@options.inputs
@options.writing
@options.running
def upsample(
    images: tuple[str, ...],
    name: str,
    output_padding: Any,
    normalize: bool | None,
    linear: bool,
    **given: Any,
) -> None:
    """Enlarge pictures by a transposed convolution.

    Each pixel scales the kernel; the scaled kernels are laid STRIDE apart, overlaps are summed.
    """
    from convcli.cli.running import begin, run_batch

    begin(images, given)
    from convcli.filters import load_filter
    from convcli.ops import upsample as upsample_picture
    from convcli.steps import Transposition, preset_filter

    overrides, batch = options.split(given)
    if name in completion.PRESETS and not Path(name).exists():
        _refuse_what_a_preset_settles(name, overrides | {"output_padding": output_padding})
        scale = overrides["stride"]
        chosen = preset_filter(name, 2 if scale is None else scale)
        normalize = True if normalize is None else normalize
    else:
        chosen = load_filter(name)
    chosen = chosen.override(**overrides)

    transform = partial(
        upsample_picture,
        filter=chosen,
        output_padding=output_padding or 0,
        normalize=normalize,
        linear=linear,
    )
    step = Transposition(chosen, output_padding or 0, bool(normalize))
    run_batch(images, transform, [step], linear=linear, filters=[name], **batch)


def _refuse_what_a_preset_settles(name: str, given: dict[str, Any]) -> None:
    for parameter in ("pad", "dilation", "output_padding"):
        if given[parameter] is not None:
            flag = f"--{parameter.replace('_', '-')}"
            raise click.UsageError(f"the preset {name} settles {flag} itself: leave it out")
