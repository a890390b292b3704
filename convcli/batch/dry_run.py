"""The expected results of a batch, from the headers of its pictures. No pixels, no writing.

Warnings and errors are those of running the batch, in the same words. A warning that depends on
pixels ends with its condition. A dry run does not detect what follows the pixels in a file (texts
of a PNG; later frames of an animation, which are assumed to be like the first), pixels that cannot
be decoded, and errors that Pillow's encoders raise themselves.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from convcli.batch.dispatch import described
from convcli.batch.inputs import STREAM, name_of, opened
from convcli.batch.jobs import Job
from convcli.batch.run import FAILED, OK, SKIPPED, Options, check_nothing_lost, is_skipped
from convcli.batch.shards import Item
from convcli.batch.stores import is_url
from convcli.errors import ConvcliError, ExistsError, ImageError
from convcli.images import Header, output_format, read_header
from convcli.images.conversion.changes import Loss
from convcli.images.split_names import check_output
from convcli.images.write import predict_write
from convcli.pipeline.apply import predict
from convcli.pipeline.operators import Operator
from convcli.system.atomic_files import exists
from convcli.system.thread_warnings import collect_warnings


class Preview(NamedTuple):
    """The expected outcome of a job.

    ``shape`` (C, H, W) and ``depth`` ("8", "16" or "float") are those of the result's first frame.
    ``warnings`` has all of them; ``possible`` are those among them that depend on pixels.
    """

    job: Job
    status: str
    error: str | None = None
    warnings: tuple[str, ...] = ()
    header: Header | None = None
    shape: tuple[int, int, int] | None = None
    target_exists: bool = False
    possible: tuple[str, ...] = ()
    depth: str | None = None


def preview_jobs(
    jobs: Iterable[Job | Item], operators: Sequence[Operator], options: Options
) -> Iterator[Preview]:
    """Yield the expected outcome of each job."""
    for one in jobs:
        item = one if isinstance(one, Item) else described(one, options)
        job = item.job
        if item.fault is not None:
            yield Preview(job, FAILED, item.fault)
            continue
        if is_skipped(job, options, item.was_done):
            yield Preview(job, SKIPPED)
            continue
        losses: list[Loss] = []
        texts: list[str] = []
        header, shape, depth = None, None, None
        error: ConvcliError | None = None
        with collect_warnings(texts):
            try:
                if is_url(job.target) and item.was_done and not options.replaces:
                    raise exists(job.target)
                check = partial(check_nothing_lost, texts) if options.strict else None
                header, shape, depth = _predicted(job, operators, options, losses, check)
            except ConvcliError as failure:
                error = failure
        possible = tuple(dict.fromkeys(loss.predicted for loss in losses))
        yield Preview(
            job,
            OK if error is None else FAILED,
            None if error is None else str(error),
            (*dict.fromkeys(texts), *possible),
            header,
            shape,
            isinstance(error, ExistsError),
            possible,
            depth,
        )


def _predicted(
    job: Job,
    operators: Sequence[Operator],
    options: Options,
    losses: list[Loss],
    check: Callable[[], object] | None,
) -> tuple[Header, tuple[int, int, int], str]:
    """Predict a job as ``run_job`` does it; append losses that depend on samples to ``losses``."""
    is_file = job.target != STREAM and not is_url(job.target)
    if is_file and os.path.isdir(os.path.dirname(job.target) or os.curdir):
        check_output(Path(job.target), options.replaces)
    with opened(job.source) as source:
        header = read_header(
            source, mode=options.mode, frames=options.frames, max_pixels=options.max_pixels
        )
    losses += header.losses
    chosen = job.format or header.format
    try:
        result = predict(header.picture, operators, options.processing(output_format(chosen)))
    except ConvcliError as error:
        raise ImageError(f"{name_of(job.source)}: {error}") from error
    is_stream = job.target == STREAM
    try:
        losses += predict_write(
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
    return header, (first.raster.channels, *first.size), result.depth
