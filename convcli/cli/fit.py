"""``convcli fit``: the filter that turns one picture into another."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convcli.cli import completion
from convcli.cli.fit_options import model, reading, writing
from convcli.cli.flags import in_flags
from convcli.cli.groups import GroupedCommand
from convcli.cli.targets import create_folder
from convcli.cli.terminal import printable
from convcli.cli.writing import write_text

if TYPE_CHECKING:
    from convcli.fitting.result import Fit
    from convcli.images import Picture

EPILOG = """\b
Examples:
  convcli fit photo.jpg sharp.png -o found.json
  convcli fit photo.jpg sharp.png --size 3 --picture kernel.png --residual rest.png > found.json
  convcli fit -r before after --report fit.json -o found.json
"""


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
    output = None if output == "-" else output
    targets = {"-o": output, "--picture": picture, "--residual": residual}
    if before == after == "-":
        raise click.UsageError("standard input is BEFORE or AFTER: name a file for the other")
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
    streamed: list[bytes] = []  # standard input can be read once, and a pair may be loaded twice

    def load() -> tuple[Picture, Picture]:
        from convcli.errors import ImageError
        from convcli.images.decoding.ahead import decode_ahead
        from convcli.images.read import read_image
        from convcli.system.streams import read_standard_input
        from convcli.system.thread_warnings import collect_warnings

        decoding = decode_ahead(after, reading["max_pixels"])
        pictures = []
        for path in (before, after):
            texts: list[str] = []
            with collect_warnings(texts):
                try:
                    if path == "-" and not streamed:
                        streamed.append(read_standard_input())
                    source = streamed[0] if path == "-" else path
                    pictures.append(read_image(source, decoding=decoding, **reading))
                except ImageError as error:
                    if path != "-":
                        raise
                    raise ImageError(f"standard input: {error}") from error
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

    for target in (*targets.values(), report):  # before anything is written
        if target is not None and target != "-":
            create_folder(Path(target).parent)
    write_text(found.filter.to_json(), targets["-o"], overwrite)
    for flag, draw, array in (
        ("--picture", kernel_picture, lambda fit: fit.filter.kernel),
        ("--residual", residual_picture, lambda fit: fit.residual),
    ):
        target = targets[flag]
        if target is not None:
            is_array = Path(target).suffix.lower() == ".npy"
            write_image((array if is_array else draw)(found), target, overwrite=overwrite)
    if report is not None:
        write_text(json.dumps(found.record()) + "\n", report, True)


def _say(text: str) -> None:
    click.echo(printable(in_flags(text)), err=True)
