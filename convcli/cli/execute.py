"""Running a batch from the command line: its plan, what is said meanwhile, the exit code."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from convcli.cli.terminal import Messages, printable

if TYPE_CHECKING:
    from convcli.batch.dry_run import Preview
    from convcli.batch.report import Report
    from convcli.batch.run import Job, Result
    from convcli.images import Picture
    from convcli.pipeline.operators import Step


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
    recursive: bool
    files_from: str | None
    null: bool
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
    if is_only and not (given["dry_run"] or given["skip_existing"]):
        from convcli.images.decode import decode_ahead

        decode_ahead(images[0], given["max_pixels"])


def run_batch(
    images: Sequence[str], transform: Callable[..., Picture], steps: Sequence[Step], **given: Any
) -> None:
    """Do what was asked for every image; leave with exit code 1 if one failed.

    ``transform(picture, as_float=…)`` takes a picture through ``steps``.
    """
    from convcli.batch.run import Options, run_jobs
    from convcli.system.memory import keep_memory
    from convcli.system.signals import end_promptly
    from convcli.system.threads import processors

    # What has been imported stays; from here on there can be garbage.
    gc.freeze()
    gc.enable()
    keep_memory()
    request = Request(**given)
    _check(images, request)
    jobs = _plan(images, request)
    options = Options(
        mode=request.mode,
        frames=request.frames,
        quality=request.quality,
        save=dict(request.save),
        strip=request.strip,
        overwrite=request.overwrite,
        skip_existing=request.skip_existing,
        max_pixels=request.max_pixels,
        filters=tuple(step.filter.name for step in steps),
    )
    if request.dry_run:
        from convcli.batch.dry_run import preview_jobs

        _show_plan(preview_jobs(jobs, steps, options, linear=request.linear), request.quiet)
        return
    if request.max_pixels is not None:
        transform = partial(transform, max_pixels=request.max_pixels)
    workers = min(request.jobs or processors(), len(jobs) or 1)
    if workers == 1:
        end_promptly()
    with ExitStack() as stack:
        report = stack.enter_context(closing(_opened(request, jobs))) if request.report else None
        results = run_jobs(jobs, transform, options, workers=workers)
        _follow(results, len(jobs), request, report)


def _check(images: Sequence[str], request: Request) -> None:
    """Refuse what contradicts itself, and an image for a terminal."""
    for is_wrong, fault in (
        (not images and request.files_from is None, "name an IMAGE, or a list by --files-from"),
        (request.null and request.files_from is None, "--null tells how to read --files-from"),
        (request.files_from == "-" and "-" in images, "standard input is either image or list"),
        (request.overwrite and request.skip_existing, "either --overwrite or --skip-existing"),
        (request.dry_run and request.report is not None, "--dry-run has nothing to --report"),
    ):
        if is_wrong:
            raise click.UsageError(fault)


def _plan(images: Sequence[str], request: Request) -> list[Job]:
    from convcli.batch.inputs import STREAM, expand, read_list
    from convcli.batch.jobs import plan_jobs

    listed = read_list(request.files_from, null=request.null) if request.files_from else []
    sources = expand(
        images, listed=listed, recursive=request.recursive, output_dir=request.output_dir
    )
    jobs = plan_jobs(
        sources,
        output=request.output,
        output_dir=request.output_dir,
        suffix=request.suffix,
        format=request.format,
        overwrite=request.overwrite,
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
    from convcli.batch.inputs import STREAM
    from convcli.batch.jobs import check_apart
    from convcli.batch.report import Report

    assert request.report is not None
    if request.report != STREAM:
        listed = () if request.files_from is None else (request.files_from,)
        check_apart(request.report, jobs, (*request.filters, *listed))
        folder = os.path.abspath(os.path.dirname(request.report))
        results = request.output_dir and os.path.abspath(request.output_dir)
        if results and os.path.commonpath([folder, results]) == results:
            with suppress(OSError):  # told when the report is opened
                os.makedirs(folder, exist_ok=True)
    return Report(request.report)


def _follow(
    results: Generator[Result], total: int, request: Request, report: Report | None
) -> None:
    """Tell of each result as it comes; leave with exit code 1 if one failed."""
    failed = 0
    # Left early, the generator has to end its workers now.
    with (
        closing(results),
        Messages(total, quiet=request.quiet, progress=request.progress) as messages,
    ):
        for result in results:
            for warning in result.warnings:
                messages.warning(f"{result.job.source}: {warning}")
            if result.error is not None:
                failed += 1
                messages.error(result.error)
            if report is not None:
                _record(report, result, messages)
            messages.advance()
    if failed and total > 1 and not request.quiet:
        others = "" if failed == total else "; the others are done"
        click.echo(f"{failed} of {total} images failed{others}", err=True)
    if failed:
        raise click.exceptions.Exit(1)


def _record(report: Report, result: Result, messages: Messages) -> None:
    try:
        report.add(result)
    except BrokenPipeError:  # whoever reads has enough, which is no fault
        raise
    except OSError as error:
        messages.error(f"the report cannot be written: {error.strerror or error}")
        raise click.exceptions.Exit(1) from error


def _show_plan(previews: Iterable[Preview], quiet: bool) -> None:
    """Print what would be done; leave with exit code 1 if an image would fail."""
    failed = False
    with Messages(0, quiet=quiet, progress=False) as messages:
        for preview in previews:
            for warning in preview.warnings:
                messages.warning(f"{preview.job.source}: {warning}")
            if preview.error is not None:
                failed = True
                messages.error(preview.error)
            else:
                click.echo(printable(_line(preview)))
    if failed:
        raise click.exceptions.Exit(1)


def _line(preview: Preview) -> str:
    """Return ``input -> output  WxH mode -> WxH``."""
    names = f"{preview.job.source} -> {preview.job.target}"
    if preview.header is None or preview.shape is None:
        return f"{names}  skipped: it exists"
    header = preview.header
    (before_height, before_width), (_, height, width) = header.size, preview.shape
    frames = f", {header.frames} frames" if header.frames > 1 else ""
    return f"{names}  {before_width}x{before_height} {header.stored}{frames} -> {width}x{height}"
