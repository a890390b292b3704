"""Running a batch from the command line: its options checked, its jobs planned and run."""

from __future__ import annotations

import gc
import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, suppress
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from convcli.cli.filter_values import show_doubts
from convcli.cli.outcome import follow, show_previews
from convcli.cli.planning import Batch, planned

if TYPE_CHECKING:
    from convcli.batch import Job, Options
    from convcli.batch.report import Report
    from convcli.batch.scheduling import Pool
    from convcli.images.decoding.opened import Opened
    from convcli.pipeline.operators import Operator


def begin(images: Sequence[str], given: Mapping[str, Any]) -> Opened | None:
    """Start to decode a single picture while the rest of the program is still being imported."""
    # A list may name more pictures, and worker processes would not have the decoding thread.
    is_only = len(images) == 1 and given["files_from"] is None
    may_be_skipped = given["skip_existing"] or given["update"] or given["shard"] or given["cluster"]
    if is_only and not (given["dry_run"] or may_be_skipped):
        from convcli.images.decoding.ahead import decode_ahead

        return decode_ahead(images[0], given["max_pixels"])
    return None


def run_batch(
    operators: Sequence[Operator], filters: Sequence[str], decoding: Opened | None, **given: Any
) -> None:
    """Process every image with ``operators``; exit with code 1 if one failed.

    ``filters`` are the names as the user gave them, ``given`` the options of the command.
    """
    from convcli.batch import Options, run_jobs
    from convcli.system.memory import keep_memory
    from convcli.system.signals import end_without_delay
    from convcli.system.threads import processors

    # Imported objects are permanent; garbage can occur from here on.
    gc.freeze()
    gc.enable()
    keep_memory()
    given["save"] = dict(given["save"])
    options = Options(**{name: given.pop(name) for name in Options._fields})
    batch = Batch(**given)
    _check(batch, options)
    left_out: Counter[str] = Counter()
    items, jobs = planned(batch, options, left_out)
    first = next(items, None)
    items = iter(()) if first is None else chain([first], items)
    total = None if jobs is None else len(jobs)
    if jobs is None:  # the first stands for all
        jobs = [] if first is None else [first.job]
    if not batch.quiet:
        show_doubts(operators, jobs)
        if first is None:
            place = "were" if batch.shard is None else f"in part {batch.shard} of those"
            click.echo(f"Nothing to do: no images {place} named or found", err=True)
    if batch.dry_run:
        from convcli.batch.dry_run import preview_jobs

        skipped = "it is newer" if options.update else "it exists"
        previews = preview_jobs(items, operators, options)
        show_previews(previews, left_out, skipped=skipped, quiet=batch.quiet)
        return
    workers = batch.jobs or processors()
    workers = workers if total is None else min(workers, total or 1)
    if (workers == 1 and batch.cluster is None) or "obstore" in sys.modules:
        end_without_delay()
    with ExitStack() as stack:
        pool = None
        if batch.cluster is not None:
            pool = stack.enter_context(_cluster(batch, None if first is None else first.job))
        report = None
        if batch.report is not None:
            report = stack.enter_context(closing(_opened(batch.report, batch, filters, jobs)))
        results = run_jobs(
            items,
            operators,
            options,
            workers=workers,
            pool=pool,
            total=total,
            decoding=decoding,
        )
        follow(
            results,
            total,
            report=report,
            left_out=left_out,
            quiet=batch.quiet,
            progress=batch.progress,
        )


_NO_DESTINATION = """where do results go?
  one picture:   IMAGE -o FILE
  any number:    IMAGE... -d DIR
  beside each:   IMAGE... --suffix TEXT"""


def _check(batch: Batch, options: Options) -> None:
    """Refuse options that contradict each other, or are missing."""
    about_existing = (options.overwrite, options.skip_existing, options.update)
    is_filter = list(batch.images) == ["-"] and batch.files_from is None
    places = (batch.output, batch.output_dir, batch.suffix)
    for is_wrong, fault in (
        (not batch.images and batch.files_from is None, "name an IMAGE, or a list by --files-from"),
        (places == (None, None, None) and not is_filter, _NO_DESTINATION),
        (
            batch.relative_to is not None and batch.output_dir is None,
            "--relative-to gives results their places in -d DIR: add -d DIR",
        ),
        (
            batch.null and batch.files_from is None,
            "--null is for --files-from: add --files-from FILE",
        ),
        (
            batch.files_from == "-" and "-" in batch.images,
            "standard input is either an image or the list: use - once",
        ),
        (
            options.mode == "CMYK" and options.profile == "srgb",
            "CMYK has no sRGB colours: leave out --mode CMYK or --profile srgb",
        ),
        (sum(about_existing) > 1, "give one of --overwrite, --skip-existing and --update"),
        (
            batch.dry_run and batch.report is not None,
            "--dry-run has no results for a --report: give one of them",
        ),
    ):
        if is_wrong:
            raise click.UsageError(fault)


def _cluster(batch: Batch, first: Job | None) -> AbstractContextManager[Pool]:
    from convcli.batch.cluster import connected

    def note(text: str) -> None:
        if not batch.quiet:
            click.echo(text, err=True)

    return connected(str(batch.cluster), first, note)


def _opened(target: str, batch: Batch, filters: Sequence[str], jobs: Iterable[Job]) -> Report:
    """Open the report; create its folder if that is in the output folder."""
    from convcli.batch.inputs import STREAM
    from convcli.batch.jobs import check_apart
    from convcli.batch.report import Report
    from convcli.batch.stores import is_url

    if is_url(target):
        check_apart(target, jobs, () if batch.files_from is None else (batch.files_from,))
    elif target != STREAM:
        listed = () if batch.files_from is None else (batch.files_from,)
        check_apart(target, jobs, (*filters, *listed))
        folder = os.path.abspath(os.path.dirname(target))
        results = batch.output_dir or os.path.dirname(batch.output or "")
        results = results and os.path.abspath(results)
        if results and os.path.commonpath([folder, results]) == results:
            with suppress(OSError):  # opening the report fails with a message
                os.makedirs(folder, exist_ok=True)
    return Report(target)
