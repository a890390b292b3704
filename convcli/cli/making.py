"""``convcli filters make``: a command for every kind, with its keys as options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from convcli.cli import completion
from convcli.cli.groups import GroupedCommand, GroupedOption
from convcli.cli.values import Converter
from convcli.errors import FilterError
from convcli.filters.kinds.catalogue import KINDS
from convcli.filters.kinds.kind import Kind, Parameter


class _Key(Converter):
    """The value of a key of a kind."""

    def __init__(self, key: Parameter) -> None:
        self.key = key
        self.name = {"path": "file", "word": "word"}.get(key.type, "n")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value; a usage error for one out of range."""
        try:
            return self.key.checked(value)
        except FilterError as error:
            self.fail(str(error), param, ctx)


class _Kinds(click.Group):
    """A group whose commands are made from the kinds."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(KINDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in KINDS:
            return _command(KINDS[cmd_name])
        if ctx.resilient_parsing:  # shell completion
            return None
        from convcli.filters.making import kind_called

        try:
            kind_called(cmd_name)
        except FilterError as error:
            ctx.fail(str(error))
        return None


@click.group(
    cls=_Kinds,
    epilog="\b\nExample:\n  convcli filters make gaussian --sigma 12 -o blur.json",
)
def make() -> None:
    """Write the file of a filter of some kind; -f KIND:KEY=VALUE is the same without a file."""


def _command(kind: Kind) -> click.Command:
    options = [_option(kind, key) for key in kind.parameters]
    options += [
        GroupedOption(
            ["-o", "--output"],
            group="Output",
            metavar="FILE",
            shell_complete=completion.files,
            help="Where to write the filter.  [default: standard output]",
        ),
        GroupedOption(
            ["--overwrite"], group="Output", is_flag=True, help="Replace a file that exists."
        ),
    ]
    return GroupedCommand(
        kind.name,
        params=[*options],
        callback=_callback(kind),
        help=f"{kind.summary}\n\nWithout a file: -f {kind.text(kind.example)}",
        epilog=f"\b\nExample:\n  {kind.command(kind.example)} -o {kind.name}.json",
    )


def _option(kind: Kind, key: Parameter) -> click.Option:
    about = key.help[0].upper() + key.help[1:]
    takes = "" if key.type == "path" else f": {key.range_text}"
    default = "required" if key.is_required else f"default: {key.default_text}"
    return GroupedOption(
        [f"--{key.name}", key.identifier],
        group="Filter",
        type=_Key(key),
        help=f"{about}{takes}.  [{default}]",
        shell_complete=completion.files if key.type == "path" else completion.values(key),
    )


def _callback(kind: Kind) -> Callable[..., None]:
    def write(output: str | None, overwrite: bool, **parameters: Any) -> None:
        from convcli.cli.writing import write_text
        from convcli.filters.making import filter_of

        missing = [
            f"--{key.name}"
            for key in kind.parameters
            if key.is_required and parameters[key.identifier] is None
        ]
        if missing:
            example = kind.command(kind.example)
            raise click.UsageError(f"{kind.name} needs {' and '.join(missing)}, as in {example}")
        write_text(filter_of(kind, parameters).to_json(), output, overwrite)

    return write
