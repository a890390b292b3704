"""Planning while inputs are still being listed: memory does not grow with their number.

What :func:`convcli.batch.jobs.plan_jobs` refuses for the whole batch becomes the fault of one
picture here, because the others are running already.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from convcli.batch.inputs import Source
from convcli.batch.jobs import Job, job_by_name
from convcli.batch.parts import Part, digest_of, key_of
from convcli.batch.run import Options
from convcli.batch.shards import Item
from convcli.batch.stores import Entry, find_object, is_url, list_objects
from convcli.errors import ConvcliError, ImageError, PlanError
from convcli.images import check_save_options, output_format
from convcli.images.split_names import existing, first_parts, is_split, may_be_split


class Existing:
    """Results that exist in a folder of a store, from one listing of it.

    With ``is_sorted`` targets are asked for in the order of the listing, which is then read along
    with them; without, the digests of all names are held in memory (about 100 bytes each).
    """

    def __init__(self, folder: str, *, is_sorted: bool) -> None:
        """Begin the listing. Raises :class:`PlanError`."""
        self._entries = _listed(folder)
        self._next = next(self._entries, None)
        self._known: dict[bytes, float] | None = None if is_sorted else {}
        if self._known is not None:
            while self._next is not None:
                self._known[digest_of(self._next.url)] = self._next.modified
                self._next = next(self._entries, None)

    def modified(self, target: str) -> float | None:
        """Return when an object was modified, in seconds since 1970; None where there is none."""
        if self._known is not None:
            return self._known.get(digest_of(target))
        while self._next is not None and self._next.url < target:
            self._next = next(self._entries, None)
        if self._next is None or self._next.url != target:
            return None
        return self._next.modified


def _listed(folder: str) -> Iterator[Entry]:
    try:
        yield from list_objects(folder)
    except ImageError as error:
        raise PlanError(f"{folder} cannot be listed: {error}") from error


class Targets:
    """Targets so far, to find two of one name.

    With ``is_sorted`` their places come in the order of their names: only those are kept that a
    later place can meet, whose stem it begins with.
    """

    def __init__(self, *, is_sorted: bool) -> None:
        """Begin without any."""
        self._open: list[tuple[str, str, str]] = []
        self._known: dict[bytes, None] | None = None if is_sorted else {}

    def other(self, job: Job, place: str) -> str | None:
        """Add a job; return the source, or "another picture", that has the same target."""
        if self._known is not None:
            digest = digest_of(job.target)
            if digest in self._known:
                return "another picture"
            self._known[digest] = None
            return None
        waiting = self._open
        while waiting and not place.startswith(waiting[-1][0]):
            waiting.pop()
        for _, target, source in waiting:
            if target == job.target:
                return source
        stem = place[: place.rfind(".") + 1] or f"{place}."
        waiting.append((stem, job.target, job.source))
        return None


def stream_items(
    sources: Iterable[Source],
    options: Options,
    *,
    output_dir: str,
    suffix: str = "",
    format: str | None = None,
    part: Part | None = None,
    is_sorted: bool = False,
) -> Iterator[Item]:
    """Yield the jobs of the sources as they come, with what is known of their results.

    ``is_sorted`` says that their places come in the order of a listing. Raises :class:`PlanError`,
    also for save options that the format of the first result does not have.
    """
    keeps_order = is_sorted and format is None and not suffix
    results = None
    if is_url(output_dir) and not options.overwrite:
        results = Existing(output_dir, is_sorted=keeps_order)
    targets = Targets(is_sorted=is_sorted)
    misfits: dict[str | None, str | None] = {}
    for source in sources:
        try:
            job = job_by_name(source, output_dir, suffix, format)
        except PlanError as error:
            yield Item(Job(source.path, output_dir, None), fault=str(error))
            continue
        if job.format not in misfits:
            misfits[job.format] = _misfit(job, options)
            if len(misfits) == 1 and misfits[job.format] is not None:
                raise PlanError(f"{job.target}: {misfits[job.format]}")
        fault = misfits[job.format]
        if fault is not None:
            fault = f"{job.target}: {fault}"
        elif (other := targets.other(job, source.place)) is not None:
            fault = f"{source.path}: {other} would also be written to {job.target}"
        elif job.source == job.target and not options.overwrite:
            fault = (
                f"{job.source} would be replaced by its own result: choose another place, or give "
                "overwrite=True"
            )
        if part is None or part.has(key_of(source)):
            yield Item(job, was_done(job, options, results, source), source.size, fault)


def _misfit(job: Job, options: Options) -> str | None:
    """Return what is wrong with the save options for the format of a result, or None."""
    if options.save and job.format is not None:
        try:
            check_save_options(output_format(job.format), options.save)
        except ImageError as error:
            return str(error)
    return None


def was_done(
    job: Job, options: Options, results: Existing | None, source: Source | None = None
) -> bool | None:
    """Return whether the result of a job is there, and current if that matters; None if unknown."""
    if results is None and (is_url(job.target) or options.overwrite):
        return None
    if results is None:
        there = _modified(str(existing(Path(job.target)) or ""))
    elif may_be_split(job.target):
        times = [results.modified(name) for name in _first_names(job.target)]
        there = next((time for time in times if time is not None), None)
    else:
        there = results.modified(job.target)
    if there is None or not options.update:
        return there is not None
    modified = source.modified if source is not None and source.modified else _modified(job.source)
    return modified is not None and there >= modified


def _first_names(target: str) -> list[str]:
    folder, _, name = target.rpartition("/")
    if not is_split(Path(name)):
        return [target]
    return [f"{folder}/{first.name}" for first in first_parts(Path(name))]


def _modified(source: str) -> float | None:
    try:
        if is_url(source):
            entry = find_object(source)
            return None if entry is None else entry.modified
        return os.stat(source).st_mtime
    except (ConvcliError, OSError, ValueError):  # reading it will fail with a message
        return None


def current(job: Job, *, update: bool) -> bool:
    """Return whether the result of a job exists, and with ``update`` is not older than its source.

    One request for the target, and with ``update`` one for the source, where they are objects.
    """
    if not is_url(job.target):
        there = existing(Path(job.target))
        modified = None if there is None else os.stat(there).st_mtime
    else:
        found = (find_object(name) for name in _first_names(job.target))
        modified = next((entry.modified for entry in found if entry is not None), None)
    if modified is None or not update:
        return modified is not None
    source = _modified(job.source)
    return source is not None and modified >= source
