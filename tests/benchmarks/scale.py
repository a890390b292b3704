"""The real planner and scheduling over simulated stores of 1, 10 and 100 million objects.

``python tests/benchmarks/scale.py [MILLIONS]...`` prints peak memory of the client, requests of
listings, tasks of the scheduler, and seconds of the client's time. The store lists names and the
executor answers at once: neither moves a byte.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from unittest import mock

from convcli.batch import Options
from convcli.batch.inputs import Source
from convcli.batch.run import OK, Result
from convcli.batch.scheduling import Do, Pool, results_of
from convcli.batch.shards import Item, Shard, cut
from convcli.batch.stores import Entry
from convcli.batch.streaming import stream_items

WORKERS = 200
PAGE = 1000


class AnsweringPool:
    """Answers each shard at once."""

    repeats, breaks = True, False
    tasks = 0

    def width(self) -> int:
        """Return what a cluster of WORKERS threads takes."""
        return 2 * WORKERS

    def slots(self) -> int:
        """Return the number of workers."""
        return WORKERS

    def submit(self, do: Do, shard: Shard, again: bool) -> Future[list[Result]]:
        """Return finished results."""
        self.tasks += 1
        future: Future[list[Result]] = Future()
        future.set_result([Result(item.job, OK, seconds=0.1) for item in shard])
        return future

    def loss(self, error: BaseException | None) -> str | None:
        """Return None: nothing is lost."""
        return None

    def restart(self) -> None:
        """Do nothing."""

    def alone(self) -> AbstractContextManager[Pool]:
        """Return this pool."""
        return nullcontext(self)


class Listing:
    """A listing of objects in folders of ten thousand, counting its requests."""

    def __init__(self, count: int) -> None:
        """List ``count`` objects."""
        self.count, self.requests = count, 0

    def sources(self) -> Iterator[Source]:
        """Yield the objects as inputs."""
        for number in range(self.count):
            self.requests += number % PAGE == 0
            place = f"{number // 10_000:05}/{number % 10_000:04}.jpg"
            yield Source(f"s3://bucket/in/{place}", place, True, 100_000, 1.0)

    def results(self, folder: str) -> Iterator[Entry]:
        """Yield the first half of the results, as after a run that was interrupted."""
        for number in range(self.count // 2):
            self.requests += number % PAGE == 0
            yield Entry(f"{folder}/{number // 10_000:05}/{number % 10_000:04}.jpg", 1, 2.0)


def lost(item: Item, reason: str) -> Result:
    """Fail: nothing is lost here."""
    raise AssertionError(reason)


def simulate(millions: float) -> None:
    """Plan and schedule a batch, half of which is done, and print what it took."""
    listing, pool = Listing(int(millions * 1e6)), AnsweringPool()
    begun = time.perf_counter()
    with mock.patch("convcli.batch.streaming.list_objects", listing.results):
        options = Options(skip_existing=True)
        items = stream_items(
            listing.sources(), options, output_dir="s3://bucket/out", is_sorted=True
        )
        done = sum(1 for _ in results_of(cut(items, WORKERS, None), lambda *_: [], pool, lost))
    spent = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{done:>11,} objects: peak {peak:.0f} MB, {listing.requests:,} listing requests, "
        f"{pool.tasks:,} tasks, {spent:.0f} s of the client ({done / spent:,.0f}/s)",
        flush=True,
    )


if __name__ == "__main__":
    for text in sys.argv[1:] or ("1", "10", "100"):
        simulate(float(text))
