"""Several stages, linear light, and filters across channels, on opaque samples as they lie.

Between stages, values are floats with their channels side by side, some rows at a time, as many as
stay in cache. They are on the scale of samples, so that whole numbers stay whole; in linear light
on that of 0-1. Channels are taken apart by views alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.images import Frame
from convcli.images.picture import full_scale
from convcli.images.raster import Raster
from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine.dispatch import prepare
from convcli.kernel.engine.method import Method
from convcli.kernel.engine.problem import ConvolutionProblem
from convcli.kernel.window import Window
from convcli.pipeline.interleaved import reduced
from convcli.pipeline.operators import Convolution
from convcli.pipeline.prepared import by_group
from convcli.pipeline.selection import ReadRows, Selection, padded_index, read_rows
from convcli.pipeline.shapes import AlphaPolicy, Stage
from convcli.pipeline.srgb import linear_samples, srgb_samples
from convcli.pipeline.strips import STRIP_SIZES, Strip, StripSizes, strips_of
from convcli.system.threads import share

BLOCK_SAMPLES = 1 << 20
"""About how many samples of the result are computed at once. With fewer, threads would wait for the
interpreter's lock more often than for memory."""
HALO_MULTIPLE = 4
"""A block has at least that many times the rows that its neighbours read as well."""


def can_be_staged(frame: Frame, stages: Sequence[Stage], *, linear: bool) -> bool:
    """Return whether stages are computed so: what is faster alone is left to others."""
    last = stages[-1].operator.filter
    return (
        (len(stages) > 1 or linear or last.is_cross_channel)
        and frame.raster.dtype.kind == "u"
        and last.range in ("clip", "abs")
        and all(
            isinstance(stage.operator, Convolution)
            and stage.alpha_policy is AlphaPolicy.OPAQUE
            and stage.geometry.stride[1] == 1
            for stage in stages
        )
    )


class _PreparedStage:
    """A stage from rows (rows, samples) to rows of its result; threads may share it.

    ``clips``: its results are integers, and what it reads may lie outside their range.
    """

    def __init__(
        self, stage: Stage, channels: int, scale: int, *, from_bytes: bool, clips: bool
    ) -> None:
        operator = stage.operator
        assert isinstance(operator, Convolution)
        self.stage, self.filter = stage, operator.filter
        geometry = stage.geometry
        self.rows_read = operator.prepare(geometry).rows_read
        self.columns, self.written = stage.size[1], stage.colours
        self.channels = channels
        if self.filter.is_cross_channel:
            weight = by_group(self.filter.kernel_as(np.float32), self.filter.groups)
            window = Window.of(geometry, self.filter.pad_mode).on_padded_rows()
            offsets = self.filter.offsets.astype(np.float32) * np.float32(scale)
            bias = offsets.reshape(self.filter.groups, -1) if offsets.any() else None
            problems = [ConvolutionProblem(weight, bias, window, geometry.image[1])]
        else:
            problems = operator.value_problems(geometry, channels, scale)
        if clips:
            problems = [_clipping(problem) for problem in problems]
        has_bytes = from_bytes and not self.filter.is_cross_channel
        self.methods: list[Method] = [
            prepare(each, from_bytes=has_bytes, to_floats=has_bytes, keep=True) for each in problems
        ]

    def rows(self, padded: NDArray[Any], into: NDArray[Any]) -> None:
        """Compute rows (rows, samples) of integers or floats from the padded ones they read."""
        if self.filter.is_cross_channel:
            self._across_channels(padded, into)
        elif self.filter.reduce is None:
            self.methods[0].rows(padded[np.newaxis], into[np.newaxis], 0, 0, len(into))
        else:
            values = np.empty((len(self.methods), *into.shape), np.float32)
            for method, of_kernel in zip(self.methods, values, strict=True):
                method.rows(padded[np.newaxis], of_kernel[np.newaxis], 0, 0, len(into))
            write_values(reduced(values, self.filter.reduce), into)

    def _across_channels(self, padded: NDArray[Any], into: NDArray[Any]) -> None:
        planes = padded.reshape(len(padded), -1, self.channels).transpose(2, 0, 1)
        results = into.reshape(len(into), -1, self.written).transpose(2, 0, 1)
        groups, written, read = self.methods[0].problem.shape[:3]
        for group in range(groups):
            inputs = planes[group * read : (group + 1) * read]
            outputs = results[group * written : (group + 1) * written]
            self.methods[0].rows(inputs, outputs, group, 0, len(into))


def _clipping(problem: ConvolutionProblem) -> ConvolutionProblem:
    """Return the problem with a bias, be it 0: a method does not clip means of samples."""
    if problem.bias is not None:
        return problem
    return problem._replace(bias=np.zeros(problem.shape[:2], problem.dtype))


def write_values(values: FloatArray, into: NDArray[Any]) -> None:
    """Write values, which are overwritten, on the scale of ``into``; integers nearest, clipped."""
    if into.dtype.kind == "u":
        values += np.float32(0.5)  # the cast truncates
        np.clip(values, 0, full_scale(into.dtype), out=values)
    np.copyto(into, values, casting="unsafe")


class InterleavedStages:
    """The stages of a frame, prepared for its size; threads may share it."""

    def __init__(self, frame: Frame, stages: Sequence[Stage], *, linear: bool) -> None:
        raster = frame.raster
        self.dtype, self._linear = raster.dtype, linear
        scale = 1 if linear else full_scale(raster.dtype)
        self._stages: list[_PreparedStage] = []
        channels = raster.channels
        is_absolute = stages[-1].operator.filter.range == "abs"
        # Integers are written by the last method itself, unless something is to be done with them.
        self._writes_samples = not (linear or is_absolute)
        self._is_absolute = is_absolute
        for number, stage in enumerate(stages):
            is_last = number == len(stages) - 1
            has_bytes = not linear and number == 0 and raster.dtype == np.uint8
            to_floats = not (is_last and self._writes_samples)
            prepared = _PreparedStage(
                stage,
                channels,
                scale,
                from_bytes=has_bytes and to_floats,
                clips=number > 0 and not to_floats,
            )
            self._stages.append(prepared)
            channels = stage.colours
        self.channels = channels
        self.samples = stages[-1].size[1] * channels

    def source_rows(self, start: int, stop: int) -> tuple[int, int]:
        """Return the half-open range of source rows that some rows of the result read."""
        for prepared in reversed(self._stages):
            start, stop = Selection(padded_index(prepared.stage, prepared, start, stop)).span
        return start, stop

    def block(self) -> int:
        """Return how many rows are best computed at once."""
        halo = sum(prepared.stage.geometry.kernel[0] - 1 for prepared in self._stages)
        return max(1, BLOCK_SAMPLES // self.samples, HALO_MULTIPLE * halo)

    def write(self, read: ReadRows, start: int, into: NDArray[Any]) -> None:
        """Write the rows from ``start`` on into ``into`` (rows, samples), of the frame's dtype."""
        stop = start + len(into)
        if self._writes_samples:
            self._rows(read, len(self._stages), start, stop, into)
            return
        values = np.empty(into.shape, np.float32)
        self._rows(read, len(self._stages), start, stop, values)
        if self._is_absolute:
            np.abs(values, out=values)
        if self._linear:
            into[:] = srgb_samples(values, self.dtype)
        else:
            write_values(values, into)

    def _rows(self, read: ReadRows, count: int, start: int, stop: int, into: NDArray[Any]) -> None:
        """Write some rows of the result of the first ``count`` stages."""
        prepared = self._stages[count - 1]
        index = padded_index(prepared.stage, prepared, start, stop)
        below = partial(self._below, read, count - 1)
        prepared.rows(read_rows(below, index), into)

    def _below(self, read: ReadRows, count: int, start: int, stop: int) -> NDArray[Any]:
        """Return some rows (rows, samples) that a stage reads: of the one below, or the frame's."""
        if count:
            stage = self._stages[count - 1]
            values = np.empty((stop - start, stage.columns * stage.written), np.float32)
            self._rows(read, count, start, stop, values)
            return values
        samples = read(start, stop)
        by_row = samples.reshape(len(samples), -1)
        return linear_samples(by_row) if self._linear else by_row


def convolve_stages(
    frame: Frame,
    stages: Sequence[Stage],
    target: Raster,
    *,
    linear: bool,
    in_place: bool,
    sizes: StripSizes = STRIP_SIZES,
) -> None:
    """Compute every strip through all stages, and write it as samples."""
    prepared = InterleavedStages(frame, stages, linear=linear)
    block = prepared.block()

    # Sums of huge weights may be infinite, or no number: NaN becomes black.
    @np.errstate(over="ignore", invalid="ignore")
    def compute(strip: Strip) -> None:
        start, stop, read = strip
        low, high = prepared.source_rows(start, stop)
        read_once = _once(read, low, high)
        samples = np.empty((stop - start, prepared.samples), prepared.dtype)
        for first in range(0, stop - start, block):
            prepared.write(read_once, start + first, samples[first : first + block])
        target.write(start, samples.reshape(stop - start, -1, prepared.channels))

    height = stages[-1].size[0]
    rows = sizes.rows_of(stages, height, sizes.rows)
    strips = strips_of(frame.raster, prepared, height, rows, in_place)
    share(lambda: compute, strips, sizes.threads_for(stages, height))


def _once(read: ReadRows, low: int, high: int) -> Callable[[int, int], NDArray[Any]]:
    samples = read(low, high)
    return lambda start, stop: samples[start - low : stop - low]
