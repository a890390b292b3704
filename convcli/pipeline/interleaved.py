"""Filters that treat channels alike, computed on samples as they lie: channels side by side.

Values are computed some rows at a time, as many as stay in cache, on the scale of the samples: from
samples to the values of each kernel, to one by the filter's ``reduce``, to samples by its
``range``. Alpha that is only passed on is a channel like the others, and then overwritten.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.images import Frame
from convcli.images.picture import full_scale
from convcli.images.raster import Raster
from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine.int16_bank import BlockFunction, Int16Bank
from convcli.kernel.engine.method import Method
from convcli.kernel.factors import Factors
from convcli.pipeline.operators import Convolution
from convcli.pipeline.selection import ReadRows, Selection, padded_index, read_rows, take_rows
from convcli.pipeline.shapes import AlphaPolicy, Stage
from convcli.pipeline.strips import STRIP_SIZES, Strip, StripSizes, strips_of
from convcli.pipeline.value_range import unchanged
from convcli.system.threads import share

BLOCK_SAMPLES = 1 << 17
"""About how many values of a kernel are computed at once."""

InRange = Callable[[FloatArray], FloatArray]
"""Brings values (C, rows, W) of the 0-1 scale to samples of it."""


def can_be_interleaved(frame: Frame, stage: Stage) -> bool:
    """Return whether a stage is computed on integer samples as they lie."""
    operator = stage.operator
    if (
        not isinstance(operator, Convolution)
        or operator.filter.is_cross_channel
        or stage.geometry.stride[1] > 1
        or frame.raster.dtype.kind != "u"
    ):
        return False
    if stage.alpha_policy is AlphaPolicy.OPAQUE:
        return True
    return (
        stage.alpha_policy is AlphaPolicy.SAMPLED
        and not operator.filter.range.startswith("rescale")  # by what is visible
        and _centre_columns(operator, stage) is not None
    )


def _centre_columns(operator: Convolution, stage: Stage) -> slice | None:
    """Return the columns under the kernel's centre, if it is on the row that is written."""
    rows, columns = (operator.centres(stage.geometry, axis) for axis in (0, 1))
    first, past = int(columns[0]), int(columns[0]) + len(columns)
    is_moved = first >= 0 and (columns == np.arange(first, past)).all()
    keeps_rows = stage.geometry.image[0] == len(rows) and (rows == np.arange(len(rows))).all()
    return slice(first, past) if is_moved and keeps_rows else None


class OpaqueStrips:
    """Strips of a picture with alpha that are opaque, convolved as they lie.

    Colour times alpha over alpha is colour there, if the kernel sums to 1 and finds no zeros in
    the padding.
    """

    def __init__(self, frame: Frame, stage: Stage, operator: Convolution) -> None:
        raster = frame.raster
        self._stage, self._top = stage, full_scale(raster.dtype)
        self._prepared = operator.prepare_samples(stage.geometry, raster.channels, self._top)

    @classmethod
    def of(cls, frame: Frame, stages: Sequence[Stage]) -> OpaqueStrips | None:
        """Return those of a frame, if its only stage is such a convolution."""
        stage, operator = stages[-1], stages[-1].operator
        if (
            len(stages) > 1
            or stage.alpha_policy is not AlphaPolicy.PREMULTIPLIED
            or not isinstance(operator, Convolution)
            or operator.filter.reduce is not None
            or operator.filter.range != "clip"
            or operator.filter.offsets.any()
            or (operator.filter.pad_mode == "zeros" and any(stage.geometry.pads))
            or stage.geometry.stride[1] > 1
            or frame.raster.dtype.kind != "u"
        ):
            return None
        kernel = operator.filter.kernel_as(np.float32)
        factors = kernel if isinstance(kernel, Factors) else (kernel,)
        total = float(np.prod([factor.sum(dtype=np.float64) for factor in factors]))
        return cls(frame, stage, operator) if abs(total - 1) <= 1e-6 else None

    def samples(self, read: ReadRows, start: int, stop: int) -> NDArray[Any] | None:
        """Return the rows start to stop (rows, W, C); None where something is transparent."""
        index = padded_index(self._stage, self._prepared, start, stop)
        selection = Selection(index)
        parts = [read(*interval) for interval in selection.intervals]
        if not all((part[..., -1] == self._top).all() for part in parts):
            return None
        rows = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return self._prepared.samples(take_rows(rows, selection.place(index), 0), stop - start)


class InterleavedFilter:
    """A stage prepared for the samples of a frame; threads may share it."""

    def __init__(self, frame: Frame, stage: Stage, operator: Convolution) -> None:
        raster, geometry = frame.raster, stage.geometry
        self._stage, self._reduce = stage, operator.filter.reduce
        self.dtype, self.channels = raster.dtype, raster.channels
        self.top = full_scale(raster.dtype)
        self.alpha_columns: slice | None = None
        if stage.alpha_policy is AlphaPolicy.SAMPLED:
            self.alpha_columns = _centre_columns(operator, stage)
        self._rows_of = operator.prepare_samples(geometry, raster.channels, self.top)
        self._prepare_values = partial(operator.prepare_values, geometry, raster.channels, self.top)
        problems = operator.value_problems(geometry, raster.channels, self.top)
        self._bank = Int16Bank.kept(problems, self._reduce) if self.top == 255 else None
        self.samples = stage.size[1] * raster.channels
        self._stride = geometry.stride[0]

    @cached_property
    def _methods(self) -> list[Method]:
        return self._prepare_values()

    @cached_property
    def block(self) -> int:
        """How many rows are computed at once."""
        most = max(1, BLOCK_SAMPLES // self.samples)
        # Methods compute this many rows at once in any case.
        return max(most, min(method.step for method in self._methods))

    def source_rows(self, start: int, stop: int) -> tuple[int, int]:
        """Return the half-open range of source rows that some rows of the result read."""
        return Selection(padded_index(self._stage, self._rows_of, start, stop)).span

    def padded(self, read: ReadRows, start: int, stop: int) -> NDArray[Any]:
        """Return the rows (1, rows, samples) that some rows of the result read, and padding."""
        index = padded_index(self._stage, self._rows_of, start, stop)
        return read_rows(read, index).reshape(1, len(index), -1)

    def empty_values(self) -> FloatArray:
        """Return room for a block of values of every kernel."""
        return np.empty((len(self._methods), self.block, self.samples), np.float32)

    def values(self, padded: NDArray[Any], first: int, past: int, into: FloatArray) -> FloatArray:
        """Return the rows first to past (rows, samples) of what ``padded`` is read for."""
        source = padded[:, first * self._stride :]
        values = into[:, : past - first]
        for method, of_kernel in zip(self._methods, values, strict=True):
            method.rows(source, of_kernel[np.newaxis], 0, 0, past - first)
        return reduced(values, self._reduce)

    def whole_writer(self, *, is_absolute: bool) -> BlockFunction | None:
        """Return a function with buffers of its own, from padded rows to 8-bit samples.

        None where values are not whole numbers of 16 bits.
        """
        return None if self._bank is None else self._bank.for_thread(is_absolute=is_absolute)


def reduced(values: FloatArray, reduce: str | None) -> FloatArray:
    """Return (rows, samples) from the values of F kernels, which are overwritten."""
    total: FloatArray = values[0]
    match reduce:
        case "magnitude":
            np.square(values, out=values)
            for other in values[1:]:
                total += other
            np.sqrt(total, out=total)
        case "max":
            for other in values[1:]:
                np.maximum(total, other, out=total)
        case "sum":
            for other in values[1:]:
                total += other
    return total


def convolve_interleaved(
    frame: Frame,
    stage: Stage,
    operator: Convolution,
    target: Raster,
    in_range: InRange,
    *,
    in_place: bool,
    sizes: StripSizes = STRIP_SIZES,
) -> None:
    """Compute every strip of a stage, and write it as samples."""
    prepared = InterleavedFilter(frame, stage, operator)
    keeps_whole_numbers = in_range is unchanged or in_range is np.abs

    def make_writer() -> Callable[[Strip], None]:
        whole = None
        if keeps_whole_numbers:
            whole = prepared.whole_writer(is_absolute=in_range is np.abs)
        values = prepared.empty_values() if whole is None else None

        def compute(strip: Strip) -> None:
            start, stop, read = strip
            padded = prepared.padded(read, start, stop)
            samples = np.empty((stop - start, prepared.samples), prepared.dtype)
            if whole is not None:
                whole(padded, samples)
            else:
                write_values(padded, samples)
            by_pixel = samples.reshape(stop - start, -1, prepared.channels)
            if prepared.alpha_columns is not None:
                by_pixel[..., -1] = read(start, stop)[:, prepared.alpha_columns, -1]
            target.write(start, by_pixel)

        def write_values(padded: NDArray[Any], samples: NDArray[Any]) -> None:
            assert values is not None
            for first in range(0, len(samples), prepared.block):
                past = min(first + prepared.block, len(samples))
                found = prepared.values(padded, first, past, values)
                _finish(found, in_range, prepared, samples[first:past])

        return compute

    height = stage.size[0]
    rows = sizes.rows_of([stage], height, sizes.rows)
    strips = strips_of(frame.raster, prepared, height, rows, in_place)
    share(make_writer, strips, sizes.threads_for([stage], height))


def _finish(
    values: FloatArray, in_range: InRange, prepared: InterleavedFilter, samples: NDArray[Any]
) -> None:
    """Write values (rows, samples), which are overwritten, as samples: nearest, clipped."""
    top = np.float32(prepared.top)
    if in_range is np.abs:
        np.abs(values, out=values)
    elif in_range is not unchanged:
        values /= top
        planes = values.reshape(len(values), -1, prepared.channels).transpose(2, 0, 1)
        np.multiply(in_range(planes), top, out=planes)
    # The cast truncates: 0.5 makes it round to nearest.
    values += np.float32(0.5)
    np.clip(values, 0, top, out=values)
    np.copyto(samples, values, casting="unsafe")


def extremes_interleaved(
    frame: Frame, stage: Stage, operator: Convolution, sizes: StripSizes = STRIP_SIZES
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return min and max of each channel of the result, as ``strips.extremes``; no alpha."""
    prepared = InterleavedFilter(frame, stage, operator)
    found: list[tuple[FloatArray, FloatArray]] = []

    def make_measure() -> Callable[[Strip], None]:
        room = prepared.empty_values()

        def measure(strip: Strip) -> None:
            start, stop, read = strip
            padded = prepared.padded(read, start, stop)
            for first in range(0, stop - start, prepared.block):
                past = min(first + prepared.block, stop - start)
                values = prepared.values(padded, first, past, room)
                lowest = values.min(0).reshape(-1, prepared.channels).min(0)
                found.append((lowest, values.max(0).reshape(-1, prepared.channels).max(0)))

        return measure

    height = stage.size[0]
    rows = sizes.rows_of([stage], height, sizes.rows)
    strips = strips_of(frame.raster, prepared, height, rows, in_place=False)
    share(make_measure, strips, sizes.threads_for([stage], height))
    lows, highs = (np.array(each, np.float64) for each in zip(*found, strict=True))
    return lows.min(0) / prepared.top, highs.max(0) / prepared.top
