"""Sums of products over samples: all that least squares needs of a picture.

A sample's features are the elements of its window; a one and the target are added to them. The sums
are computed tile by tile, by one of two algorithms with the same result:

- by lags (:mod:`convcli.fitting.lag_sums`), for windows at every sample. Samples that are not
  evidence are then subtracted, by windows.
- by windows (:mod:`convcli.fitting.window_sums`), for strides, and if many samples are clipped.

8-bit samples are centred to -128 … 127. Then the sum of 1,024 products is below 2^24, every product
of the first kind exact in float32, and every sum exact in float64.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from convcli.fitting.geometry import Source
from convcli.fitting.lag_sums import LagSums
from convcli.fitting.samples import FramePair
from convcli.fitting.window_sums import WindowSums
from convcli.system.threads import processors, share

COLUMNS = 1024
"""Samples of a tile's row: the number of products of centred bytes that float32 sums exactly."""

ROWS = 64
GROUPS = 16
MOST_BYTES = 64 * 2**20
"""Memory for the sums of all blocks; large kernels have fewer blocks."""

WORTH_A_THREAD = 100_000


@dataclass
class Moments:
    """The sums of products of n features, a one and a target, on the 0-1 scale.

    ``sums`` is (blocks, n+2, n+2); a block's tiles are not adjacent; blocks of even number are one
    half of the tiles, those of odd number the other. ``offered``, ``clipped`` and ``hidden`` count
    samples: all inside the border, those at an end of their scale, those under transparency.
    """

    sums: NDArray[np.float64]
    offered: int = 0
    clipped: int = 0
    hidden: int = 0

    @property
    def total(self) -> NDArray[np.float64]:
        """The sums over all blocks."""
        return np.asarray(self.sums.sum(0))

    def half(self, parity: int) -> NDArray[np.float64]:
        """The sums over one half of the tiles."""
        return np.asarray(self.sums[parity::2].sum(0))

    @property
    def used(self) -> int:
        """The number of samples that are evidence."""
        return round(float(self.sums[:, -2, -2].sum()))

    def cropped(self, places: NDArray[np.intp]) -> Moments:
        """Return the sums of some of the features."""
        kept = np.concatenate([places, [self.sums.shape[1] - 2, self.sums.shape[1] - 1]])
        sums = self.sums[:, kept[:, np.newaxis], kept]
        return replace(self, sums=sums)

    def __add__(self, other: Moments) -> Moments:
        """Return the sums over the samples of both."""
        return Moments(
            self.sums + other.sums,
            self.offered + other.offered,
            self.clipped + other.clipped,
            self.hidden + other.hidden,
        )


class Tiling(NamedTuple):
    """The tiles of a source, of which every ``every``-th pair is used."""

    rows: int
    columns: int
    every: int


def blocks_for(unknowns: int) -> int:
    """Return the number of blocks into which sums of this many unknowns are divided."""
    return 2 * max(1, min(GROUPS, MOST_BYTES // (16 * (unknowns + 2) ** 2)))


def moments_of(
    pair: FramePair,
    sources: Sequence[Source],
    unknowns: int,
    *,
    most_samples: float = np.inf,
    by_lags: bool | None = None,
) -> Moments:
    """Return the sums over the ``sources`` of one system of ``unknowns``.

    With ``most_samples`` only about this many are used, in tiles from all over the picture.
    ``by_lags`` is decided tile by tile, by cost, if it is None.
    """
    blocks = blocks_for(unknowns)
    moments = Moments(np.zeros((blocks, unknowns + 2, unknowns + 2)))
    offered = sum(_width(pair, source) * source.y.windows for source in sources)
    every = max(1, int(offered // most_samples))
    is_worth_it = offered * unknowns > WORTH_A_THREAD * every
    lock = threading.Lock()
    for source in sources:
        tiling = _tiling(pair, source, every)
        places = np.concatenate([source.unknowns, [unknowns, unknowns + 1]])

        def make_summing(
            source: Source = source, tiling: Tiling = tiling, places: NDArray[np.intp] = places
        ) -> Callable[[int], None]:
            def sum_up(group: int) -> None:
                # One thread sums a group, in order, so that sums do not depend on the number of
                # threads.
                sums = _Sums(pair, source)
                counts = sums.collect(group, blocks // 2, tiling, by_lags)
                for parity in (0, 1):
                    block = moments.sums[2 * group + parity]
                    block[places[:, np.newaxis], places] += sums.finished(parity)
                with lock:
                    moments.offered += counts[0]
                    moments.clipped += counts[1]
                    moments.hidden += counts[2]

            return sum_up

        share(make_summing, range(blocks // 2), processors() if is_worth_it else 1)
    return moments


def _width(pair: FramePair, source: Source) -> int:
    """Return the number of samples in a row of windows."""
    return source.x.windows * (pair.after.colours if source.planes is None else 1)


def _tiling(pair: FramePair, source: Source, every: int) -> Tiling:
    """Return tiles so small that there are several in each direction."""
    width = _width(pair, source)
    rows = min(ROWS, max(8, source.y.windows // 16))
    columns = min(COLUMNS, max(48, -(-width // 8)))
    return Tiling(rows, columns, every)


class _Strip(NamedTuple):
    """Rows of windows: samples of each plane and of the target, and which are transparent."""

    planes: list[NDArray[Any]]
    target: NDArray[Any]
    hidden: NDArray[np.bool_] | None


class _Sums:
    """The sums of one group of tiles, in two halves."""

    def __init__(self, pair: FramePair, source: Source) -> None:
        self.pair, self.source = pair, source
        self.size = len(source.y.taps), len(source.x.taps)
        self.count = 1 if source.planes is None else len(source.planes)
        self.pixel = pair.after.colours if source.planes is None else 1
        is_exact = pair.before.is_exact and pair.after.is_exact
        self.dtype = np.float32 if is_exact else np.float64
        self.by_lag = LagSums(self.size, self.count, self.pixel, self.dtype)
        step = source.y.step, source.x.step
        self.by_window = WindowSums(self.size, self.count, self.pixel, step, self.dtype)

    def collect(
        self, group: int, groups: int, tiling: Tiling, by_lags: bool | None
    ) -> tuple[int, int, int]:
        """Sum over the strips of a ``group``; return samples offered, clipped and hidden."""
        offered = clipped = hidden = 0
        height, width = self.source.y.windows, _width(self.pair, self.source)
        for number in range(group, -(-height // tiling.rows), groups):
            start = number * tiling.rows
            stop = min(start + tiling.rows, height)
            chunks = [
                chunk
                for chunk in range(-(-width // tiling.columns))
                if (chunk // 2 + 3 * number) % tiling.every == 0
            ]
            strip = self._read(start, stop) if chunks else None
            for chunk in chunks:
                assert strip is not None
                first = chunk * tiling.columns
                past = min(first + tiling.columns, width)
                bad = self.pair.after.clipped(strip.target[:, first:past])
                offered += bad.size
                lost = int(np.count_nonzero(bad))
                clipped += lost
                if strip.hidden is not None:
                    bad = bad | strip.hidden[:, first:past]
                    hidden += int(np.count_nonzero(bad)) - lost
                self._tile(strip, first, past, bad, (number + chunk) % 2, by_lags)
        return offered, clipped, hidden

    def finished(self, parity: int) -> NDArray[np.float64]:
        """Return the sums of one half on the 0-1 scale, in the order plane, row, column."""
        centred = self.by_lag.assembled(parity) + self.by_window.halves[parity]
        before, after = self.pair.before, self.pair.after
        entries = len(centred) - 2
        change = np.eye(entries + 2)
        change[:entries, entries] = before.centre
        change[-1, entries] = after.centre
        units = np.array([before.unit] * entries + [1, after.unit])
        # Whole numbers up to here, so that undoing the centring is exact.
        sums: NDArray[np.float64] = change @ centred @ change.T
        return np.asarray(sums / np.multiply.outer(units, units))

    def _read(self, start: int, stop: int) -> _Strip:
        y, x = self.source.y, self.source.x
        before, after = self.pair.before, self.pair.after
        top = y.first + start * y.step
        bottom = y.first + (stop - 1) * y.step + self.size[0]
        samples = before.rows(top, bottom)[..., : before.colours]
        target = after.rows(y.target + start * y.spacing, y.target + (stop - 1) * y.spacing + 1)
        target = target[:: y.spacing, x.target :: x.spacing][:, : x.windows, : after.colours]
        if self.source.planes is None:
            planes = [np.ascontiguousarray(samples[:, x.first :]).reshape(len(samples), -1)]
            target = np.ascontiguousarray(target).reshape(len(target), -1)
        else:
            planes = [samples[:, x.first :, plane] for plane in self.source.planes]
            target = target[..., self.source.target]
        return _Strip(planes, target, self._hidden(start, stop, (top, bottom)))

    def _hidden(self, start: int, stop: int, rows: tuple[int, int]) -> NDArray[np.bool_] | None:
        """Return which samples are not opaque, or have such a pixel in their window."""
        y, x = self.source.y, self.source.x
        shown = self.pair.before.opaque(*rows)
        ends = y.target + start * y.spacing, y.target + (stop - 1) * y.spacing + 1
        kept = self.pair.after.opaque(*ends)
        if shown is None and kept is None:
            return None
        hidden = np.zeros((stop - start, x.windows), np.bool_)
        if shown is not None:
            windows = sliding_window_view(shown[:, x.first :], self.size)
            hidden |= ~windows[:: y.step, :: x.step][:, : x.windows].all((2, 3))
        if kept is not None:
            hidden |= ~kept[:: y.spacing, x.target :: x.spacing][:, : x.windows]
        return np.repeat(hidden, self.pixel, axis=1)

    def _tile(
        self,
        strip: _Strip,
        first: int,
        past: int,
        bad: NDArray[np.bool_],
        parity: int,
        by_lags: bool | None,
    ) -> None:
        before, after = self.pair.before, self.pair.after
        step = self.source.x.step
        reach = (self.size[1] - 1) * self.pixel
        low, high = first * step, (past - 1) * step + reach + 1
        planes = [before.values(plane[:, low:high], self.dtype) for plane in strip.planes]
        target = after.values(strip.target[:, first:past], self.dtype)
        if by_lags is None:
            by_lags = self._is_cheaper_by_lags(np.count_nonzero(bad) / bad.size)
        if by_lags:
            self.by_lag.add(planes, target, parity)
            self.by_window.add(planes, target, bad, parity, -1)
        else:
            self.by_window.add(planes, target, ~bad, parity, 1)

    def _is_cheaper_by_lags(self, bad: float) -> bool:
        """Return whether lags cost less for a tile of which a share is ``bad``.

        Costs are counted in multiplications, of which half are computed where a matrix is
        multiplied with its transpose; to gather an element takes as long as 50 (measured).
        """
        if (self.source.y.step, self.source.x.step) != (1, 1):
            return False
        entries = self.by_window.features + 2
        by_window = entries**2 / 2 + 50 * entries
        return self.by_lag.multiplications + bad * by_window <= (1 - bad) * by_window
