"""Many pictures: each one done by itself, and what became of it.

A plan is a list of jobs, and running it gives a result for each as it ends::

    from functools import partial

    from convcli import apply_filters, load_filter
    from convcli.batch import Options, plan_jobs, run_jobs

    jobs = plan_jobs(["a.jpg", "b.jpg"], output_dir="sharp")
    sharpen = partial(apply_filters, filters=[load_filter("sharpen")])
    for result in run_jobs(jobs, sharpen, Options(skip_existing=True), workers=2):
        print(result.job.target, result.status, result.error)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from convcli.channels import existing, is_split
from convcli.errors import ConvcliError, ExistsError, ImageError
from convcli.files import check_target
from convcli.images import Picture, output_format, read_image, write_image
from convcli.inputs import STREAM, contents, name_of
from convcli.plan import Job, plan_jobs
from convcli.streams import standard_output
from convcli.warned import collected

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = ["STREAM", "Job", "Options", "Result", "Shape", "plan_jobs", "run_job", "run_jobs"]

Transform = Callable[..., Picture]

Shape: TypeAlias = tuple[int, ...]
"""(C, H, W), or (N, C, H, W) of frames."""

OK, SKIPPED, FAILED = "ok", "skipped", "failed"


class Options(NamedTuple):
    """How every picture of a batch is read and written.

    ``overwrite`` replaces a target that exists, ``update`` one that is older than its source:
    jobs whose target is not are skipped; ``skip_existing`` skips every job whose target exists.
    ``strict`` makes a job fail whose result would lose something, with no file written.
    ``max_pixels`` refuses a picture whose header says more (None is Pillow's limit). ``filters``
    are the names that results give.
    """

    mode: str | None = None
    frames: str = "all"
    quality: int | None = None
    save: Mapping[str, Any] | None = None
    overwrite: bool = False
    strip: bool = False
    skip_existing: bool = False
    max_pixels: int | None = None
    filters: tuple[str, ...] = ()
    update: bool = False
    strict: bool = False

    @property
    def replaces(self) -> bool:
        """Whether a target that exists may be replaced, once its job is not skipped."""
        return self.overwrite or self.update


AS_THEY_COME = Options()


class Result(NamedTuple):
    """What became of a job.

    ``status`` is "ok", "skipped" or "failed", and ``error`` says why where it failed. The shapes
    are those before and after filtering, None where it did not come so far or where pages differ
    in size. ``seconds`` are from reading to writing. ``target_exists`` tells a job that failed
    because its target exists already.
    """

    job: Job
    status: str
    error: str | None = None
    warnings: tuple[str, ...] = ()
    input_shape: Shape | None = None
    output_shape: Shape | None = None
    filters: tuple[str, ...] = ()
    seconds: float = 0.0
    target_exists: bool = False


def run_jobs(
    jobs: Iterable[Job],
    transform: Transform,
    options: Options = AS_THEY_COME,
    *,
    workers: int = 1,
    executor: Executor | None = None,
) -> Generator[Result]:
    """Do the jobs, and tell of each as it ends.

    ``transform(picture, as_float=…)`` returns the result; ``as_float`` asks for raw numbers. With
    more than one of ``workers`` it has to be picklable, and every worker is a process: decoding
    and encoding small pictures hold on to the interpreter too much for threads. A job that fails
    leaves no file and does not stop the others; a process that dies costs its picture.

    ``executor``, anything with the interface of ``concurrent.futures.Executor``, takes the place
    of these processes: ``workers`` then says how many it has, and what it loses is not tried
    again. It stays open. Jobs are taken a few at a time, and may come from a generator.
    """
    if workers < 1:
        raise ValueError(f"{workers} workers do nothing: there has to be one at least")
    do = partial(run_job, transform=transform, options=options)
    if executor is not None:
        from convcli.executors import each_done_by

        yield from each_done_by(executor, jobs, do, workers, lost=_lost)
        return
    waiting = iter(jobs)
    first = list(islice(waiting, workers))
    if len(first) < 2:
        yield from map(do, chain(first, waiting))
        return
    from convcli.workers import each_done  # what it imports takes a while

    # A file that was not there before is a dead worker's own, and not in its successor's way.
    again = options._replace(overwrite=True, skip_existing=False, update=False)
    redo = partial(run_job, transform=transform, options=again)
    absent: set[str] = set()

    def noted() -> Iterator[Job]:
        for job in chain(first, waiting):
            if existing(Path(job.target)) is None:
                absent.add(job.target)
            yield job

    for result in each_done(
        noted(),
        do,
        len(first),
        again=lambda job: redo if job.target in absent else do,
        lost=_lost,
    ):
        absent.discard(result.job.target)
        yield result


def run_job(job: Job, transform: Transform, options: Options) -> Result:
    """Do one job."""
    begun = perf_counter()
    if is_skipped(job, options):
        return Result(job, SKIPPED, filters=options.filters)
    shapes: list[Shape | None] = []
    with collected() as texts:
        error = _attempt(job, transform, options, shapes, texts)
    # A file that is there now is whole, and another run's, which was faster.
    is_faster = options.skip_existing and not is_split(Path(job.target)) and is_done(job)
    if error is not None and is_faster:
        return Result(job, SKIPPED, filters=options.filters)
    read, written = (*shapes, None, None)[:2]
    return Result(
        job,
        OK if error is None else FAILED,
        None if error is None else str(error),
        tuple(dict.fromkeys(texts)),
        read,
        written,
        options.filters,
        perf_counter() - begun,
        isinstance(error, ExistsError),
    )


def is_done(job: Job) -> bool:
    """Tell whether the result of a job is there, perhaps from an earlier run."""
    return job.target != STREAM and existing(Path(job.target)) is not None


def is_skipped(job: Job, options: Options) -> bool:
    """Tell whether a job is passed over because of the result that is there."""
    if options.update:
        return _is_current(job)
    return options.skip_existing and is_done(job)


def _is_current(job: Job) -> bool:
    """Tell whether the result of a job is as new as its source, as make has it."""
    there = None if STREAM in (job.source, job.target) else existing(Path(job.target))
    try:
        return there is not None and os.stat(there).st_mtime_ns >= os.stat(job.source).st_mtime_ns
    except (OSError, ValueError):  # its source is gone, which will be an error
        return False


def check_nothing_lost(texts: Iterable[str]) -> None:
    """Raise an ImageError of what a result would lose, if it is anything."""
    if losses := "; ".join(dict.fromkeys(texts)):
        raise ImageError(f"its result would lose something: {losses}")


def _lost(job: Job, reason: str | None = None) -> Result:
    reason = reason or "the process that worked on it was killed"
    return Result(job, FAILED, f"{name_of(job.source)}: {reason}")


def _attempt(
    job: Job,
    transform: Transform,
    options: Options,
    shapes: list[Shape | None],
    texts: Sequence[str],
) -> ConvcliError | None:
    """Do one job; return what went wrong, or None. Puts what comes in and out into ``shapes``."""
    try:
        _run(job, transform, options, shapes, texts)
    except ConvcliError as error:
        return error
    except MemoryError:
        name = name_of(job.source)
        return ImageError(f"{name}: there is not enough memory for this picture")
    return None


def _run(
    job: Job,
    transform: Transform,
    options: Options,
    shapes: list[Shape | None],
    texts: Sequence[str],
) -> None:
    folder = os.path.dirname(job.target)
    if job.target != STREAM and os.path.isdir(folder or os.curdir):
        check_target(Path(job.target), options.replaces)
    with contents(job.source) as source:
        picture = read_image(
            source, mode=options.mode, frames=options.frames, max_pixels=options.max_pixels
        )
    shapes.append(picture.shape)
    chosen = job.format or picture.format
    try:
        as_float = output_format(chosen) == "NPY"
        result = transform(picture, as_float=as_float)
    except ConvcliError as error:
        raise ImageError(f"{name_of(job.source)}: {error}") from error
    shapes.append(result.shape)
    if job.target != STREAM:
        _make_folder(folder)
    write = partial(
        write_image,
        result,
        format=chosen,
        quality=options.quality,
        save=options.save,
        strip=options.strip,
        overwrite=options.replaces,
        check=partial(check_nothing_lost, texts) if options.strict else None,
    )
    if job.target != STREAM:
        write(job.target)
        return
    try:
        write(standard_output())
    except ImageError as error:  # which knows of no name
        raise ImageError(f"{name_of(job.source)}: {error}") from error


def _make_folder(folder: str) -> None:
    try:
        os.makedirs(folder or os.curdir, exist_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise ImageError(f"the folder {folder} cannot be created: {reason}") from error
