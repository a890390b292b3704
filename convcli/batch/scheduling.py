"""Handing out shards a few at a time, and yielding their results: one loop for every pool.

A pool is a number of processes, an executor of the caller, or a cluster. They differ in how many
shards they take at a time, and in what happens to a shard that is lost.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from statistics import median
from typing import Protocol, TypeAlias

from convcli.batch.run import Result
from convcli.batch.shards import Item, Shard, halves
from convcli.errors import ConvcliError

Do: TypeAlias = Callable[[Shard, bool], list[Result]]
"""Runs a shard; the flag says that an earlier attempt may have run some of it."""

SLOW = 3
"""How many times the median a shard may take before it is handed out a second time."""

PATIENCE = 5.0
"""Seconds that a shard may take in any case."""

UNKNOWN = 10
"""How many times PATIENCE a shard may wait where none has ended yet, so that there is no median."""

LOOK = 0.5
"""Seconds between two looks for slow shards."""

RECENT = 1000
"""How many shards the median is taken of."""


class Pool(Protocol):
    """Where shards run."""

    def width(self) -> int:
        """Return how many shards are handed out at a time."""

    repeats: bool
    """Whether lost shards are handed out again."""

    breaks: bool
    """Whether a loss is that of every shard handed out, after which restart() is called."""

    def submit(self, do: Do, shard: Shard, again: bool) -> Future[list[Result]]:
        """Hand out a shard."""

    def loss(self, error: BaseException | None) -> str | None:
        """Return the reason if an exception says that a shard was lost, None for any other.

        The error is None for a future that the pool has cancelled.
        """

    def restart(self) -> None:
        """Make the pool ready again."""

    def alone(self) -> AbstractContextManager[Pool]:
        """Return a pool for one shard, which no other shard can harm."""

    def slots(self) -> int:
        """Return how many shards run at a time; 0 if slow ones are not handed out twice."""


@dataclass(slots=True, eq=False)
class _Attempt:
    """A shard that was handed out; ``begun`` is when it ran at the latest, None if it may wait."""

    shard: Shard
    futures: list[Future[list[Result]]] = field(default_factory=list)
    begun: float | None = None


def results_of(
    shards: Iterable[Shard],
    do: Do,
    pool: Pool,
    lost: Callable[[Item, str], Result],
) -> Generator[Result]:
    """Yield the results of ``do(shard, again)`` of every shard as they end.

    A lost shard is halved and handed out again, down to a single item, which runs alone at the end;
    if it is lost then too, its result is ``lost(item, reason)``. In a pool that does not repeat
    shards that is the result of every item lost. If the pool itself has ended it is the result of
    every item that was handed out, and no more are.

    Once all shards are handed out and none waits, one that takes more than three times the median
    (by item), and PATIENCE, is handed out a second time; the first result is used.

    When this iterator is closed, shards that have not begun are cancelled. An error of ``shards``,
    such as one of a listing, is raised once those that were handed out have ended.
    """
    loop = _Loop(iter(shards), do, pool, lost)
    try:
        yield from loop.run()
    finally:
        loop.cancel()


@dataclass(slots=True)
class _Loop:
    shards: Iterator[Shard]
    do: Do
    pool: Pool
    lost: Callable[[Item, str], Result]
    pending: dict[Future[list[Result]], _Attempt] = field(default_factory=dict)
    halved: deque[Shard] = field(default_factory=deque)
    suspects: list[Item] = field(default_factory=list)
    is_broken: bool = False
    is_exhausted: bool = False
    error: ConvcliError | None = None
    ended: float = field(default_factory=time.monotonic)
    paces: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))

    def run(self) -> Iterator[Result]:
        while True:
            if not self.is_broken:
                self._hand_out()
            if self.pending:
                slots = self.pool.slots() if self.is_exhausted else 0
                ended = wait(self.pending, LOOK if slots else None, FIRST_COMPLETED).done
                for future in ended:
                    yield from self._ended(future)
                if slots:
                    self._repeat_slow(slots)
            elif self.is_broken:
                self.pool.restart()
                self.is_broken = False
            else:
                break
        for item in self.suspects:
            with self.pool.alone() as pool:
                future = _submitted(pool, self.do, (item,), True)
                wait([future])
                reason = _reason(pool, future)
            if reason is None:
                yield from future.result()
            else:
                yield self.lost(item, reason)
        if self.error is not None:
            raise self.error

    def cancel(self) -> None:
        for future in self.pending:
            future.cancel()

    def _hand_out(self) -> None:
        while len(self.pending) < self.pool.width():
            again = bool(self.halved)
            shard = self.halved.popleft() if again else self._next()
            if shard is None:
                self.is_exhausted = True
                return
            future = _submitted(self.pool, self.do, shard, again)
            self.pending[future] = _Attempt(shard, [future])
            if future.done():  # computed in this thread, or refused
                return

    def _next(self) -> Shard | None:
        try:
            return next(self.shards, None)
        except ConvcliError as error:
            self.error, self.shards = error, iter(())
            return None

    def _ended(self, future: Future[list[Result]]) -> Iterator[Result]:
        self.ended = time.monotonic()
        attempt = self.pending.pop(future, None)
        if attempt is None:  # the other attempt at this shard has ended first
            return
        others = [other for other in attempt.futures if other in self.pending]
        reason = _reason(self.pool, future)
        if reason is None:
            results = future.result()
            for other in others:
                del self.pending[other]
                other.cancel()
            self.paces.append(sum(result.seconds for result in results) / len(attempt.shard))
            yield from results
        elif future.cancelled():
            yield from self._all_lost(attempt, reason)
        elif not self.pool.repeats:
            for item in attempt.shard:
                yield self.lost(item, reason)
        elif not others:
            self.is_broken = self.pool.breaks
            if len(attempt.shard) > 1:
                self.halved.extend(halves(attempt.shard))
            else:
                self.suspects.extend(attempt.shard)

    def _all_lost(self, attempt: _Attempt, reason: str) -> Iterator[Result]:
        """Yield that all is lost, and hand out no more."""
        shards = {id(one): one.shard for one in (attempt, *self.pending.values())}
        items = [item for shard in (*shards.values(), *self.halved) for item in shard]
        items += self.suspects
        self.shards = iter(())
        self.pending.clear()
        self.halved.clear()
        self.suspects = []
        for item in items:
            yield self.lost(item, reason)

    def _repeat_slow(self, slots: int) -> None:
        """Hand out slow shards a second time, if there is a free worker for them.

        A shard may wait behind a slow one while other workers are free, which is not seen from
        here: where nothing ends for as long, those that wait are handed out a second time too.
        """
        now = time.monotonic()
        is_free = len(self.pending) < slots
        for attempt in list(self.pending.values()):
            if is_free and attempt.begun is None:  # all run now, and this one perhaps for some time
                attempt.begun = now
            is_waiting = attempt.begun is None
            since = self.ended if attempt.begun is None else attempt.begun
            is_slow = now - since > self._limit(attempt, is_waiting)
            may_run = is_waiting or len(self.pending) < slots
            if is_slow and may_run and len(attempt.futures) == 1:
                future = _submitted(self.pool, self.do, attempt.shard, True)
                attempt.futures.append(future)
                self.pending[future] = attempt

    def _limit(self, attempt: _Attempt, is_waiting: bool) -> float:
        """Return the seconds that an attempt may take, or may wait with nothing ended."""
        if self.paces:
            return max(SLOW * median(self.paces) * len(attempt.shard), PATIENCE)
        return UNKNOWN * PATIENCE if is_waiting else float("inf")


def _submitted(pool: Pool, do: Do, shard: Shard, again: bool) -> Future[list[Result]]:
    try:
        return pool.submit(do, shard, again)
    except BrokenExecutor as broken:
        refused: Future[list[Result]] = Future()
        refused.set_exception(broken)
        return refused


def _reason(pool: Pool, future: Future[list[Result]]) -> str | None:
    """Return why a shard was lost; None if it has ended, whether with results or an exception."""
    error = None if future.cancelled() else future.exception()
    return None if error is None and not future.cancelled() else pool.loss(error)
