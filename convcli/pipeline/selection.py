"""Which rows, or columns, of a source are read for some of a result, padding included."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.padding import source_index
from convcli.pipeline.prepared import ReadsRows
from convcli.pipeline.shapes import Stage

ReadRows = Callable[[int, int], NDArray[Any]]
"""``read(start, stop)``: some rows of samples, (rows, W, C)."""


def padded_index(stage: Stage, prepared: ReadsRows, start: int, stop: int) -> NDArray[np.intp]:
    """Return the input row for each padded row that some output rows read; -1 for zeros."""
    first, past = prepared.rows_read(start, stop)
    height = stage.operator.input_size(stage.geometry)[0]
    return source_index(first, past, height, stage.operator.filter.pad_mode)


class Selection:
    """The distinct rows that indices refer to, as intervals; -1 is a row of zeros."""

    def __init__(self, *indices: NDArray[np.intp]) -> None:
        named = indices[0] if len(indices) == 1 else np.concatenate(indices)
        named = named[named >= 0] if named.size and named.min() < 0 else named
        if not named.size:  # zeros alone: one row is read for its width
            named = np.zeros(1, np.intp)
        if len(indices) == 1 and _is_run(named):  # nearly always
            self._rows = named
            self.intervals = [(int(named[0]), int(named[-1]) + 1)]
            return
        # Not np.unique, which imports numpy.ma: a tenth of the time of a small picture.
        named = np.sort(named)
        is_first = np.ones(len(named), bool)
        np.not_equal(named[1:], named[:-1], out=is_first[1:])
        self._rows = named[is_first]
        ends = np.flatnonzero(self._rows[1:] - self._rows[:-1] > 1) + 1
        bounds = pairwise([0, *ends.tolist(), len(self._rows)])
        self.intervals = [(int(self._rows[a]), int(self._rows[b - 1]) + 1) for a, b in bounds]

    @property
    def span(self) -> tuple[int, int]:
        """The half-open range of all rows."""
        return self.intervals[0][0], self.intervals[-1][1]

    def place(self, index: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the positions of rows in the concatenated intervals; -1 stays -1."""
        if len(self.intervals) > 1:
            return np.where(index < 0, -1, np.searchsorted(self._rows, index))
        return np.where(index < 0, -1, index - self.intervals[0][0])


def _is_run(index: NDArray[np.intp]) -> bool:
    """Return whether rows follow each other."""
    return bool((index[1:] - index[:-1] == 1).all())


def take_rows(rows: NDArray[Any], index: NDArray[np.intp], axis: int) -> NDArray[Any]:
    """Return the rows of ``index`` along ``axis``; -1 is a row of zeros."""
    if len(index) == rows.shape[axis] and (index == np.arange(len(index))).all():
        return rows
    taken = rows.take(index, axis)  # -1 takes the last row, overwritten below
    if index.min(initial=0) < 0:
        np.moveaxis(taken, axis, 0)[index < 0] = 0
    return taken


def read_rows(read: ReadRows, index: NDArray[np.intp], axis: int = 0) -> NDArray[Any]:
    """Return what ``read`` returns for ``index`` along ``axis``; -1 is a row of zeros."""
    selection = Selection(index)
    parts = [read(*interval) for interval in selection.intervals]
    rows = parts[0] if len(parts) == 1 else np.concatenate(parts, axis)
    return take_rows(rows, selection.place(index), axis)
