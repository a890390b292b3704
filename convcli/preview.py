"""What a batch would do, told from the headers of its pictures. Nothing is decoded or written.

Warnings and refusals are those of the real run, in its words. A warning that depends on pixels has
its condition behind it. Not known are: what stands behind the pixels of a file (texts of a PNG,
later frames of an animation, which are taken to be as the first is), whether pixels can be decoded,
and what an encoder of Pillow's refuses by itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from convcli.batch import FAILED, OK, SKIPPED, Options, check_nothing_lost, is_skipped
from convcli.errors import ConvcliError, ExistsError, ImageError
from convcli.files import check_target
from convcli.images import Header, output_format, read_header
from convcli.images.changes import Loss
from convcli.images.formats import ARRAY_FORMAT
from convcli.images.writing import foresee_write
from convcli.inputs import STREAM, contents, name_of
from convcli.ops import foresee
from convcli.plan import Job
from convcli.stages import MAX_PIXELS
from convcli.steps import Step
from convcli.warned import collected


class Preview(NamedTuple):
    """What would become of a job: ``shape`` (C, H, W) is its result's, of the first frame.

    ``warnings`` are all that a header can tell. Those of them that depend on pixels say so, and are
    the ``possible`` ones.
    """

    job: Job
    status: str
    error: str | None = None
    warnings: tuple[str, ...] = ()
    header: Header | None = None
    shape: tuple[int, int, int] | None = None
    target_exists: bool = False
    possible: tuple[str, ...] = ()


def preview_jobs(
    jobs: Iterable[Job], steps: Sequence[Step], options: Options, *, linear: bool = False
) -> Iterator[Preview]:
    """Tell of each job what would become of it, were it done with ``steps`` in ``linear`` light."""
    for job in jobs:
        if is_skipped(job, options):
            yield Preview(job, SKIPPED)
            continue
        losses: list[Loss] = []
        header, shape = None, None
        error: ConvcliError | None = None
        with collected() as texts:
            try:
                check = partial(check_nothing_lost, texts) if options.strict else None
                header, shape = _foreseen(job, steps, options, linear, losses, check)
            except ConvcliError as failure:
                error = failure
        possible = tuple(dict.fromkeys(loss.foreseen for loss in losses))
        yield Preview(
            job,
            OK if error is None else FAILED,
            None if error is None else str(error),
            (*dict.fromkeys(texts), *possible),
            header,
            shape,
            isinstance(error, ExistsError),
            possible,
        )


def _foreseen(
    job: Job,
    steps: Sequence[Step],
    options: Options,
    linear: bool,
    losses: list[Loss],
    check: Callable[[], object] | None,
) -> tuple[Header, tuple[int, int, int]]:
    """Do a job as ``run_job`` does, without samples; adds what depends on them to ``losses``."""
    if job.target != STREAM and os.path.isdir(os.path.dirname(job.target) or os.curdir):
        check_target(Path(job.target), options.replaces)
    with contents(job.source) as source:
        header = read_header(
            source, mode=options.mode, frames=options.frames, max_pixels=options.max_pixels
        )
    losses += header.losses
    chosen = job.format or header.format
    try:
        result = foresee(
            header.picture,
            steps,
            linear=linear,
            as_float=output_format(chosen) == ARRAY_FORMAT,
            max_pixels=options.max_pixels or MAX_PIXELS,
        )
    except ConvcliError as error:
        raise ImageError(f"{name_of(job.source)}: {error}") from error
    is_stream = job.target == STREAM
    try:
        losses += foresee_write(
            result,
            None if is_stream else job.target,
            format=chosen,
            quality=options.quality,
            save=options.save,
            strip=options.strip,
            check=check,
        )
    except ImageError as error:
        raise ImageError(f"{name_of(job.source)}: {error}" if is_stream else str(error)) from error
    first = result.frames[0]
    return header, (first.raster.channels, *first.size)
