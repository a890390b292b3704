"""``convcli filters``: the bundled filters."""

from __future__ import annotations

import click

from convcli.cli import completion
from convcli.cli.filters_info import info


@click.group()
def filters() -> None:
    """List and show the bundled filters."""


@filters.command("list", epilog="\b\nExample:\n  convcli filters list")
def list_filters() -> None:
    """Print the name and purpose of every bundled filter."""
    from convcli.filters import load_filter
    from convcli.filters.bundled import bundled_filters

    names = list(bundled_filters())
    width = max(map(len, names), default=0)
    for name in names:
        click.echo(f"{name:<{width}}  {load_filter(name).description}")


@filters.command(epilog="\b\nExample:\n  convcli filters show sharpen > my-filter.json")
@click.argument("name", shell_complete=completion.filters)
def show(name: str) -> None:
    """Print the JSON file of a filter, as a template for your own."""
    from convcli.filters import find_filter, load_filter

    load_filter(name)
    click.echo(find_filter(name).read_text(encoding="utf-8-sig"), nl=False)


filters.add_command(info)
