"""Planning a batch: which picture goes where, for all of them before any is read."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from convcli.batch.inputs import STREAM, Source
from convcli.batch.parts import Part, key_of
from convcli.batch.stores import is_url
from convcli.errors import ImageError, PlanError
from convcli.images import check_save_options, output_format
from convcli.images.split_names import first_name, is_split, names_of, prefix


class Job(NamedTuple):
    """One picture to read, and where the result goes.

    ``format`` is None where a result on standard output takes the format of its input.
    """

    source: str
    target: str
    format: str | None


def plan_jobs(
    sources: Iterable[str | Source],
    *,
    output: str | None = None,
    output_dir: str | None = None,
    suffix: str | None = None,
    format: str | None = None,
    overwrite: bool = False,
    update: bool = False,
    save: Mapping[str, Any] | None = None,
    part: Part | None = None,
) -> list[Job]:
    """Return the job of every source: where its result goes. Reads names and folders, no files.

    One result goes to ``output``; any number to the folder ``output_dir``, a plain name under its
    base name; folders need not exist. With ``suffix`` and no folder each goes beside its input.
    With ``overwrite`` or ``update`` results may replace files; only with ``overwrite`` may one
    replace its own input. ``save`` holds the options of ``write_image(save=…)``, whose keys are
    checked. With ``part`` the jobs of that part alone are returned; all are checked.

    Raises :class:`PlanError` for an unknown format, a file in the place of a folder, two results
    of one name, a result in the place of an input, and a save option that a format does not have.
    """
    if format is not None:
        known_format(format)
    if suffix is not None:
        check_suffix(suffix)
    given = [
        Source(one, os.path.basename(one.rstrip(os.sep))) if isinstance(one, str) else one
        for one in sources
    ]
    if output is not None:
        _check_single(output_dir, suffix)
        jobs = [_single_job(given, output, format)] if given else []
    elif output_dir is not None or suffix is not None:
        jobs = _jobs_by_name(given, output_dir, suffix or "", format)
    elif [source.path for source in given] == [STREAM]:
        jobs = [Job(STREAM, STREAM, format)]
    else:
        raise PlanError(
            "where do results go? Name output=FILE for one picture, output_dir=DIR for any number, "
            "or suffix=TEXT to write each beside its input"
        )
    _check_distinct(jobs, overwrite=overwrite, update=update)
    if save:
        _check_save(jobs, save)
    if part is None:
        return jobs
    keys = {source.path: key_of(source) for source in given}
    return [job for job in jobs if part.has(keys[job.source])]


def _check_save(jobs: Iterable[Job], save: Mapping[str, Any]) -> None:
    """Refuse save options that the format of a result does not have, where it is known."""
    first = {job.format: job for job in reversed(list(jobs)) if job.format is not None}
    for name, job in first.items():
        try:
            check_save_options(output_format(name), save)
        except ImageError as error:
            raise PlanError(
                str(error) if job.target == STREAM else f"{job.target}: {error}"
            ) from None


def check_suffix(suffix: str) -> None:
    """Raise a PlanError for a suffix that cannot be part of a file's name."""
    if "/" in suffix or os.sep in suffix or "\0" in suffix:
        raise PlanError(f"the suffix {suffix!r} cannot be part of a file's name")


def _check_single(output_dir: str | None, suffix: str | None) -> None:
    """Refuse options that contradict an output file."""
    if output_dir is not None:
        raise PlanError("give output=FILE for one picture or output_dir=DIR for many, not both")
    if suffix is not None:
        raise PlanError(
            "the output is named already: suffix=TEXT is for output_dir=DIR, or for neither"
        )


def _jobs_by_name(
    sources: Sequence[Source], folder: str | None, suffix: str, format: str | None
) -> list[Job]:
    """Return a job for each source, whose target is named after it."""
    if folder is not None:
        _check_folder(folder)
    jobs = [job_by_name(source, folder, suffix, format) for source in sources]
    return _without_results(sources, jobs) if suffix else jobs


def check_apart(file: str, jobs: Iterable[Job], read: Iterable[str] = ()) -> None:
    """Raise a PlanError if the batch uses ``file``, which will be written, for something else.

    That is: as an input, a result, a folder of results, or a file that is ``read`` besides.
    """
    places = _Places()
    place = places.of(file)
    if any(name != STREAM and places.of(name) == place for name in read):
        raise PlanError(f"{file} is a list or filter of this batch: choose another file")
    if not os.path.basename(file):
        raise PlanError(f"{file} is a folder: name a file in it")
    for job in jobs:
        for name in (job.source, job.target):
            if name != STREAM and places.of(name) == place:
                raise PlanError(f"{file} is an image of this batch: choose another file")
        if job.target != STREAM and places.of(job.target).startswith(os.path.join(place, "")):
            raise PlanError(f"{file} is a folder of results: name a file in it, or another one")


class _Places:
    """Paths with symbolic links resolved; each folder is resolved once."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}

    def of(self, path: str) -> str:
        """Return a path that is equal for all names of one file."""
        if is_url(path):
            return path
        folder, name = os.path.split(path)
        if name in ("", os.curdir, os.pardir) or os.path.islink(path):
            return os.path.realpath(path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return os.path.join(self._folders[folder], name)


_format_named = cache(output_format)
"""A batch has few extensions and many names."""


def known_format(name: str) -> str:
    """Return the format of an extension or name. Raises :class:`PlanError`."""
    try:
        return _format_named(name)
    except ImageError as error:
        raise PlanError(str(error)) from None


def _single_job(sources: Sequence[Source], output: str, format: str | None) -> Job:
    if len(sources) > 1 or sources[0].is_found:
        raise PlanError(
            "output=FILE takes the result of one picture: output_dir=DIR takes any number"
        )
    source = sources[0].path
    if output == STREAM:
        return Job(source, STREAM, format)
    if os.path.isdir(output):
        raise PlanError(f"the output {output} is a folder: output_dir=DIR writes into it")
    folder, name = os.path.split(output)
    _check_folder(folder or os.curdir)
    extension = os.path.splitext(name)[1]
    if format is None and not extension:
        raise PlanError(f"the output {output} has no extension: add one, or give format=NAME")
    return Job(source, output, known_format(format or extension))


def _check_folder(folder: str) -> None:
    """Refuse a folder that could never be created: a file is in its way."""
    if is_url(folder):
        return
    if not folder:  # as from a shell variable that is not set
        raise PlanError("the name of the output folder is empty: . is the current folder")
    above = os.path.abspath(folder)
    while not os.path.lexists(above):
        above = os.path.dirname(above)
    if not os.path.isdir(above):
        raise PlanError(f"the output folder {folder} cannot be created: {above} is a file")


def job_by_name(source: Source, folder: str | None, suffix: str, format: str | None) -> Job:
    """Return the job of a source, whose target is named after it. Raises :class:`PlanError`."""
    if source.path == STREAM:
        raise PlanError("standard input has no name for a file in a folder: give output=FILE")
    stem, extension = os.path.splitext(source.path if folder is None else source.place)
    if format is not None:
        extension = "." + format.lower().removeprefix(".")
    if not extension and not is_url(source.path) and not os.path.lexists(source.path):
        raise PlanError(f"{source.path}: there is no such file or folder")
    if not extension:
        raise PlanError(f"{source.path} has no extension to take the format from: give format=NAME")
    target = os.path.join(folder or "", stem + suffix + extension)
    named = extension if format is None else format
    try:
        return Job(source.path, target, _format_named(named))
    except ImageError as error:
        raise PlanError(f"{source.path}: {error}") from None


def _without_results(sources: Sequence[Source], jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs without those of files, found in a folder, that are results of others."""
    places = _Places()
    results = {places.of(job.target) for job in jobs}
    return [
        job
        for source, job in zip(sources, jobs, strict=True)
        if not (source.is_found and places.of(job.source) in results)
    ]


def _check_distinct(jobs: Sequence[Job], *, overwrite: bool, update: bool) -> None:
    places = _Places()
    inputs = {places.of(job.source): job.source for job in jobs if job.source != STREAM}
    claimed: dict[str, str] = {}
    for job in jobs:
        if job.target == STREAM:
            continue
        place = places.of(job.target)
        if place in claimed:
            raise PlanError(_collision(claimed[place], job, places))
        claimed[place] = job.source
        if place in inputs and places.of(job.source) != place:
            raise PlanError(
                f"the result of {job.source} would replace {inputs[place]}, which is also an "
                "input: leave one of them out, or choose another folder"
            )
        if place in inputs and not overwrite:
            raise PlanError(
                f"{job.source} would be replaced by its own result: "
                "choose another place, or give overwrite=True"
            )
    if any(is_split(Path(place)) for place in claimed):
        _check_parts_distinct(jobs, places, claimed, replaces=overwrite or update)


def _collision(other: str, job: Job, places: _Places) -> str:
    """Return the message for two inputs with one target, with the remedy."""
    if places.of(other) == places.of(job.source):
        remedy = "it is one file, so name it once"
    elif os.path.dirname(other) != os.path.dirname(job.source):
        remedy = "relative_to=DIR gives each its place below a folder that holds both"
    else:
        remedy = "without format=NAME each keeps its extension; or give them different names"
    return f"{other} and {job.source} would both be written to {job.target}: {remedy}"


def _check_parts_distinct(
    jobs: Sequence[Job], places: _Places, claimed: Mapping[str, str], *, replaces: bool
) -> None:
    """Refuse a target with ``{channel}`` or ``{frame}`` that matches another job's file.

    ``claimed`` maps each target to its source; with ``replaces`` inputs are checked as well.
    """
    open_names: dict[tuple[str, str], list[tuple[re.Pattern[str], str]]] = defaultdict(list)
    for place, source in claimed.items():
        folder, name = os.path.split(place)
        if is_split(Path(name)):
            open_names[folder, prefix(name)].append((names_of(name), source))
    for job in jobs:
        # Inputs exist, and are replaced only if that is allowed.
        for path in {job.target, job.source} if replaces else {job.target}:
            folder, name = os.path.split(places.of(path))
            shown = first_name(name) if path == job.target else name
            for stop in range(len(shown) + 1):
                for pattern, source in open_names.get((folder, shown[:stop]), ()):
                    if source != job.source and pattern.fullmatch(shown):
                        raise PlanError(
                            f"a channel or frame of {source} might replace {path}: "
                            "give them different names or folders"
                        )
