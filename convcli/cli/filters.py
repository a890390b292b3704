"""``convcli filters``: bundled filters and kinds listed, shown, made; files checked."""

from __future__ import annotations

import click

from convcli.cli import completion
from convcli.cli.filters_info import info
from convcli.cli.filters_sheet import sheet
from convcli.cli.inverting import invert
from convcli.cli.making import make


@click.group()
def filters() -> None:
    """List, show, make, describe and check filters."""


for command in (info, make, invert, sheet):
    filters.add_command(command)


@filters.command("list", epilog="\b\nExample:\n  convcli filters list")
def list_filters() -> None:
    """Print the name and purpose of every bundled filter, and every kind with its keys."""
    from convcli.filters import load_filter
    from convcli.filters.bundled import bundled_filters
    from convcli.filters.kinds.catalogue import KINDS

    names = list(bundled_filters())
    width = max(map(len, (*names, *KINDS)))
    for name in names:
        click.echo(f"{name:<{width}}  {load_filter(name).description}")
    click.echo("\nKinds, as -f KIND:KEY=VALUE,KEY=VALUE; defaults in brackets:\n")
    for kind in KINDS.values():
        click.echo(f"{kind.name:<{width}}  {kind.summary}")
        if kind.parameters:
            click.echo(f"{'':<{width}}    {kind.keys_text}")


@filters.command(epilog="\b\nExample:\n  convcli filters show sharpen > my-filter.json")
@click.argument("name", shell_complete=completion.filters)
def show(name: str) -> None:
    """Print the JSON of a filter, as a template for your own."""
    from convcli.filters import find_filter, load_filter

    chosen = load_filter(name)
    path = find_filter(name)
    text = chosen.to_json() if path is None else path.read_text(encoding="utf-8-sig")
    click.echo(text, nl=False)


@filters.command(epilog="\b\nExample:\n  convcli filters check my-filter.json")
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, shell_complete=completion.files
)
def check(files: tuple[str, ...]) -> None:
    """Print every problem of filter files; exit with code 1 where there is one.

    Files without problems are not mentioned, unless they are likely to make white or black
    pictures: that is a warning on standard error.
    """
    from convcli.cli.terminal import printable
    from convcli.filters.check import file_doubts, file_problems

    has_problem = False
    for file in files:
        problems = file_problems(file)
        has_problem = has_problem or bool(problems)
        for problem in problems:
            click.echo(printable(f"{file}: {problem}"))
        for doubt in [] if problems else file_doubts(file):
            click.echo(printable(f"Warning: {file}: {doubt}"), err=True)
    if has_problem:
        raise click.exceptions.Exit(1)


@filters.command(epilog="\b\nExample:\n  convcli filters schema > filter.schema.json")
def schema() -> None:
    """Print the JSON schema of filter files (draft-07), with which editors check and complete."""
    import json

    from convcli.filters.schema import filter_schema

    click.echo(json.dumps(filter_schema(), indent=2, ensure_ascii=False))
