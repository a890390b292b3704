"""Options in groups, which help shows under headings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

GROUPS = (
    *("Filter", "Borders and sizes", "Colour and depth", "Input"),
    *("Explanation", "Fit", "Output", "Batch"),
)
"""The groups, in the order in which help shows them."""


class GroupedOption(click.Option):
    """An option of one of :data:`GROUPS`."""

    def __init__(self, *args: Any, group: str, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.group = group


def option(group: str, *declarations: str, **attributes: Any) -> Callable[[Any], Any]:
    """Return the decorator for an option of ``group``; the rest is as for ``click.option``."""
    assert group in GROUPS, group
    return click.option(*declarations, cls=GroupedOption, group=group, **attributes)


class GroupedCommand(click.Command):
    """A command whose help shows its options in groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each group, and one for options of none, such as --help."""
        sections: dict[str, list[tuple[str, str]]] = {group: [] for group in (*GROUPS, "Other")}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if isinstance(parameter, click.Option) and record is not None:
                sections[getattr(parameter, "group", "Other")].append(record)
        for group, records in sections.items():
            if records:
                with formatter.section(group):
                    formatter.write_dl(records)
