"""The jobs of a batch, from its options: planned as a whole, or while inputs are listed."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise
from typing import TYPE_CHECKING, NamedTuple

import click

from convcli.errors import ImageError, PlanError

if TYPE_CHECKING:
    from convcli.batch import Job, Options
    from convcli.batch.parts import Part
    from convcli.batch.shards import Item


class Batch(NamedTuple):
    """The inputs, outputs and progress display of a batch.

    :class:`convcli.batch.Options` holds how each picture is processed.
    """

    images: Sequence[str]
    files_from: str | None
    null: bool
    recursive: bool
    relative_to: str | None
    output: str | None
    output_dir: str | None
    suffix: str | None
    format: str | None
    jobs: int | None
    shard: Part | None
    cluster: str | None
    dry_run: bool
    report: str | None
    progress: bool | None
    quiet: bool


class Planned(NamedTuple):
    """The jobs of a batch, with what is known of their results.

    ``jobs`` are all of them, or None where they are planned while inputs are listed.
    """

    items: Iterator[Item]
    jobs: list[Job] | None


def planned(batch: Batch, options: Options, left_out: Counter[str]) -> Planned:
    """Return the jobs of a batch; ``left_out`` is as in ``expand``. Raises PlanError."""
    from convcli.batch.lists import read_list

    _check_stores(batch)
    listed: Iterator[str] = iter(())
    if batch.files_from is not None:
        listed = read_list(batch.files_from, null=batch.null)
    first = next(listed, None)
    if first is not None:
        listed = chain([first], listed)
    if _is_streamed(batch, first):
        return Planned(_streamed(batch, listed, options, left_out), None)
    jobs = _plan(batch, listed, options, left_out)
    return Planned(_known(jobs, batch, options), jobs)


def _check_stores(batch: Batch) -> None:
    """Raise a PlanError if nobody answers at a store that the command line names."""
    from convcli.batch.stores import check_answers, is_url, split_url

    named = [*batch.images, batch.files_from, batch.output, batch.output_dir, batch.report]
    answered = set()
    for url in (one for one in named if one is not None and is_url(one)):
        try:
            if (bucket := split_url(url)[0]) not in answered:
                check_answers(url)
                answered.add(bucket)
        except ImageError as error:
            raise PlanError(f"{url}: {error}") from error


def _is_streamed(batch: Batch, listed: str | None) -> bool:
    """Return whether jobs are planned one by one: those of folders and lists of a store.

    ``listed`` is the first name of the list.
    """
    from convcli.batch.stores import is_url

    if batch.output is not None or batch.output_dir is None:
        return False
    in_folders = batch.recursive and any(map(is_url, batch.images))
    in_list = listed is not None and (is_url(listed) or is_url(batch.output_dir))
    return in_folders or in_list


def _streamed(
    batch: Batch, listed: Iterable[str], options: Options, left_out: Counter[str]
) -> Iterator[Item]:
    from convcli.batch.inputs import each_source, placed_below
    from convcli.batch.jobs import check_suffix, known_format
    from convcli.batch.streaming import stream_items

    if batch.format is not None:
        known_format(batch.format)
    if batch.suffix is not None:
        check_suffix(batch.suffix)
    sources = each_source(
        batch.images,
        listed=listed,
        recursive=batch.recursive,
        output_dir=batch.output_dir,
        left_out=left_out,
    )
    return stream_items(
        sources if batch.relative_to is None else placed_below(batch.relative_to, sources),
        options,
        output_dir=str(batch.output_dir),
        suffix=batch.suffix or "",
        format=batch.format,
        part=batch.shard,
        is_sorted=_is_in_order(batch),
    )


def _is_in_order(batch: Batch) -> bool:
    """Return whether the places of results come in the order in which a store lists names.

    Those of one listing do; those of several, or of a list, if their names do and are kept.
    """
    from convcli.batch.lists import is_in_order
    from convcli.batch.stores import is_url

    is_kept = batch.relative_to is not None and is_url(batch.relative_to)
    if batch.files_from is not None:
        return is_kept and not batch.images and is_in_order(batch.files_from, null=batch.null)
    folders = [f"{name.rstrip('/')}/" for name in batch.images]
    is_apart = all(one < other and not other.startswith(one) for one, other in pairwise(folders))
    return len(folders) == 1 or (is_kept and is_apart)


def _known(jobs: Sequence[Job], batch: Batch, options: Options) -> Iterator[Item]:
    """Yield the jobs with what is known of their results; those of a folder are listed at once."""
    from convcli.batch.dispatch import described
    from convcli.batch.stores import is_url
    from convcli.batch.streaming import Existing, was_done

    folder = batch.output_dir
    if folder is None or not is_url(folder) or options.overwrite:
        yield from (described(job, options) for job in jobs)
        return
    results = Existing(folder, is_sorted=False)
    for job in jobs:
        yield described(job, options, was_done(job, options, results))


def _plan(
    batch: Batch, listed: Iterable[str], options: Options, left_out: Counter[str]
) -> list[Job]:
    from convcli.batch.inputs import STREAM, expand
    from convcli.batch.jobs import plan_jobs

    sources = expand(
        batch.images,
        listed=listed,
        recursive=batch.recursive,
        output_dir=batch.output_dir,
        relative_to=batch.relative_to,
        left_out=left_out,
    )
    jobs = plan_jobs(
        sources,
        output=batch.output,
        output_dir=batch.output_dir,
        suffix=batch.suffix,
        format=batch.format,
        overwrite=options.overwrite,
        update=options.update,
        save=options.save,
        part=batch.shard,
    )
    if any(job.target == STREAM for job in jobs) and not batch.dry_run:
        if batch.report == STREAM:
            raise click.UsageError("standard output is either for the image or for the report")
        if sys.stdout is not None and sys.stdout.isatty():
            raise click.UsageError("an image does not go to a terminal: use -o FILE, or a pipe")
    return jobs
