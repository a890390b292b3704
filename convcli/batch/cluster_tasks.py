"""What a worker of a cluster runs: a shard, whose paths are relative to the client's folder."""

from __future__ import annotations

import os
from collections.abc import Callable

from convcli.batch.inputs import STREAM
from convcli.batch.jobs import Job
from convcli.batch.run import Result
from convcli.batch.shards import Shard
from convcli.batch.stores import is_url
from convcli.system.memory import keep_memory
from convcli.system.threads import use_one_thread

Do = Callable[[Shard, bool], list[Result]]


def run_on_worker(do: Do, shard: Shard, folder: str) -> list[Result]:
    """Return the results of a shard, as they would be in ``folder``.

    Stops after the current picture when nobody waits for the results any more.
    """
    use_one_thread()
    keep_memory()
    is_wanted = _watch()
    results: list[Result] = []
    for item in shard:
        if not is_wanted():
            break
        job = item.job
        for result in do((item._replace(job=absolute(job, folder)),), True):
            results.append(_as_given(result, job))
    return results


def absolute(job: Job, folder: str) -> Job:
    """Return a job with absolute paths."""
    return job._replace(source=_joined(folder, job.source), target=_joined(folder, job.target))


def _joined(folder: str, path: str) -> str:
    return path if path == STREAM or is_url(path) else os.path.join(folder, path)


def _as_given(result: Result, job: Job) -> Result:
    """Return a result that names the paths of ``job``, in its messages too."""

    def named(text: str) -> str:
        for path, given in zip(result.job[:2], job[:2], strict=True):
            text = text.replace(path, given)
        return text

    return result._replace(
        job=job,
        error=None if result.error is None else named(result.error),
        warnings=tuple(map(named, result.warnings)),
    )


def _watch() -> Callable[[], bool]:
    """Return what says whether the task of this thread has not been cancelled."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def is_wanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is not None and task.state != "cancelled"

    return is_wanted
