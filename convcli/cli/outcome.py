"""Showing the outcome of a batch, or of a dry run: each image as it ends, then a summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Mapping
from contextlib import closing, nullcontext
from typing import TYPE_CHECKING, TypeVar

import click

from convcli.cli.flags import in_flags
from convcli.cli.terminal import Messages, printable
from convcli.errors import PlanError
from convcli.system.progress import listening

if TYPE_CHECKING:
    from convcli.batch.dry_run import Preview
    from convcli.batch.report import Report
    from convcli.batch.run import Result

    Outcome = TypeVar("Outcome", Result, Preview)

MOST_EXTENSIONS = 8
"""How many extensions of files left out are listed, the most frequent first."""


def follow(
    results: Generator[Result],
    total: int | None,
    *,
    report: Report | None,
    left_out: Mapping[str, int],
    quiet: bool,
    progress: bool | None,
) -> None:
    """Show and report each result as it ends, then a summary; exit with code 1 if one failed.

    ``total`` is the number of results, None if it is not known.
    """
    tally = Tally(total)
    with Messages(total, quiet=quiet, progress=progress) as messages:
        fault = None
        within = listening(messages.advance_within) if total == 1 else nullcontext()
        with within, closing(results):  # closing it terminates its workers
            try:
                for result in map(named_by_flags, results):
                    tally.add(result, messages)
                    fault = None if report is None else _record(report, result)
                    if fault is not None:
                        break
                    messages.advance()
            except PlanError as error:  # of a listing or list, of which the beginning has run
                fault = in_flags(str(error))
    if fault is not None:
        messages.error(fault)
    tally.show_existing(messages)
    note_left_out(left_out, messages)
    if total is None or total > 1:
        messages.note(tally.line(messages.seconds))
    if tally.has_failed or fault is not None:
        raise click.exceptions.Exit(1)


def show_previews(
    previews: Iterable[Preview], left_out: Mapping[str, int], *, skipped: str, quiet: bool
) -> None:
    """Print the expected outcomes; exit with code 1 if an image would fail.

    ``skipped`` is the reason why an image would be skipped.
    """
    tally = Tally()
    with Messages(0, quiet=quiet, progress=False) as messages:
        for preview in map(named_by_flags, previews):
            tally.add(preview, messages)
            if preview.error is None:
                click.echo(printable(_line(preview, skipped)))
    tally.show_existing(messages)
    note_left_out(left_out, messages)
    if tally.has_failed:
        raise click.exceptions.Exit(1)


def named_by_flags(outcome: Outcome) -> Outcome:
    """Return an outcome whose messages name options instead of Python's parameters."""
    if outcome.error is None and not outcome.warnings:
        return outcome
    error = None if outcome.error is None else in_flags(outcome.error)
    return outcome._replace(error=error, warnings=tuple(map(in_flags, outcome.warnings)))


class Tally:
    """Counts of the outcomes of a batch; ``total`` is the number of its images, if known."""

    def __init__(self, total: int | None = None) -> None:
        self._total = total
        self._counts: Counter[str] = Counter()
        self._existing = 0
        self._first: Result | Preview | None = None

    @property
    def has_failed(self) -> bool:
        """Whether an image has failed."""
        return self._counts["failed"] > 0

    def add(self, outcome: Result | Preview, messages: Messages) -> None:
        """Count an outcome and show its messages, except those of results that exist."""
        self._counts[outcome.status] += 1
        error = outcome.error or ""
        for warning in outcome.warnings:
            if warning not in error:  # strict errors repeat the warnings
                messages.warning(outcome.job.source, warning)
        if outcome.target_exists:
            self._existing += 1
            self._first = self._first or outcome
        elif error:
            messages.error(error)

    def show_existing(self, messages: Messages) -> None:
        """Show how many results exist already, and the options for them."""
        total, count, first = self._counts.total(), self._existing, self._first
        if first is not None and total == 1:
            messages.error(str(first.error))
        elif first is not None:
            exist, them = ("exists", "it") if count == 1 else ("exist", "them")
            messages.error(
                f"{count} of {total} results {exist} already, such as {first.job.target}: "
                f"--skip-existing skips {them}, --overwrite replaces {them}"
            )

    def line(self, seconds: float) -> str:
        """Return the summary of a batch, in one line."""
        counts = self._counts
        undone = (self._total or 0) - counts.total()
        rest = f", {undone} not done" if undone > 0 else ""
        return (
            f"{counts['ok']} done, {counts['skipped']} skipped, {counts['failed']} failed"
            f"{rest}, {seconds:.1f} seconds"
        )


def note_left_out(left_out: Mapping[str, int], messages: Messages) -> None:
    """Show how many files in folders were left out, by extension."""
    if not left_out:
        return
    from convcli.batch.inputs import NOT_REGULAR

    words = {"": "without extension", NOT_REGULAR: "not regular files (pipes, sockets or devices)"}
    kinds = sorted(left_out.items(), key=lambda kind: (-kind[1], kind[0]))
    parts = [f"{count} {words.get(kind, kind)}" for kind, count in kinds[:MOST_EXTENSIONS]]
    if rest := kinds[MOST_EXTENSIONS:]:
        parts.append(f"{sum(count for _, count in rest)} of {len(rest)} other extensions")
    messages.note(f"-r left out {sum(left_out.values())} files: {', '.join(parts)}")


def _record(report: Report, result: Result) -> str | None:
    """Write a result to the report; return the error message, or None."""
    try:
        report.add(result)
    except BrokenPipeError:
        return "the report cannot be written: its reader has closed the pipe"
    except OSError as error:
        return f"the report cannot be written: {error.strerror or error}"
    return None


def _line(preview: Preview, skipped: str) -> str:
    """Return ``input -> output  WxH mode -> WxH``, with depths where one is not of 8 bits."""
    names = f"{preview.job.source} -> {preview.job.target}"
    if preview.header is None or preview.shape is None:
        return f"{names}  skipped: {skipped}"
    header = preview.header
    (before_height, before_width), (_, height, width) = header.size, preview.shape
    frames = f", {header.frames} frames" if header.frames > 1 else ""
    before, after = header.picture.depth, preview.depth or ""
    depths = ("", "") if before == after == "8" else (_in_words(before), _in_words(after))
    return (
        f"{names}  {before_width}x{before_height} {header.stored}{depths[0]}{frames} -> "
        f"{width}x{height}{depths[1]}"
    )


def _in_words(depth: str) -> str:
    return ", float" if depth == "float" else f", {depth} bits"
