"""What a batch would do, told from the headers of its pictures. Nothing is decoded or written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from convcli.batch.inputs import STREAM, contents, name_of
from convcli.batch.jobs import Job
from convcli.batch.run import FAILED, OK, SKIPPED, Options, is_done
from convcli.errors import ConvcliError, ImageError
from convcli.images import Header, output_format, read_header
from convcli.images.coerce import pictured
from convcli.images.formats import ARRAY_FORMAT
from convcli.images.frames import check_count, check_size
from convcli.images.split_names import check_output, is_split
from convcli.pipeline.apply import check_linear
from convcli.pipeline.operators import Step
from convcli.pipeline.shapes import MAX_PIXELS, Plan, plan_alike, result_mode
from convcli.system.thread_warnings import collected


class Preview(NamedTuple):
    """What would become of a job: ``shape`` (C, H, W) is its result's, of each frame."""

    job: Job
    status: str
    error: str | None = None
    warnings: tuple[str, ...] = ()
    header: Header | None = None
    shape: tuple[int, int, int] | None = None


def preview_jobs(
    jobs: Iterable[Job], steps: Sequence[Step], options: Options, *, linear: bool = False
) -> Iterator[Preview]:
    """Tell of each job what would become of it, were it done with ``steps`` in ``linear`` light."""
    for job in jobs:
        if options.skip_existing and is_done(job):
            yield Preview(job, SKIPPED)
            continue
        with collected() as texts:
            try:
                header, shape = _foreseen(job, steps, options, linear)
            except ConvcliError as error:
                preview = Preview(job, FAILED, str(error))
            else:
                preview = Preview(job, OK, None, tuple(dict.fromkeys(texts)), header, shape)
        yield preview


def _foreseen(
    job: Job, steps: Sequence[Step], options: Options, linear: bool
) -> tuple[Header, tuple[int, int, int]]:
    if job.target != STREAM and os.path.isdir(os.path.dirname(job.target) or os.curdir):
        check_output(Path(job.target), options.overwrite)
    with contents(job.source) as source:
        header = read_header(
            source, mode=options.mode, frames=options.frames, max_pixels=options.max_pixels
        )
    try:
        plan = plan_alike(
            steps,
            header.size,
            header.channels,
            mode=header.mode,
            frames=header.frames,
            max_pixels=options.max_pixels or MAX_PIXELS,
        )
        if linear:
            check_linear(header.mode)
    except ConvcliError as error:
        raise ImageError(f"{name_of(job.source)}: {error}") from error
    try:
        _check_held(job, header, plan)
    except ImageError as error:
        name = name_of(job.source) if job.target == STREAM else job.target
        raise ImageError(f"{name}: {error}") from error
    return header, (plan.colours + plan.has_alpha, *plan.size)


def _check_held(job: Job, header: Header, plan: Plan) -> None:
    """Raise an ImageError for a result that its format does not hold."""
    format_name = output_format(job.format or header.format)
    if format_name == ARRAY_FORMAT:
        return
    check_count(header.frames, format_name)
    check_size(plan.size, format_name)
    if not is_split(Path(job.target)):
        pictured(result_mode(header.mode, plan), plan.colours + plan.has_alpha)
