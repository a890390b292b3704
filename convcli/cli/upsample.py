"""``convcli upsample``: transposed convolution."""

from __future__ import annotations

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
    help="nearest, bilinear, bicubic, lanczos; or a filter (file, name, or kind as in "
    "gaussian:sigma=3), placed once for every pixel.",
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
    help="Divide by the result for a picture of ones, which removes dark borders and "
    "checkerboards.  [default: on for presets, off for filters]",
)
@options.geometry(
    pad="Rows and columns cropped from the result; same makes it STRIDE times as large."
)
@options.value_range
@options.pixels
@options.inputs
@options.writing
@options.running
def upsample(
    images: tuple[str, ...],
    name: str,
    output_padding: Any,
    normalize: bool | None,
    **given: Any,
) -> None:
    """Enlarge pictures by a transposed convolution.

    Each pixel scales the kernel; the scaled kernels are placed STRIDE apart and summed.
    The presets equal Pillow's resize in floating point; 8-bit results are rounded and clipped once.
    """
    from convcli.cli.execute import begin, run_batch

    decoding = begin(images, given)
    from convcli.cli.filter_values import named_filters
    from convcli.pipeline.apply import upsampling

    overrides, batch = options.split(given)
    is_preset = name in completion.PRESETS and not Path(name).exists()
    if is_preset:
        _refuse_options_of_presets(name, overrides | {"output_padding": output_padding})
    operator = upsampling(
        name if is_preset else named_filters([name], images, given["files_from"])[0],
        overrides.pop("stride"),
        output_padding=output_padding or 0,
        normalize=normalize,
        **overrides,
    )
    run_batch([operator], [name], decoding, images=images, **batch)


def _refuse_options_of_presets(name: str, given: dict[str, Any]) -> None:
    for parameter in ("pad", "dilation", "output_padding"):
        if given[parameter] is not None:
            flag = f"--{parameter.replace('_', '-')}"
            raise click.UsageError(f"the preset {name} sets {flag} itself: leave it out")
