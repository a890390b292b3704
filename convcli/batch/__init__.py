"""Batches of pictures: each picture is processed independently and yields a result.

A batch is a list of jobs; running it yields the result of each job as it ends::

    from convcli import load_filter
    from convcli.batch import Convolution, Options, plan_jobs, run_jobs

    jobs = plan_jobs(["a.jpg", "b.jpg"], output_dir="sharp")
    sharpen = [Convolution(load_filter("sharpen"))]
    for result in run_jobs(jobs, sharpen, Options(skip_existing=True), workers=2):
        print(result.job.target, result.status, result.error)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcli.system.lazy_exports import exports

if TYPE_CHECKING:
    from convcli.batch.dispatch import run_jobs
    from convcli.batch.inputs import STREAM
    from convcli.batch.jobs import Job, plan_jobs
    from convcli.batch.run import Options, Result, Shape, run_job
    from convcli.pipeline.apply import upsampling
    from convcli.pipeline.operators import Convolution

__all__ = [
    "STREAM",
    "Convolution",
    "Job",
    "Options",
    "Result",
    "Shape",
    "plan_jobs",
    "run_job",
    "run_jobs",
    "upsampling",
]

__getattr__ = exports(
    __name__,
    {
        "convcli.batch.dispatch": ("run_jobs",),
        "convcli.batch.inputs": ("STREAM",),
        "convcli.batch.jobs": ("Job", "plan_jobs"),
        "convcli.batch.run": ("Options", "Result", "Shape", "run_job"),
        "convcli.pipeline.apply": ("upsampling",),
        "convcli.pipeline.operators": ("Convolution",),
    },
)
