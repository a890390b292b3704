"""``convcli explain``: the lesson on the user's numbers, letters and pictures."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from convcli.cli import completion
from convcli.cli.explain_options import explaining
from convcli.cli.groups import GroupedCommand

if TYPE_CHECKING:
    from convcli.explain.setting import Setting
    from convcli.explain.text import Line

EPILOG = """\b
Examples:
  convcli explain --input 5x5 --kernel 3x3 --stride 2 --pad 1
  convcli explain --input 'a b' --kernel 'x y z' --stride 2 --transpose
  convcli explain --input 'a b c d' --kernel 'x y z' --pad 1 --matrix --gradients
  convcli explain -f sharpen photo.jpg --at 0,10
  convcli explain --input 5x5 --kernel 3x3 --pad 1 --animate conv.html
  convcli explain --input '1 2; 3 4' --kernel 2x2 --code numpy
  convcli explain lesson 4
"""

_STYLES: dict[str, dict[str, Any]] = {
    "title": {"bold": True},
    "heading": {"bold": True, "fg": "cyan"},
    "result": {"bold": True},
    "note": {"fg": "magenta"},
    "plain": {},
}


@click.command(cls=GroupedCommand, epilog=EPILOG)
@click.argument("words", nargs=-1, metavar="[IMAGE | lesson [N]]", shell_complete=completion.files)
@explaining
def explain(words: tuple[str, ...], **given: Any) -> None:
    """Show how convolution works, on your own sizes, numbers, letters and pictures.

    With --input and --kernel: sizes, windows, overlaps, and every sum where there are cells. With
    -f and --at: the sum behind one pixel that apply writes. "lesson" prints the whole lesson.
    """
    if given["filter_name"] is None and words[:1] == ("lesson",):
        _lesson(words[1:])
    elif given["filter_name"] is not None and given["input"] is not None and not words:
        _explain_setting(words, given | _filter_settings(given))
    elif given["filter_name"] is not None:
        _explain_filter(words, given)
    else:
        _explain_setting(words, given)


def _lesson(words: tuple[str, ...]) -> None:
    from convcli.explain.lesson import lesson_lines

    if len(words) > 1 or (words and not (words[0].isascii() and words[0].isdigit())):
        raise click.UsageError("lesson takes the number of one topic: convcli explain lesson 4")
    _show(lesson_lines(int(words[0][:9]) if words else None))


def _filter_settings(given: dict[str, Any]) -> dict[str, Any]:
    """Return kernel, stride and the rest as a filter has them; options that were given win."""
    if given["kernel"] is not None:
        raise click.UsageError("the kernel is either -f NAME or --kernel")
    from convcli.cli.filter_values import named_filters
    from convcli.explain.settle import kernel_of

    (chosen,) = named_filters([given["filter_name"]])
    own = {key: getattr(chosen, key) for key in ("stride", "pad", "pad_mode", "dilation", "flip")}
    return {
        "kernel": kernel_of(chosen),
        **{key: value if given[key] is None else given[key] for key, value in own.items()},
    }


def _explain_filter(words: tuple[str, ...], given: dict[str, Any]) -> None:
    """Explain a filter on a picture: the sum behind a pixel, or code."""
    for key in ("input", "kernel", "animate", "output"):
        if given[key] is not None:
            raise click.UsageError(
                f"-f explains a filter on an IMAGE, or with --input in place of --kernel: leave "
                f"--{key} out"
            )
    for key in ("transpose", "output_padding", "matrix", "gradients"):
        if given[key]:
            flag = key.replace("_", "-")
            raise click.UsageError(f"-f and --at explain what apply does: leave --{flag} out")
    if len(words) != 1:
        raise click.UsageError("name one IMAGE that the filter is applied to")
    if (given["at"] is None) == (given["code"] is None):
        raise click.UsageError("give --at Y,X for the sum behind that pixel, or --code LANGUAGE")
    from convcli.cli.filter_values import named_filters

    keys = ("stride", "pad", "pad_mode", "dilation", "flip", "preserve_alpha")
    overrides = {key: given[key] for key in keys} | {"range": given["range_"]}
    (named,) = named_filters([given["filter_name"]], words)
    chosen = named.override(**overrides)
    from convcli.images import read_image

    source: Any = words[0]
    if source == "-":
        from convcli.system.streams import read_standard_input

        source = read_standard_input()
    with _warnings_as_messages():
        picture = read_image(source, mode=given["mode"], frames="first")
    if given["code"]:
        from convcli.explain.picture_code import picture_code

        lines = picture_code(
            picture,
            words[0],
            chosen,
            given["filter_name"],
            given["code"],
            overrides=overrides,
            mode=given["mode"],
            linear=given["linear"],
        )
        _print_code(lines)
        return
    from convcli.explain.worked import worked_sum
    from convcli.explain.worked_text import worked_lines

    with _warnings_as_messages():
        worked = worked_sum(picture, chosen, given["at"], linear=given["linear"])
    _show(worked_lines(worked, "standard input" if words[0] == "-" else words[0]))


@contextmanager
def _warnings_as_messages() -> Iterator[None]:
    """Print what the library warns of in the block, once each."""
    from convcli.cli.terminal import printable

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for text in dict.fromkeys(str(warning.message) for warning in caught):
        click.echo(f"Warning: {printable(text)}", err=True)


def _explain_setting(words: tuple[str, ...], given: dict[str, Any]) -> None:
    if words:
        raise click.UsageError(
            f"{words[0]!r}: an IMAGE needs a filter and a place, -f NAME IMAGE --at Y,X; "
            "sizes and cells are --input and --kernel"
        )
    for key in ("at", "mode", "range_", "preserve_alpha"):
        if given[key] is not None:
            flag = key.rstrip("_").replace("_", "-")
            raise click.UsageError(f"--{flag} is about a filter on an IMAGE: add -f NAME IMAGE")
    if given["linear"]:
        raise click.UsageError("--linear is about a filter on an IMAGE: add -f NAME IMAGE")
    if given["input"] is None or given["kernel"] is None:
        raise click.UsageError(
            "give --input and --kernel (5x5 and 3x3, or cells), -f NAME IMAGE --at Y,X, or lesson"
        )
    if given["output"] is not None and not given["matrix"]:
        raise click.UsageError("-o writes the numbers of --matrix: add it")
    instead = next((key for key in ("code", "animate", "output") if given[key] is not None), None)
    for key in ("gradients", "matrix"):
        if instead and given[key] and not (key == "matrix" and given["output"] is not None):
            raise click.UsageError(f"--{instead} comes instead of the text: leave --{key} out")
    from convcli.explain.settle import settle

    setting = settle(
        given["input"],
        given["kernel"],
        stride=given["stride"] or 1,
        pad=0 if given["pad"] is None else given["pad"],
        pad_mode=given["pad_mode"] or "zeros",
        dilation=given["dilation"] or 1,
        flip=bool(given["flip"]),
        transpose=given["transpose"],
        output_padding=given["output_padding"] or 0,
    )
    if given["animate"] is not None:
        _animate(setting, given)
    if given["output"] is not None:
        from convcli.explain.matrix import write_matrix

        write_matrix(setting, given["output"], overwrite=given["overwrite"])
    if given["code"]:
        from convcli.explain.code import setting_code

        _print_code(setting_code(setting, given["code"]))
    elif instead is None:
        from convcli.explain.explanation import explanation, hint

        lines = explanation(setting, matrix=given["matrix"], gradients=given["gradients"])
        _show(lines if given["matrix"] or given["gradients"] else lines + hint(setting))


def _animate(setting: Setting, given: dict[str, Any]) -> None:
    from convcli.explain.animation import write_animation

    if given["by"] != "both" and not setting.transpose:
        raise click.UsageError("--by chooses between forms of a transposed one: add --transpose")
    steps = write_animation(
        setting,
        given["animate"],
        forms=() if given["by"] == "both" else (given["by"],),
        overwrite=given["overwrite"],
    )
    from convcli.cli.terminal import printable

    click.echo(printable(f"{given['animate']}: {steps} steps"))


def _print_code(lines: Iterable[str]) -> None:
    from convcli.cli.terminal import printable

    for line in lines:
        click.echo(printable(line))


def _show(lines: Iterable[Line]) -> None:
    """Print lines; in colour on a terminal, unless NO_COLOR is set or the terminal is dumb."""
    from convcli.cli.terminal import printable

    is_plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    for line in lines:
        text, style = printable(line.text.rstrip()), _STYLES[line.role]
        shown = click.style(text, **style) if text and style else text
        click.echo(shown, color=False if is_plain else None)
