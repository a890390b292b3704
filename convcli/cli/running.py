"""Running a batch from the command line: the plan, the reports on stderr, the exit code."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from convcli.images import Picture


def begin(images: Sequence[str]) -> None:
    """Start to decode a single picture, while the rest of the program is still being loaded."""
    if len(images) == 1:
        from convcli.images.opening import decode_ahead

        decode_ahead(images[0])


def run_batch(
    images: Sequence[str],
    transform: Callable[..., Picture],
    *,
    output: str | None,
    output_dir: str | None,
    format: str | None,
    quality: int | None,
    save: Sequence[tuple[str, Any]],
    overwrite: bool,
    quiet: bool,
    mode: str | None,
    frames: str,
    jobs: int | None,
) -> None:
    """Do what was asked for every image; leave with exit code 1 if one failed."""
    from convcli.batch import STREAM, Options, plan_jobs, run_jobs
    from convcli.ending import end_promptly
    from convcli.kernel.threads import processors

    # What has been imported stays; from here on there can be garbage.
    gc.freeze()
    gc.enable()
    planned = plan_jobs(
        images, output=output, output_dir=output_dir, format=format, overwrite=overwrite
    )
    if any(job.target == STREAM for job in planned) and sys.stdout and sys.stdout.isatty():
        raise click.UsageError("an image does not go to a terminal: use -o FILE, or a pipe")
    failed = 0
    options = Options(mode, frames, quality, dict(save), overwrite)
    workers = min(jobs or processors(), len(planned))
    if workers == 1:
        end_promptly()
    for result in run_jobs(planned, transform, options, workers=workers):
        if not quiet:
            for warning in result.warnings:
                click.echo(f"Warning: {result.job.source}: {warning}", err=True)
        if result.error is not None:
            failed += 1
            click.echo(f"Error: {result.error}", err=True)
    if failed and len(planned) > 1 and not quiet:
        click.echo(f"{failed} of {len(planned)} images failed", err=True)
    if failed:
        raise click.exceptions.Exit(1)
