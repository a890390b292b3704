"""Many pictures: which goes where, each one done by itself, and what became of it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from convcli.errors import ConvcliError, ImageError, PlanError
from convcli.files import check_target
from convcli.images import Picture, output_format, read_image, write_image
from convcli.streams import read_standard_input, standard_output

STREAM = "-"
"""Standard input as an input, standard output as an output."""


Transform = Callable[..., Picture]


class Job(NamedTuple):
    """One picture to read, and where the result goes.

    ``format`` is None where the result takes the format of the input (on a stream).
    """

    source: str
    target: str
    format: str | None


class Options(NamedTuple):
    """How every picture of a batch is read and written."""

    mode: str | None = None
    frames: str = "all"
    quality: int | None = None
    save: Mapping[str, Any] | None = None
    overwrite: bool = False


class Result(NamedTuple):
    """What became of a job: ``error`` is None where all went well."""

    job: Job
    error: str | None
    warnings: tuple[str, ...]


def plan_jobs(
    sources: Sequence[str],
    *,
    output: str | None = None,
    output_dir: str | None = None,
    format: str | None = None,
    overwrite: bool = False,
) -> list[Job]:
    """Settle where every result goes, before any is computed.

    Raises :class:`PlanError` for a request that cannot be right as a whole: an unknown format, a
    missing folder, two results of one name, a result in the place of its own input.
    """
    if format is not None:
        _known_format(format)
    if output is not None and output_dir is not None:
        raise PlanError("give -o FILE for one picture or -d DIR for many, not both")
    if output_dir is not None:
        jobs = [_job_in_folder(source, Path(output_dir), format) for source in sources]
    elif len(sources) == 1 and (output is not None or sources[0] == STREAM):
        jobs = [_single_job(sources[0], output or STREAM, format)]
    else:
        raise PlanError(
            "where to? One picture:    IMAGE -o FILE\n           any number:    IMAGE... -d DIR"
        )
    _check_distinct(jobs, overwrite)
    return jobs


def run_jobs(
    jobs: Sequence[Job], transform: Transform, options: Options, *, workers: int = 1
) -> Iterator[Result]:
    """Do the jobs, and tell of each as it ends.

    ``transform(picture, as_float=…)`` returns the result; ``as_float`` asks for raw numbers. With
    more than one of ``workers`` it has to be picklable, and every worker is a process: decoding
    and encoding small pictures hold on to the interpreter too much for threads. A job that fails
    leaves no file and does not stop the others.
    """
    if workers == 1 or len(jobs) == 1:
        yield from (run_job(job, transform, options) for job in jobs)
        return
    from convcli.workers import each_done  # what it imports takes a while

    do = partial(run_job, transform=transform, options=options)
    # A file that was not there before is a dead worker's own, and not in its successor's way.
    absent = {job.target for job in jobs if not os.path.exists(job.target)}
    redo = partial(run_job, transform=transform, options=options._replace(overwrite=True))
    yield from each_done(
        jobs,
        do,
        min(workers, len(jobs)),
        again=lambda job: redo if job.target in absent else do,
        lost=_lost,
    )


def run_job(job: Job, transform: Transform, options: Options) -> Result:
    """Do one job."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        error = _attempt(job, transform, options)
    return Result(job, error, tuple(dict.fromkeys(_texts(caught))))


def _lost(job: Job) -> Result:
    return Result(job, f"{_name(job.source)}: the process that worked on it was killed", ())


def _attempt(job: Job, transform: Transform, options: Options) -> str | None:
    """Do one job; return what went wrong, or None."""
    try:
        _run(job, transform, options)
    except ConvcliError as error:
        return str(error)
    except MemoryError:
        return f"{_name(job.source)}: there is not enough memory for this picture"
    return None


def _run(job: Job, transform: Transform, options: Options) -> None:
    if job.target != STREAM:
        check_target(Path(job.target), options.overwrite)
    if job.source == STREAM:
        try:
            picture = read_image(read_standard_input(), mode=options.mode, frames=options.frames)
        except ImageError as error:
            raise ImageError(f"{_name(STREAM)}: {error}") from error
    else:
        picture = read_image(job.source, mode=options.mode, frames=options.frames)
    chosen = job.format or picture.format
    try:
        as_float = output_format(chosen) == "NPY"
        result = transform(picture, as_float=as_float)
    except ConvcliError as error:
        raise ImageError(f"{_name(job.source)}: {error}") from error
    target = standard_output() if job.target == STREAM else job.target
    write_image(
        result,
        target,
        format=chosen,
        quality=options.quality,
        save=options.save,
        overwrite=options.overwrite,
    )


def _name(source: str) -> str:
    return "standard input" if source == STREAM else source


def _texts(caught: Iterable[Any]) -> Iterator[str]:
    for warning in caught:
        if issubclass(warning.category, UserWarning):
            yield str(warning.message)


def _known_format(name: str) -> str:
    try:
        return output_format(name)
    except ImageError as error:
        raise PlanError(str(error)) from None


def _single_job(source: str, output: str, format: str | None) -> Job:
    if output == STREAM:
        return Job(source, STREAM, format)
    target = Path(output)
    if os.path.isdir(target):
        raise PlanError(f"-o {output} is a folder: -d writes into it")
    if not os.path.isdir(target.parent):
        raise PlanError(f"the folder {target.parent} does not exist: create it first")
    if format is None and not target.suffix:
        raise PlanError(f"-o {output} has no extension: add one, or name the --format")
    return Job(source, output, _known_format(format or target.suffix))


def _job_in_folder(source: str, folder: Path, format: str | None) -> Job:
    if not os.path.isdir(folder):
        raise PlanError(f"the folder {folder} does not exist: create it first")
    if source == STREAM:
        raise PlanError("standard input has no name to write under in a folder: use -o FILE")
    path = Path(source)
    if format is None:
        if not path.suffix:
            raise PlanError(f"{source} has no extension to take the format from: use --format")
        return Job(source, str(folder / path.name), _known_format(path.suffix))
    extension = format.lower().removeprefix(".")
    return Job(source, str(folder / f"{path.stem}.{extension}"), _known_format(format))


def _check_distinct(jobs: Sequence[Job], overwrite: bool) -> None:
    claimed: dict[str, str] = {}
    for job in jobs:
        if job.target == STREAM:
            continue
        place = os.path.realpath(job.target)
        if place in claimed:
            raise PlanError(
                f"{claimed[place]} and {job.source} would both be written to {job.target}: "
                "give them different names or folders"
            )
        claimed[place] = job.source
        if job.source != STREAM and os.path.realpath(job.source) == place and not overwrite:
            raise PlanError(
                f"{job.source} would be replaced by its own result: "
                "choose another place, or --overwrite"
            )
