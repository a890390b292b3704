"""Shards: jobs handed out together, and results that come back together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from convcli.batch.jobs import Job

MOST_PICTURES = 500
"""Pictures of one shard: enough that handing it out takes no time, few to repeat if it is lost."""

MOST_BYTES = 512 << 20
"""Size of the inputs of one shard."""

SHARDS_PER_WORKER = 4
"""Shards of the remaining pictures for each worker, so that all end at about the same time."""

FIRST_PICTURES = 16
"""Pictures of the first shards of a batch whose length is not known; later ones double."""


class Item(NamedTuple):
    """A job of a batch, and what was known when it was taken up.

    ``was_done``: whether its result existed, or with ``update=True`` was current; None if unknown.
    ``size`` is that of its input in bytes, 0 if unknown. ``fault`` is why it cannot be run.
    """

    job: Job
    was_done: bool | None = None
    size: int = 0
    fault: str | None = None


Shard = tuple[Item, ...]


def cut(items: Iterable[Item], workers: int, total: int | None) -> Iterator[Shard]:
    """Yield shards of the items, in order, for a number of workers; takes one shard at a time.

    With a ``total`` of items shards become smaller towards the end (guided self-scheduling,
    Polychronopoulos and Kuck 1987); without one they grow at the beginning.
    """
    taken = number = size = 0
    shard: list[Item] = []
    limit = _limit(number, taken, workers, total)
    for item in items:
        if shard and (len(shard) >= limit or size + item.size > MOST_BYTES):
            yield tuple(shard)
            taken, number, size, shard = taken + len(shard), number + 1, 0, []
            limit = _limit(number, taken, workers, total)
        shard.append(item)
        size += item.size
    if shard:
        yield tuple(shard)


def _limit(number: int, taken: int, workers: int, total: int | None) -> int:
    share = max(workers * SHARDS_PER_WORKER, 1)
    if total is None:
        pictures = FIRST_PICTURES << min(number // share, 16)
    else:
        pictures = -(-max(total - taken, 0) // share)
    return max(1, min(pictures, MOST_PICTURES))


def halves(shard: Shard) -> tuple[Shard, Shard]:
    """Return both halves of a shard of two items or more."""
    middle = len(shard) // 2
    return shard[:middle], shard[middle:]
