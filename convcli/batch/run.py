"""Running a job: a picture is read, processed and written, and yields a result."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple, TypeAlias, TypedDict

from convcli.batch.inputs import STREAM, contents, name_of
from convcli.batch.jobs import Job
from convcli.batch.stores import is_url, write_object
from convcli.errors import ConvcliError, ExistsError, ImageError
from convcli.images import Picture, output_format, read_image, write_image
from convcli.images.decoding.opened import Opened
from convcli.images.formats import ARRAY_FORMAT
from convcli.images.split_names import check_output, existing, is_split
from convcli.images.write import encode_image
from convcli.pipeline.operators import Operator
from convcli.pipeline.process import Processing, process
from convcli.pipeline.shapes import MAX_PIXELS
from convcli.system.atomic_files import exists
from convcli.system.streams import standard_output
from convcli.system.thread_warnings import collect_warnings

Shape: TypeAlias = tuple[int, ...]
"""(C, H, W), or (N, C, H, W) of frames."""

OK, SKIPPED, FAILED = "ok", "skipped", "failed"


class Options(NamedTuple):
    """How every picture of a batch is read, processed and written.

    ``linear`` filters in linear light; ``depth`` is that of the result, None for the picture's.
    ``overwrite`` replaces a target that exists, ``update`` one that is older than its source, and
    skips the other jobs; ``skip_existing`` skips every job whose target exists. ``strict`` turns
    warnings of what a result loses into errors, and then no file is written. ``max_pixels`` refuses
    a picture or a result with more than that (None is Pillow's limit). The others are those of
    ``read_image`` and ``write_image``.
    """

    mode: str | None = None
    frames: str = "all"
    linear: bool = False
    quality: int | None = None
    save: Mapping[str, Any] | None = None
    strip: bool = False
    overwrite: bool = False
    skip_existing: bool = False
    update: bool = False
    strict: bool = False
    max_pixels: int | None = None
    depth: str | None = None
    profile: str = "keep"

    @property
    def replaces(self) -> bool:
        """Whether existing targets of jobs that are not skipped may be replaced."""
        return self.overwrite or self.update

    def processing(self, format_name: str) -> Processing:
        """Return how a picture is processed whose result is written in a format, and not kept."""
        return Processing(
            linear=self.linear,
            as_float=format_name == ARRAY_FORMAT and self.depth is None,
            reuse=True,
            max_pixels=self.max_pixels or MAX_PIXELS,
            depth=self.depth,
        )


DEFAULT_OPTIONS = Options()


class Result(NamedTuple):
    """The outcome of a job.

    ``status`` is "ok", "skipped" or "failed", and ``error`` says why where it failed. The shapes
    are those before and after filtering, None where the job failed earlier or pages differ in
    size. ``seconds`` includes reading and writing. ``target_exists`` is true for a job
    that failed because its target exists already. The depths are "8", "16" or "float", those of the
    first frame.
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
    input_depth: str | None = None
    output_depth: str | None = None


def run_job(
    job: Job,
    operators: Sequence[Operator],
    options: Options = DEFAULT_OPTIONS,
    decoding: Opened | None = None,
    *,
    again: bool = False,
    was_done: bool | None = None,
) -> Result:
    """Run one job.

    With ``again`` an earlier attempt may have run it: a result that exists now is then its result.
    ``was_done`` says whether a result in an object store was there, so that it is not looked for.
    ``decoding`` is as in ``read_image``.
    """
    begun = perf_counter()
    filters = tuple(operator.filter.name for operator in operators)
    if is_skipped(job, options, was_done):
        return Result(job, OK if again else SKIPPED, filters=filters)
    if again and is_split(Path(job.target)):  # an attempt may have written some of its files
        options = options._replace(overwrite=True)
    attempt = _Attempt(job, operators, options, decoding, bool(was_done))
    error = attempt.run()
    if again and isinstance(error, ExistsError):
        error = None
    # A target that exists now is complete, and was written by another process meanwhile.
    may_be_overtaken = options.skip_existing and not is_split(Path(job.target))
    is_there = isinstance(error, ExistsError) if is_url(job.target) else is_done(job)
    if error is not None and may_be_overtaken and is_there:
        return Result(job, SKIPPED, filters=filters)
    return Result(
        job,
        OK if error is None else FAILED,
        None if error is None else str(error),
        tuple(dict.fromkeys(attempt.warnings)),
        attempt.input_shape,
        attempt.output_shape,
        filters,
        perf_counter() - begun,
        isinstance(error, ExistsError),
        attempt.input_depth,
        attempt.output_depth,
    )


def is_done(job: Job) -> bool:
    """Return whether the result of a job exists, perhaps from an earlier run."""
    return job.target != STREAM and existing(Path(job.target)) is not None


def is_skipped(job: Job, options: Options, was_done: bool | None = None) -> bool:
    """Return whether a job is skipped because its result exists.

    ``was_done`` says so of a result in an object store, if it is known.
    """
    if is_url(job.target):
        return (options.update or options.skip_existing) and bool(was_done)
    if options.update:
        return is_current(job)
    return options.skip_existing and is_done(job)


def is_current(job: Job) -> bool:
    """Return whether the result of a job is not older than its source, as make compares them."""
    there = None if STREAM in (job.source, job.target) else existing(Path(job.target))
    try:
        return there is not None and os.stat(there).st_mtime_ns >= os.stat(job.source).st_mtime_ns
    except (OSError, ValueError):  # no source: reading it will fail with a message
        return False


def check_nothing_lost(texts: Iterable[str]) -> None:
    """Raise an ImageError that lists what a result would lose, if there is anything."""
    if losses := "; ".join(dict.fromkeys(texts)):
        raise ImageError(f"its result would lose something: {losses}")


class Encoding(TypedDict):
    """Those arguments of ``write_image`` and ``encode_image`` that decide about the bytes."""

    format: str
    quality: int | None
    save: Mapping[str, Any] | None
    strip: bool
    depth: str | None
    check: Callable[[], object] | None


class _Attempt:
    """A job in progress: its shapes and warnings as far as they are known."""

    def __init__(
        self,
        job: Job,
        operators: Sequence[Operator],
        options: Options,
        decoding: Opened | None,
        is_there: bool,
    ) -> None:
        self._job, self._operators, self._options = job, operators, options
        self._decoding, self._is_there = decoding, is_there
        self.input_shape: Shape | None = None
        self.output_shape: Shape | None = None
        self.input_depth: str | None = None
        self.output_depth: str | None = None
        self.warnings: list[str] = []

    def run(self) -> ConvcliError | None:
        """Run the job; return its error, or None."""
        with collect_warnings(self.warnings):
            try:
                self._write(*self._filtered())
            except ConvcliError as error:
                return error
            except MemoryError:
                name = name_of(self._job.source)
                return ImageError(f"{name}: there is not enough memory for this picture")
        return None

    def _filtered(self) -> tuple[Picture, str]:
        """Return the result, and the name of its format."""
        job, options = self._job, self._options
        if is_url(job.target):
            if self._is_there and not options.replaces:
                raise exists(job.target)
        elif job.target != STREAM and os.path.isdir(os.path.dirname(job.target) or os.curdir):
            check_output(Path(job.target), options.replaces)
        with contents(job.source) as source:
            picture = read_image(
                source,
                mode=options.mode,
                profile=options.profile,
                frames=options.frames,
                max_pixels=options.max_pixels,
                decoding=self._decoding,
            )
        self.input_shape, self.input_depth = picture.shape, picture.depth
        chosen = job.format or picture.format
        try:
            result = process(picture, self._operators, options.processing(output_format(chosen)))
        except ConvcliError as error:
            raise ImageError(f"{name_of(job.source)}: {error}") from error
        self.output_shape, self.output_depth = result.shape, result.depth
        return result, chosen

    def _write(self, result: Picture, format: str) -> None:
        options, target = self._options, self._job.target
        if is_url(target):
            self._put(result, format)
            return
        encoding = self._encoding(format)
        write = partial(write_image, result, overwrite=options.replaces, **encoding)
        if target != STREAM:
            _make_folder(os.path.dirname(target))
            write(target)
            return
        try:
            write(standard_output())
        except ImageError as error:  # it does not name the input
            raise ImageError(f"{name_of(self._job.source)}: {error}") from error

    def _encoding(self, format: str) -> Encoding:
        options = self._options
        return Encoding(
            format=format,
            quality=options.quality,
            save=options.save,
            strip=options.strip,
            depth=options.depth,
            check=partial(check_nothing_lost, self.warnings) if options.strict else None,
        )

    def _put(self, result: Picture, format: str) -> None:
        """Write the result to an object store, all parts encoded before the first is put."""
        options = self._options
        folder, _, name = self._job.target.rpartition("/")
        try:
            for part, data in encode_image(result, name, **self._encoding(format)):
                write_object(f"{folder}/{part}", data, overwrite=options.replaces)
        except ExistsError:
            raise
        except ImageError as error:
            raise ImageError(f"{self._job.target}: {error}") from error


def _make_folder(folder: str) -> None:
    try:
        os.makedirs(folder or os.curdir, exist_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise ImageError(f"the folder {folder} cannot be created: {reason}") from error
