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
