"""The filters that -f names, and what is doubtful about them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from convcli.batch import Job
    from convcli.filters import Filter
    from convcli.pipeline.operators import Operator

STREAM = "-"


def named_filters(
    names: Sequence[str], images: Sequence[str] = (), files_from: str | None = None
) -> list[Filter]:
    """Return the filters of ``names``; ``-`` is JSON on standard input, where nothing else is.

    Raises :class:`FilterError`, and a usage error where an image or a list is on standard input.
    """
    from convcli.filters import load_filter, parse_inline

    uses = (*names, *images, files_from or "").count(STREAM)
    if STREAM in names and uses > 1:
        raise click.UsageError("standard input is an image, a list or one filter: use - once")
    return [
        parse_inline(sys.stdin.buffer.read(), "the filter on standard input")
        if name == STREAM
        else load_filter(name)
        for name in names
    ]


def show_doubts(operators: Sequence[Operator], jobs: Sequence[Job]) -> None:
    """Warn once of each filter that makes white or black pictures; arrays hold any value."""
    from convcli.cli.terminal import printable

    if jobs and all(str(job.target).lower().endswith(".npy") for job in jobs):
        return
    texts = [text for operator in operators for text in operator.doubts()]
    for text in dict.fromkeys(texts):
        click.echo(f"Warning: {printable(text)}", err=True)
