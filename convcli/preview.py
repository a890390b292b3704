"""What a batch would do, told from the headers of its pictures. Nothing is decoded or written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from convcli.batch import FAILED, OK, SKIPPED, Options, check_nothing_lost, is_skipped
from convcli.channels import has_channels, has_frames
from convcli.errors import ConvcliError, ExistsError, ImageError
from convcli.files import check_target
from convcli.images import Header, output_format, read_header
from convcli.images.animations import check_count, check_size
from convcli.images.fitting import pictured
from convcli.images.formats import ARRAY_FORMAT
from convcli.inputs import STREAM, contents, name_of
from convcli.ops import check_linear
from convcli.plan import Job
from convcli.stages import MAX_PIXELS, Plan, plan_alike, result_mode
from convcli.steps import Step
from convcli.warned import collected


class Preview(NamedTuple):
    """What would become of a job: ``shape`` (C, H, W) is its result's, of each frame."""

    job: Job
    status: str
    error: str | None = None
    warnings: tuple[str, ...] = ()
    header: Header | None = None
    shape: tuple[int, int, int] | None = None
    target_exists: bool = False


def preview_jobs(
    jobs: Iterable[Job], steps: Sequence[Step], options: Options, *, linear: bool = False
) -> Iterator[Preview]:
    """Tell of each job what would become of it, were it done with ``steps`` in ``linear`` light."""
    for job in jobs:
        if is_skipped(job, options):
            yield Preview(job, SKIPPED)
            continue
        with collected() as texts:
            try:
                header, shape = _foreseen(job, steps, options, linear)
                if options.strict:
                    _check_nothing_lost(job, texts)
            except ConvcliError as error:
                exists = isinstance(error, ExistsError)
                preview = Preview(job, FAILED, str(error), target_exists=exists)
            else:
                preview = Preview(job, OK, None, tuple(dict.fromkeys(texts)), header, shape)
        yield preview


def _foreseen(
    job: Job, steps: Sequence[Step], options: Options, linear: bool
) -> tuple[Header, tuple[int, int, int]]:
    if job.target != STREAM and os.path.isdir(os.path.dirname(job.target) or os.curdir):
        check_target(Path(job.target), options.replaces)
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
    with _naming_result(job):
        _check_held(job, header, plan)
    return header, (plan.colours + plan.has_alpha, *plan.size)


@contextmanager
def _naming_result(job: Job) -> Iterator[None]:
    try:
        yield
    except ImageError as error:
        name = name_of(job.source) if job.target == STREAM else job.target
        raise ImageError(f"{name}: {error}") from error


def _check_nothing_lost(job: Job, texts: Sequence[str]) -> None:
    with _naming_result(job):
        check_nothing_lost(texts)


def _check_held(job: Job, header: Header, plan: Plan) -> None:
    """Raise an ImageError for a result that its format does not hold."""
    format_name = output_format(job.format or header.format)
    if format_name == ARRAY_FORMAT:
        return
    target = Path(job.target)
    check_count(1 if has_frames(target) else header.frames, format_name)
    check_size(plan.size, format_name)
    if not has_channels(target):
        pictured(result_mode(header.mode, plan), plan.colours + plan.has_alpha)
