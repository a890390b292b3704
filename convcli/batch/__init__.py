"""Many pictures: each one processed by itself, and a result for each.

A batch is a list of jobs, and running it gives a result for each as it ends::

    from functools import partial

    from convcli import apply_filters, load_filter
    from convcli.batch.run import Options, plan_jobs, run_jobs

    jobs = plan_jobs(["a.jpg", "b.jpg"], output_dir="sharp")
    sharpen = partial(apply_filters, filters=[load_filter("sharpen")])
    for result in run_jobs(jobs, sharpen, Options(skip_existing=True), workers=2):
        print(result.job.target, result.status, result.error)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcli.system.lazy_exports import exports

if TYPE_CHECKING:
    from convcli.batch.inputs import STREAM
    from convcli.batch.jobs import Job, plan_jobs
    from convcli.batch.run import Options, Result, Shape, run_job, run_jobs

__all__ = ["STREAM", "Job", "Options", "Result", "Shape", "plan_jobs", "run_job", "run_jobs"]

__getattr__ = exports(
    __name__,
    {
        "inputs": ("STREAM",),
        "jobs": ("Job", "plan_jobs"),
        "run": ("Options", "Result", "Shape", "run_job", "run_jobs"),
    },
)
