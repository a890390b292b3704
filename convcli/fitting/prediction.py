"""BEFORE through a filter, band by band, compared with AFTER."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.filters import Filter
from convcli.fitting.geometry import Pair
from convcli.fitting.samples import FramePair
from convcli.kernel import conv2d, conv_transpose2d
from convcli.kernel.padding import source_index

Array = NDArray[np.float64]

Rectangle = tuple[int, int, int, int]
"""Rows from and to, columns from and to."""

BAND = 128


class Band(NamedTuple):
    """Some rows of AFTER: as predicted and as they are, (C, rows, W) on the 0-1 scale.

    ``is_evidence`` is true for samples of AFTER that are not clipped.
    """

    start: int
    predicted: Array
    actual: Array
    is_evidence: NDArray[np.bool_]


class Predictor:
    """A filter over one pair of frames, padded by ``pad_mode``."""

    def __init__(self, pair: FramePair, chosen: Filter, shift: Pair, pad_mode: str = "") -> None:
        self.pair, self.filter, self.shift = pair, chosen, shift
        self.pad_mode = pad_mode or chosen.pad_mode
        kernel = chosen.kernel
        self.is_mixed = chosen.is_cross_channel
        self.weight = kernel
        self.offsets = np.asarray(chosen.offsets, float)
        relation = pair.relation
        self.size = kernel.shape[2], kernel.shape[3]
        self.anchor = relation.anchor(self.size)

    def band(self, start: int, stop: int, left: int = 0, right: int | None = None) -> Band:
        """Return the rows ``start`` to ``stop`` of AFTER, or some columns of them."""
        right = self.pair.relation.after[1] if right is None else right
        plate = self.pair.after
        samples = plate.rows(start, stop)[:, left:right, : plate.colours]
        evidence = self.evidence((start, stop), (left, right))
        predicted = self._predicted((start, stop), (left, right))
        return Band(start, predicted, plate.planes_of(samples), evidence)

    def bands(self, most_rows: float = np.inf, rows: int = BAND) -> Iterator[Band]:
        """Yield bands of some ``rows`` of AFTER: all, or about ``most_rows`` from all over it."""
        height = self.pair.relation.after[0]
        starts = range(0, height, rows)
        every = max(1, int(height / most_rows)) if most_rows < height else 1
        for start in starts[::every]:
            yield self.band(start, min(start + rows, height))

    @property
    def inside(self) -> Rectangle:
        """The samples of AFTER whose windows are inside BEFORE."""
        relation = self.pair.relation
        ends: list[int] = []
        for k in (0, 1):
            stride, size, length = relation.stride[k], self.size[k], relation.before[k]
            anchor, shift = self.anchor[k], self.shift[k]
            if relation.is_transposed:
                first = shift + max(0, size - stride - anchor)
                past = shift + length * stride - anchor
            else:
                first = shift + -(-anchor // stride)
                past = shift + (length - size + anchor) // stride + 1
            first = min(max(0, first), relation.after[k])
            ends += [first, max(first, min(past, relation.after[k]))]
        return ends[0], ends[1], ends[2], ends[3]

    def _predicted(self, rows: Pair, columns: Pair) -> Array:
        """Return some rows and columns of the filtered BEFORE, shifted like AFTER."""
        return self.filtered(self.windows(rows, columns), rows, columns)

    def filtered(self, read: Array, rows: Pair, columns: Pair) -> Array:
        """Return the filtered rows and columns, from the samples that they read."""
        if not self.is_mixed:
            by_channel = self._linear(read[:, np.newaxis], self.weight, rows, columns)
            return np.asarray(by_channel[:, 0] + self.offsets[0])
        result = self._linear(read, self.weight, rows, columns)
        several = len(self.offsets) == len(result)
        offsets = self.offsets if several else self.offsets[:1]
        return np.asarray(result + offsets[:, np.newaxis, np.newaxis])

    def _linear(self, batch: Array, weight: Array, rows: Pair, columns: Pair) -> Array:
        """Return the convolution, or the transposed one, for some rows and columns of AFTER."""
        relation = self.pair.relation
        if not relation.is_transposed:
            return np.asarray(conv2d(batch, weight, stride=relation.stride))
        (_, top, height), (_, left, width) = self._index(0, *rows), self._index(1, *columns)
        result = conv_transpose2d(batch, weight, stride=relation.stride)
        return np.asarray(result[..., top : top + height, left : left + width])

    def evidence(self, rows: Pair, columns: Pair) -> NDArray[np.bool_]:
        """Return which samples of AFTER are not clipped and have an opaque window."""
        plate = self.pair.after
        samples = plate.rows(*rows)[:, slice(*columns)]
        kept = ~plate.clipped(samples[..., : plate.colours]).transpose(2, 0, 1)
        opaque = plate.opaque(*rows)
        if opaque is not None:
            kept &= opaque[:, slice(*columns)]
        if self.pair.before.frame.has_alpha:
            hidden = self._read(
                self._index(0, *rows)[0], self._index(1, *columns)[0], self.pair.before.transparency
            )
            ones = np.ones((1, 1, *self.size))
            kept &= self._linear(hidden, ones, rows, columns)[0, 0] < 0.5
        return kept

    def windows(self, rows: Pair, columns: Pair) -> Array:
        """Return the samples of BEFORE that some rows and columns of AFTER read."""
        return self._read(self._index(0, *rows)[0], self._index(1, *columns)[0])

    def _index(self, k: int, start: int, stop: int) -> tuple[NDArray[np.intp], int, int]:
        """Return the rows of BEFORE (-1 for zeros) that some rows of AFTER read, and the crop."""
        relation = self.pair.relation
        stride, size = relation.stride[k], self.size[k]
        first, last = start - self.shift[k], stop - 1 - self.shift[k]
        if relation.is_transposed:
            first, last = first + self.anchor[k], last + self.anchor[k]
            # With a kernel smaller than the stride, some rows read nothing.
            low = min(-(-(first - size + 1) // stride), first // stride)
            high = last // stride + (size < stride)
            crop = first - low * stride
        else:
            low = first * stride - self.anchor[k]
            high = last * stride - self.anchor[k] + size - 1
            crop = 0
        index = source_index(low, high + 1, relation.before[k], self.pad_mode)
        return index, crop, stop - start

    def _read(
        self,
        rows: NDArray[np.intp],
        columns: NDArray[np.intp],
        planes_of: Callable[[NDArray[Any]], Array] | None = None,
    ) -> Array:
        """Return the samples of BEFORE at some rows and columns, zeros where an index is -1."""
        planes_of = planes_of or self.pair.before.planes_of
        real = rows[rows >= 0]
        plate = self.pair.before
        if not len(real):
            return np.zeros((plate.colours, len(rows), len(columns)))
        groups = np.split(real, np.flatnonzero(np.abs(np.diff(real)) > 64) + 1)
        known: list[NDArray[np.intp]] = []
        parts: list[Array] = []
        for group in groups:
            low, high = int(group.min()), int(group.max()) + 1
            known.append(np.arange(low, high))
            parts.append(planes_of(plate.rows(low, high)[:, np.maximum(columns, 0)]))
        at, planes = np.concatenate(known), np.concatenate(parts, 1)
        order = np.argsort(at, kind="stable")
        place = order[np.minimum(np.searchsorted(at[order], np.maximum(rows, 0)), len(at) - 1)]
        read = planes[:, place]
        read[:, rows < 0] = 0
        read[:, :, columns < 0] = 0
        return read


class MeanSquare(NamedTuple):
    """Mean squares of samples that are evidence: of the residual, and of AFTER about its mean."""

    error: float
    spread: float


def mean_square(
    pairs: Sequence[FramePair], chosen: Filter, shift: Pair, most_samples: float
) -> MeanSquare:
    """Return the mean squares in stored values, of about this many samples inside the border."""
    squares = count = total = powers = 0.0
    for pair in pairs:
        predictor = Predictor(pair, chosen, shift)
        top, bottom, left, right = predictor.inside
        rows = int(most_samples / len(pairs) / max(1, right - left))
        strips = max(1, min(-(-(bottom - top) // BAND), rows // BAND))
        height = min(BAND, bottom - top)
        for start in np.unique(np.linspace(top, bottom - height, strips).astype(int)).tolist():
            band = predictor.band(start, start + height, left, right)
            chosen_samples = band.is_evidence
            actual = as_stored(band.actual, pair.after.linear)[chosen_samples]
            predicted = as_stored(band.predicted, pair.after.linear)[chosen_samples]
            squares += float(((actual - predicted) ** 2).sum())
            total += float(actual.sum())
            powers += float((actual**2).sum())
            count += actual.size
    if not count:
        return MeanSquare(math.inf, 0.0)
    return MeanSquare(squares / count, powers / count - (total / count) ** 2)


def as_stored(values: Array, linear: bool) -> Array:
    """Return linear light as sRGB, and other values unchanged; not rounded."""
    if not linear:
        return values
    clipped = np.clip(values, 0, 1)
    curve = 1.055 * np.power(clipped, 1 / 2.4) - 0.055
    return np.where(clipped <= 0.0031308, 12.92 * clipped, curve)
