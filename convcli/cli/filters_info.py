"""``convcli filters info``: what a filter does, and what it costs."""

from __future__ import annotations

import click

from convcli.cli import completion

EPILOG = """\b
Examples:
  convcli filters info sharpen
  convcli filters info my-filter.json
"""


@click.command(epilog=EPILOG)
@click.argument("name", metavar="NAME|FILE", shell_complete=completion.filters)
def info(name: str) -> None:
    """Describe a filter: what it does to flat areas, ramps and waves, and how it is computed."""
    from convcli.cli.filter_text import info_lines
    from convcli.cli.terminal import printable
    from convcli.filters import load_filter

    for line in info_lines(load_filter(name)):
        click.echo(printable(line))
