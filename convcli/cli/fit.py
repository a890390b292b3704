"""``convcli fit``: the filter that turns one picture into another."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convcli.cli import completion, options
from convcli.cli.flags import in_flags
from convcli.cli.groups import GroupedCommand, option
from convcli.cli.terminal import printable
from convcli.cli.values import Converter

if TYPE_CHECKING:
    from convcli.fitting.result import Fit
    from convcli.images import Picture

EPILOG = """\b
Examples:
  convcli fit photo.jpg sharp.png -o found.json
  convcli fit photo.jpg sharp.png --size 3 --picture kernel.png --residual rest.png > found.json
  convcli fit -r before after --report fit.json -o found.json
"""


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


class Ridge(Converter):
    """``auto``, or a number from 0 up."""

    name = "auto|X"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | float:
        """Return "auto" or a float; a usage error for anything else."""
        if value == "auto":
            return "auto"
        number = -1.0
        with suppress(ValueError):
            number = float(value)
        if 0 <= number < float("inf"):
            return number
        return self.fail(f"{value!r} is not auto or a number from 0 up", param, ctx)


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
        type=Ridge(),
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
        help="Refuse a picture with more pixels.  [default: 89478485]",
    ),
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


@click.command(cls=GroupedCommand, epilog=EPILOG)
@click.argument("before", shell_complete=completion.files)
@click.argument("after", shell_complete=completion.files)
@model
@reading
@writing
def fit(
    before: str,
    after: str,
    recursive: bool,
    output: str | None,
    picture: str | None,
    residual: str | None,
    report: str | None,
    overwrite: bool,
    quiet: bool,
    **given: Any,
) -> None:
    """Find the filter that turns picture BEFORE into picture AFTER.

    The result is a filter for apply, or for upsample where AFTER is larger. Samples of AFTER that
    are clipped, at 0 or full scale, are left out. What was found is reported on standard error.
    """
    from convcli.errors import ConvcliError
    from convcli.fitting.folders import PathPair, pairs_in
    from convcli.fitting.options import Options
    from convcli.system.memory import keep_memory
    from convcli.system.signals import end_without_delay

    gc.freeze()
    gc.enable()
    keep_memory()
    end_without_delay()
    targets = {"-o": output, "--picture": picture, "--residual": residual}
    _check_targets(targets, report, overwrite)
    pairs, alone = pairs_in(before, after) if recursive else ([PathPair(before, after)], 0)
    _check_apart(targets, report, [path for pair in pairs for path in pair])
    reading = {key: given.pop(key) for key in ("mode", "frames", "max_pixels")}
    given["linear"] = {"auto": "auto", "on": True, "off": False}[given["linear"]]
    if alone and not quiet:
        _say(f"Warning: {alone} pictures have no partner of that name and are left out")
    try:
        from convcli.fitting.fit import fit_pairs

        found = fit_pairs([_loader(*pair, reading, quiet) for pair in pairs], Options(**given))
    except ConvcliError as error:
        where = "" if _names_one(str(error), pairs) else f"{before}, {after}: "
        _say(f"Error: {where}{error}")
        raise click.exceptions.Exit(1) from error
    if not quiet:
        _tell(found)
    _write(found, targets, report, overwrite)


def _loader(
    before: str, after: str, reading: dict[str, Any], quiet: bool
) -> Callable[[], tuple[Picture, Picture]]:
    """Return what reads a pair, one picture decoded while the other is read."""

    def load() -> tuple[Picture, Picture]:
        from convcli.images.decoding.opened import decode_ahead
        from convcli.images.read import read_image
        from convcli.system.thread_warnings import collect_warnings

        decoding = decode_ahead(after, reading["max_pixels"])
        pictures = []
        for path in (before, after):
            texts: list[str] = []
            with collect_warnings(texts):
                pictures.append(read_image(path, decoding=decoding, **reading))
            for text in texts if not quiet else ():
                _say(f"Warning: {path}: {text}")
        return pictures[0], pictures[1]

    return load


def _check_targets(targets: dict[str, str | None], report: str | None, overwrite: bool) -> None:
    """Refuse, before any work, what could not be written."""
    from convcli.images.formats import output_format
    from convcli.system.atomic_files import check_target

    if report == "-" and targets["-o"] is None:
        raise click.UsageError("standard output is either for the filter or for the report: use -o")
    for flag, target in targets.items():
        if target is None:
            continue
        if flag != "-o":
            output_format(Path(target).suffix)
        if os.path.isdir(Path(target).parent):  # others are created when there is a result
            check_target(Path(target), overwrite)


def _check_apart(targets: dict[str, str | None], report: str | None, inputs: list[str]) -> None:
    """Refuse files that would replace one another, or a picture that is to be read."""
    taken = {os.path.realpath(path): path for path in inputs}
    for flag, target in {**targets, "--report": report}.items():
        if target is None or target == "-":
            continue
        place = os.path.realpath(target)
        if place in taken:
            raise click.UsageError(f"{flag} {target} would replace {taken[place]}: name another")
        taken[place] = f"{flag} {target}"


def _names_one(text: str, pairs: list[Any]) -> bool:
    return any(text.startswith(path) for pair in pairs for path in pair)


def _tell(found: Fit) -> None:
    from convcli.fitting.report import report_lines

    for line in report_lines(found):
        _say(line)


def _write(found: Fit, targets: dict[str, str | None], report: str | None, overwrite: bool) -> None:
    from convcli.fitting.pictures import kernel_picture, residual_picture
    from convcli.images import write_image
    from convcli.system.atomic_files import replacing

    for target in (*targets.values(), report):
        if target is not None and target != "-":
            _create_folder(Path(target).parent)
    text = found.filter.to_json().encode()
    if targets["-o"] is None:
        click.echo(text, nl=False)
    else:
        with replacing(Path(targets["-o"]), overwrite) as file:
            file.write(text)
    for flag, draw, array in (
        ("--picture", kernel_picture, lambda fit: fit.filter.kernel),
        ("--residual", residual_picture, lambda fit: fit.residual),
    ):
        target = targets[flag]
        if target is not None:
            is_array = Path(target).suffix.lower() == ".npy"
            write_image((array if is_array else draw)(found), target, overwrite=overwrite)
    if report is not None:
        line = json.dumps(found.record()).encode() + b"\n"
        if report == "-":
            click.echo(line, nl=False)
        else:
            with replacing(Path(report), True) as file:
                file.write(line)


def _create_folder(folder: Path) -> None:
    from convcli.errors import ImageError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageError(f"the folder {folder} cannot be created: {error.strerror}") from error


def _say(text: str) -> None:
    click.echo(printable(in_flags(text)), err=True)
