"""Running many jobs: here, in processes, by an executor of the caller, or on a cluster."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING

from convcli.batch.inputs import name_of
from convcli.batch.jobs import Job
from convcli.batch.run import DEFAULT_OPTIONS, FAILED, Options, Result, is_current, is_done, run_job
from convcli.batch.shards import Item, Shard, cut
from convcli.batch.stores import is_url
from convcli.batch.streaming import current
from convcli.images.decoding.opened import Opened
from convcli.pipeline.operators import Operator

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from convcli.batch.scheduling import Do, Pool


def run_jobs(
    jobs: Iterable[Job | Item],
    operators: Sequence[Operator],
    options: Options = DEFAULT_OPTIONS,
    *,
    workers: int = 1,
    executor: Executor | None = None,
    pool: Pool | None = None,
    total: int | None = None,
    decoding: Opened | None = None,
) -> Generator[Result]:
    """Run the jobs, and yield the result of each as it ends.

    Each picture goes through ``operators``. With ``workers`` above 1, a pool of that many
    processes runs the jobs: decoding and encoding hold the interpreter's lock too long for threads.
    A job that fails leaves no file and does not stop the others; neither does a process that dies.

    ``executor``, anything with the interface of ``concurrent.futures.Executor``, replaces the
    processes: ``workers`` then says how many workers it has, and tasks that it loses are not
    repeated. It stays open. Jobs are taken a few at a time, and may come from a generator.

    ``pool``, such as that of a cluster, takes shards of many jobs; ``total`` is the number of jobs,
    if known, from which the size of shards is found.

    ``decoding`` is an input that is already being decoded, used by the job that reads it if that
    runs in this process.
    """
    if workers < 1:
        raise ValueError(f"workers must be 1 or more: got {workers}")
    # Threads of obstore in this process do not survive a fork.
    method = "spawn" if "obstore" in sys.modules else None
    items = (job if isinstance(job, Item) else described(job, options) for job in jobs)
    do = partial(run_shard, operators=operators, options=options)
    if pool is not None:
        yield from _through(cut(items, pool.slots(), total), do, pool)
        return
    if executor is not None:
        from convcli.batch.executors import ExecutorPool

        yield from _through(_singly(items), do, ExecutorPool(executor, workers))
        return
    first = list(islice(items, workers))
    if len(first) < 2:
        for item in chain(first, items):
            yield _run_item(item, False, operators, options, decoding)
        return
    from convcli.batch.process_pool import ProcessPool  # slow to import

    with ProcessPool(len(first), method) as processes:
        yield from _through(_singly(chain(first, items)), do, processes)


def run_shard(
    shard: Shard, again: bool, operators: Sequence[Operator], options: Options
) -> list[Result]:
    """Run the jobs of a shard.

    With ``again`` an earlier attempt may have run some: results that did not exist when the batch
    began, and exist now, count as done.
    """
    return [_run_item(item, again, operators, options) for item in shard]


def _run_item(
    item: Item,
    again: bool,
    operators: Sequence[Operator],
    options: Options,
    decoding: Opened | None = None,
) -> Result:
    if item.fault is not None:
        return Result(item.job, FAILED, item.fault)
    again = again and item.was_done is False
    return run_job(item.job, operators, options, decoding, again=again, was_done=item.was_done)


def _through(shards: Iterable[Shard], do: Do, pool: Pool) -> Generator[Result]:
    from convcli.batch.scheduling import results_of  # for batches alone

    yield from results_of(shards, do, pool, _lost)


def _singly(items: Iterable[Item]) -> Iterator[Shard]:
    return ((item,) for item in items)


def described(job: Job, options: Options, was_done: bool | None = None) -> Item:
    """Return a job with whether its result exists; asks a store only if results may be skipped."""
    if was_done is not None:
        pass
    elif is_url(job.target):
        looks = options.update or options.skip_existing
        was_done = current(job, update=options.update) if looks else False
    else:
        was_done = is_current(job) if options.update else is_done(job)
    size = 0
    with suppress(OSError, ValueError):  # an object, or no file
        size = os.stat(job.source).st_size
    return Item(job, was_done, size)


def _lost(item: Item, reason: str) -> Result:
    return Result(item.job, FAILED, f"{name_of(item.job.source)}: {reason}")
