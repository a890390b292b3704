"""What a batch would do, told from the headers of its pictures. Nothing is decoded or written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from convcli.batch import FAILED, OK, SKIPPED, Options, is_done
from convcli.errors import ConvcliError, ImageError
from convcli.files import check_target
from convcli.images import Header, read_header
from convcli.inputs import STREAM, contents, name_of
from convcli.plan import Job
from convcli.stages import MAX_PIXELS, result_shape
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


def preview_jobs(jobs: Iterable[Job], steps: Sequence[Step], options: Options) -> Iterator[Preview]:
    """Tell of each job what would become of it, were it done with ``steps``."""
    for job in jobs:
        if options.skip_existing and is_done(job):
            yield Preview(job, SKIPPED)
            continue
        with collected() as texts:
            try:
                header, shape = _foreseen(job, steps, options)
            except ConvcliError as error:
                preview = Preview(job, FAILED, str(error))
            else:
                preview = Preview(job, OK, None, tuple(dict.fromkeys(texts)), header, shape)
        yield preview


def _foreseen(
    job: Job, steps: Sequence[Step], options: Options
) -> tuple[Header, tuple[int, int, int]]:
    if job.target != STREAM and os.path.isdir(os.path.dirname(job.target) or os.curdir):
        check_target(Path(job.target), options.overwrite)
    with contents(job.source) as source:
        header = read_header(
            source, mode=options.mode, frames=options.frames, max_pixels=options.max_pixels
        )
    try:
        shape = result_shape(
            steps,
            header.size,
            header.channels,
            mode=header.mode,
            frames=header.frames,
            max_pixels=options.max_pixels or MAX_PIXELS,
        )
    except ConvcliError as error:
        raise ImageError(f"{name_of(job.source)}: {error}") from error
    return header, shape
