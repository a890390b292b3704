"""A batch of 1, 10 and 100 million objects as its client sees it: a store and workers in name only.

``python tests/benchmarks/scale.py [MILLIONS]...`` lists inputs and results, plans, cuts shards,
pickles each as it is sent to a scheduler and unpickles its results, counts and reports them: all by
the code of the command line. The store lists names from memory, and the workers answer at once.
Half of the results exist already. Printed are the client's memory, the requests of listings, the
tasks of the scheduler and the client's time. ``--list`` plans names of a list, sorted,
``--prefixes`` ten listings at once.
"""

from __future__ import annotations

import pickle
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from unittest import mock

from convcli.batch import Options
from convcli.batch.dispatch import run_jobs
from convcli.batch.inputs import each_source, placed_below
from convcli.batch.run import OK, SKIPPED, Result
from convcli.batch.scheduling import Do, Pool
from convcli.batch.shards import Shard
from convcli.batch.stores import Entry
from convcli.batch.streaming import stream_items
from convcli.cli.outcome import follow

WORKERS = 200
PAGE = 1000
SHOWN = 1_000_000
FOLDERS, NAMES = 10, 10_000
"""Folders of the first level, and pictures of one of the second."""


class AnsweringPool:
    """Answers each shard at once; shards and results are pickled on their way."""

    repeats, breaks = True, False
    tasks = bytes = 0
    elsewhere = 0.0
    """Seconds that the workers' part takes here."""

    def width(self) -> int:
        """Return what a cluster of WORKERS threads takes."""
        return 2 * WORKERS

    def slots(self) -> int:
        """Return the number of workers."""
        return WORKERS

    def submit(self, do: Do, shard: Shard, again: bool) -> Future[list[Result]]:
        """Return finished results."""
        self.tasks += 1
        sent = pickle.dumps(shard)
        begun = time.process_time()
        answer = pickle.dumps(
            [
                Result(item.job, SKIPPED if item.was_done else OK, filters=("sharpen",))
                for item in shard
            ]
        )
        self.elsewhere += time.process_time() - begun
        self.bytes += len(sent) + len(answer)
        future: Future[list[Result]] = Future()
        future.set_result(pickle.loads(answer))
        return future

    def loss(self, error: BaseException | None) -> str | None:
        """Return None: nothing is lost."""
        return None

    def restart(self) -> None:
        """Do nothing."""

    def alone(self) -> AbstractContextManager[Pool]:
        """Return this pool."""
        return nullcontext(self)


class Store:
    """A store of ``count`` pictures in folders; counts the requests of its listings."""

    def __init__(self, count: int) -> None:
        """Make a store."""
        self.count, self.requests = count, 0

    def keys(self, first: int, last: int) -> Iterator[str]:
        """Yield the keys of the pictures with numbers from ``first`` to before ``last``."""
        each = -(-self.count // FOLDERS)
        for number in range(first, last):
            folder, rest = divmod(number, each)
            yield f"{folder}/{rest // NAMES:05}/{rest % NAMES:04}.jpg"

    def list_objects(self, folder: str) -> Iterator[Entry]:
        """Yield what is below s3://bucket/in, all or in a folder of it, or half of the results."""
        root = folder.rstrip("/")
        each = -(-self.count // FOLDERS)
        if root == "s3://bucket/out":
            parts = [(root, folder * each, folder * each + each // 2) for folder in range(FOLDERS)]
        elif root == "s3://bucket/in":
            parts = [(root, 0, self.count)]
        else:
            number = int(root[-1])
            parts = [(root[:-2], number * each, min((number + 1) * each, self.count))]
        for top, first, last in parts:
            for number, key in enumerate(self.keys(first, last)):
                self.requests += number % PAGE == 0
                if (number + 1) % SHOWN == 0 and top != "s3://bucket/out":
                    print(f"{number + 1:,} listed, peak {peak():.0f} MB", file=sys.stderr)
                yield Entry(f"{top}/{key}", 100_000, 1.0)


def simulate(millions: float, way: str) -> None:
    """Run a batch, and print what it took."""
    store, pool = Store(int(millions * 1e6)), AnsweringPool()
    spent = time.process_time()
    left_out: Counter[str] = Counter()
    given: dict[str, Any] = {"recursive": True, "output_dir": "s3://bucket/out"}
    listed: Iterator[str] = iter(())
    named = ["s3://bucket/in"]
    if way == "--prefixes":
        named = [f"s3://bucket/in/{number}" for number in range(FOLDERS)]
    elif way == "--list":
        named, listed = [], (f"s3://bucket/in/{key}" for key in store.keys(0, store.count))
    with (
        mock.patch("convcli.batch.streaming.list_objects", store.list_objects),
        mock.patch("convcli.batch.inputs.list_objects", store.list_objects),
    ):
        sources = each_source(named, listed=listed, left_out=left_out, **given)
        items = stream_items(
            placed_below("s3://bucket/in", sources),
            options := Options(skip_existing=True),
            output_dir="s3://bucket/out",
            is_sorted=True,
        )
        results = run_jobs(items, [], options, pool=pool)
        follow(results, None, report=None, left_out=left_out, quiet=False, progress=False)
    spent = time.process_time() - spent - pool.elsewhere
    print(
        f"{store.count:>11,} objects {way}: peak {peak():.0f} MB, {store.requests:,} requests, "
        f"{pool.tasks:,} tasks of {pool.bytes / max(pool.tasks, 1) / 1024:.0f} KB, "
        f"{spent / 3600:.3f} hours of the client ({store.count / spent:,.0f}/s)",
        flush=True,
    )


def peak() -> float:
    """Return the most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    ways = [one for one in sys.argv[1:] if one.startswith("--")] or [""]
    for text in [one for one in sys.argv[1:] if not one.startswith("--")] or ("1", "10", "100"):
        for way in ways:
            simulate(float(text), way)
