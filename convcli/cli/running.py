"""Running a batch from the command line: options checked, its plan, and how it is done."""

from __future__ import annotations

import gc
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from convcli.cli.outcome import follow, show_plan

if TYPE_CHECKING:
    from convcli.batch import Job
    from convcli.images import Picture
    from convcli.report import Report
    from convcli.steps import Step


class Request:
    """The options of a batch, by their names."""

    output: str | None
    output_dir: str | None
    suffix: str | None
    format: str | None
    quality: int | None
    save: Sequence[tuple[str, Any]]
    strip: bool
    overwrite: bool
    skip_existing: bool
    update: bool
    strict: bool
    recursive: bool
    files_from: str | None
    null: bool
    relative_to: str | None
    max_pixels: int | None
    mode: str | None
    frames: str
    linear: bool
    jobs: int | None
    dry_run: bool
    report: str | None
    progress: bool | None
    quiet: bool
    filters: Sequence[str]

    def __init__(self, **given: Any) -> None:
        vars(self).update(given)  # a NamedTuple of so many fields takes a millisecond to make


def begin(images: Sequence[str], given: Mapping[str, Any]) -> None:
    """Start to decode a single picture, while the rest of the program is still being loaded."""
    # More may come from a list, and the thread that decodes would not come along into a worker.
    is_only = len(images) == 1 and given["files_from"] is None
    if is_only and not (given["dry_run"] or given["skip_existing"] or given["update"]):
        from convcli.images.opening import decode_ahead

        decode_ahead(images[0], given["max_pixels"])


def run_batch(
    images: Sequence[str], transform: Callable[..., Picture], steps: Sequence[Step], **given: Any
) -> None:
    """Do what was asked for every image; leave with exit code 1 if one failed.

    ``transform(picture, as_float=…)`` takes a picture through ``steps``.
    """
    from convcli.batch import Options, run_jobs
    from convcli.ending import end_promptly
    from convcli.kernel.memory import keep_memory
    from convcli.kernel.threads import processors

    # What has been imported stays; from here on there can be garbage.
    gc.freeze()
    gc.enable()
    keep_memory()
    request = Request(**given)
    _check(images, request)
    left_out: Counter[str] = Counter()
    jobs = _plan(images, request, left_out)
    options = Options(
        mode=request.mode,
        frames=request.frames,
        quality=request.quality,
        save=dict(request.save),
        strip=request.strip,
        overwrite=request.overwrite,
        skip_existing=request.skip_existing,
        update=request.update,
        strict=request.strict,
        max_pixels=request.max_pixels,
        filters=tuple(step.filter.name for step in steps),
    )
    if request.dry_run:
        from convcli.preview import preview_jobs

        previews = preview_jobs(jobs, steps, options, linear=request.linear)
        skipped = "it is newer" if request.update else "it exists"
        show_plan(previews, left_out, skipped=skipped, quiet=request.quiet)
        return
    if request.max_pixels is not None:
        transform = partial(transform, max_pixels=request.max_pixels)
    workers = min(request.jobs or processors(), len(jobs) or 1)
    if workers == 1:
        end_promptly()
    with ExitStack() as stack:
        report = stack.enter_context(closing(_opened(request, jobs))) if request.report else None
        results = run_jobs(jobs, transform, options, workers=workers)
        follow(
            results,
            len(jobs),
            report=report,
            left_out=left_out,
            quiet=request.quiet,
            progress=request.progress,
        )


_WHERE_TO = """where do results go?
  one picture:   IMAGE -o FILE
  any number:    IMAGE... -d DIR
  beside each:   IMAGE... --suffix TEXT"""


def _check(images: Sequence[str], request: Request) -> None:
    """Refuse what contradicts itself, or says too little."""
    about_existing = (request.overwrite, request.skip_existing, request.update)
    is_filter = list(images) == ["-"] and request.files_from is None
    places = (request.output, request.output_dir, request.suffix)
    for is_wrong, fault in (
        (not images and request.files_from is None, "name an IMAGE, or a list by --files-from"),
        (places == (None, None, None) and not is_filter, _WHERE_TO),
        (
            request.relative_to is not None and request.output_dir is None,
            "--relative-to gives results their places in -d DIR: name that, too",
        ),
        (request.null and request.files_from is None, "--null tells how to read --files-from"),
        (request.files_from == "-" and "-" in images, "standard input is either image or list"),
        (sum(about_existing) > 1, "give one of --overwrite, --skip-existing and --update"),
        (request.dry_run and request.report is not None, "--dry-run has nothing to --report"),
    ):
        if is_wrong:
            raise click.UsageError(fault)


def _plan(images: Sequence[str], request: Request, left_out: Counter[str]) -> list[Job]:
    from convcli.inputs import STREAM, expand, read_list
    from convcli.plan import plan_jobs

    listed = read_list(request.files_from, null=request.null) if request.files_from else []
    sources = expand(
        images,
        listed=listed,
        recursive=request.recursive,
        output_dir=request.output_dir,
        relative_to=request.relative_to,
        left_out=left_out,
    )
    jobs = plan_jobs(
        sources,
        output=request.output,
        output_dir=request.output_dir,
        suffix=request.suffix,
        format=request.format,
        overwrite=request.overwrite,
        update=request.update,
    )
    if not jobs and not request.quiet:
        click.echo("Nothing to do: no images were named or found", err=True)
    if any(job.target == STREAM for job in jobs) and not request.dry_run:
        if request.report == STREAM:
            raise click.UsageError("standard output is either for the image or for the report")
        if sys.stdout is not None and sys.stdout.isatty():
            raise click.UsageError("an image does not go to a terminal: use -o FILE, or a pipe")
    return jobs


def _opened(request: Request, jobs: Iterable[Job]) -> Report:
    """Open the report, in the output folder too, which may not be there yet."""
    from convcli.inputs import STREAM
    from convcli.plan import check_apart
    from convcli.report import Report

    assert request.report is not None
    if request.report != STREAM:
        listed = () if request.files_from is None else (request.files_from,)
        check_apart(request.report, jobs, (*request.filters, *listed))
        folder = os.path.abspath(os.path.dirname(request.report))
        results = request.output_dir or os.path.dirname(request.output or "")
        results = results and os.path.abspath(results)
        if results and os.path.commonpath([folder, results]) == results:
            with suppress(OSError):  # told when the report is opened
                os.makedirs(folder, exist_ok=True)
    return Report(request.report)
