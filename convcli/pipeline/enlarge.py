"""Enlarging samples as they lie, channels side by side, without a copy as floats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.images import Frame
from convcli.images.raster import ArrayRaster, Raster
from convcli.kernel.engine.enlarging import Blocks, Enlargement
from convcli.kernel.engine.enlarging_cost import fits, is_cheap
from convcli.kernel.engine.interleaved_transpose import InterleavedTranspose
from convcli.kernel.factors import Factors
from convcli.kernel.geometry import Geometry, Pair
from convcli.pipeline.enlarged_samples import SampleConversion
from convcli.pipeline.operators import TransposedConvolution
from convcli.pipeline.selection import Selection, padded_index, take_rows
from convcli.pipeline.shapes import AlphaPolicy, Stage
from convcli.pipeline.strips import STRIP_SIZES, Strip, StripSizes, strips_of
from convcli.system.kept import Kept
from convcli.system.threads import share

MOST_DENSE = 4096
"""Weights of a kernel in factors above which their outer product is not computed."""

MOST_PREPARED = 4
"""Enlargers that are kept for pictures of the same size."""

_prepared: Kept[Blocks] = Kept(MOST_PREPARED)


def can_enlarge_samples(frame: Frame, stages: Sequence[Stage], dtype: np.dtype[Any]) -> bool:
    """Return whether a frame is enlarged here, into samples of ``dtype``."""
    stage = stages[-1]
    operator, source = stage.operator, frame.raster.dtype
    filter = operator.filter
    if (
        len(stages) > 1
        or not isinstance(operator, TransposedConvolution)
        or filter.is_cross_channel
        or filter.range != "clip"
        or stage.alpha_policy
        not in (AlphaPolicy.OPAQUE, AlphaPolicy.PREMULTIPLIED, AlphaPolicy.SAMPLED)
        or (source.kind == "f" and dtype.kind != "f")
        or max(stage.geometry.stride) == 1
    ):
        return False
    channels, (rows, columns) = frame.raster.channels, filter.kernel_shape[2:]
    if filter.factors is None or rows * columns <= MOST_DENSE:
        return fits(stage.geometry, channels)
    return is_cheap(filter.kernel_as(np.float32), stage.geometry, channels)


def enlarge_samples(
    frame: Frame,
    stage: Stage,
    operator: TransposedConvolution,
    target: Raster,
    *,
    linear: bool = False,
    to_srgb: bool = False,
    sizes: StripSizes = STRIP_SIZES,
) -> None:
    """Enlarge samples strip by strip; ``linear`` and ``to_srgb`` convert them before and after."""
    reader = _EnlargedStrips(frame, stage, operator, target, linear=linear, to_srgb=to_srgb)

    def compute(strip: Strip) -> None:
        start, stop, read = strip
        selected = reader.selected(start, stop)
        parts = [read(*interval) for interval in selected.selection.intervals]
        rows = parts[0] if len(parts) == 1 else np.concatenate(parts)
        if isinstance(target, ArrayRaster):
            reader.write(target.samples[start:stop], rows, selected, start, stop)
            return
        samples = np.empty((stop - start, target.size[1], target.channels), target.dtype)
        reader.write(samples, rows, selected, start, stop)
        target.write(start, samples)

    height = stage.size[0]
    rows = sizes.rows_of([stage], height, sizes.rows)
    strips = strips_of(frame.raster, reader, height, rows, in_place=False)
    share(lambda: compute, strips, sizes.threads_for([stage], height))


class _Selected(NamedTuple):
    """The source rows that some rows of the result read: padded, and those alpha is taken from."""

    selection: Selection
    padded: NDArray[np.intp]
    centres: NDArray[np.intp] | None


class _EnlargedStrips:
    """A transposed convolution of interleaved samples."""

    def __init__(
        self,
        frame: Frame,
        stage: Stage,
        operator: TransposedConvolution,
        target: Raster,
        *,
        linear: bool,
        to_srgb: bool,
    ) -> None:
        filter, self._geometry = operator.filter, stage.geometry
        self._stage, self._channels, self._dtype = stage, frame.raster.channels, target.dtype
        self._samples_alpha = stage.alpha_policy is AlphaPolicy.SAMPLED
        self._columns = operator.centres(stage.geometry, 1)
        self._operator = operator
        self._conversion = SampleConversion(
            frame.raster.dtype,
            target.dtype,
            frame.raster.channels,
            float(filter.offsets[0]),
            premultiplies=stage.alpha_policy is AlphaPolicy.PREMULTIPLIED,
            linear=linear,
            to_srgb=to_srgb,
            normalizes=operator.normalize,
            clips=not operator.normalize or not is_positive(operator),
            has_alpha=stage.alpha_policy is not AlphaPolicy.OPAQUE,
        )
        self._copies = (
            stage.alpha_policy is AlphaPolicy.OPAQUE
            and self._conversion.keeps_samples
            and _repeats(operator, stage.geometry)
        )
        self._enlarger = _prepared_enlarger(operator, stage.geometry, frame.raster.channels)

    def rows_read(self, start: int, stop: int) -> tuple[int, int]:
        return self._enlarger.rows_read(start, stop)

    def source_rows(self, start: int, stop: int) -> tuple[int, int]:
        """Return the half-open range of source rows that some rows of the result read."""
        intervals = self.selected(start, stop).selection.intervals
        return intervals[0][0], intervals[-1][1]

    def selected(self, start: int, stop: int) -> _Selected:
        """Return which source rows some rows of the result read."""
        padded = padded_index(self._stage, self, start, stop)
        if not self._samples_alpha:
            return _Selected(Selection(padded), padded, None)
        centres = self._operator.centres(self._geometry, 0, start, stop)
        return _Selected(Selection(padded, centres), padded, centres)

    def write(
        self,
        samples: NDArray[Any],
        rows: NDArray[Any],
        selected: _Selected,
        start: int,
        stop: int,
    ) -> None:
        """Write the rows start to stop of the result into ``samples`` (rows, W, C).

        ``rows`` are the selected rows.
        """
        padded = take_rows(rows, selected.selection.place(selected.padded), 0)
        if self._copies:
            _repeat(padded, self._geometry.stride, samples, start % self._geometry.stride[0])
            return
        outputs = samples.reshape(stop - start, -1)
        values, finish = self._conversion.of(padded)
        # Infinities as in IEEE 754, without warnings.
        with np.errstate(over="ignore", invalid="ignore"):
            enlarger = self._enlarger
            if isinstance(enlarger, InterleavedTranspose) and enlarger.writes_directly(start, stop):
                is_done = self._conversion.leaves_values
                enlarger.write(values, outputs, start, stop, None if is_done else finish)
            else:
                for begin, end, block in enlarger.blocks(values, start, stop):
                    finish(block, outputs[begin - start : end - start])
        if selected.centres is not None:
            alpha = rows[selected.selection.place(selected.centres)][:, self._columns, -1]
            samples[..., -1] = self._conversion.alpha(alpha)


def _prepared_enlarger(
    operator: TransposedConvolution, geometry: Geometry, channels: int
) -> Blocks:
    """Return what enlarges interleaved channels; kept for the next picture of the same size."""
    filter = operator.filter
    kernel = filter.kernel_as(np.float32)
    arrays = kernel if isinstance(kernel, Factors) else (kernel,)
    numbers = tuple(array.tobytes() for array in arrays)

    def make() -> Blocks:
        scales = operator.divisor(geometry).scales() if operator.normalize else None
        if is_cheap(kernel, geometry, channels):
            return Enlargement(
                kernel, geometry, filter.pad_mode, interleaved=channels, scales=scales
            )
        dense = kernel.dense() if isinstance(kernel, Factors) else kernel
        return InterleavedTranspose(
            dense,
            geometry,
            filter.pad_mode,
            interleaved=channels,
            scale=None if scales is None else scales[0],
        )

    key = kernel.shape, numbers, geometry, filter.pad_mode, channels, operator.normalize
    return _prepared.get(key, make)


def is_positive(operator: TransposedConvolution) -> bool:
    """Return whether no weight is below 0."""
    kernel = operator.filter.kernel_as(np.float32)
    least = kernel.extremes()[0] if isinstance(kernel, Factors) else float(kernel.min())
    return least >= 0


def _repeats(operator: TransposedConvolution, geometry: Geometry) -> bool:
    """Return whether a result repeats each pixel, as the preset "nearest" does."""
    kernel = operator.filter.kernel_as(np.float32)
    is_tile = geometry.kernel == geometry.stride and not any(geometry.pads)
    repeats = is_tile and geometry.dilation == (1, 1) and isinstance(kernel, Factors)
    whole = tuple(n * stride for n, stride in zip(geometry.output, geometry.stride, strict=True))
    return repeats and geometry.image == whole and all((factor == 1).all() for factor in kernel)


def _repeat(samples: NDArray[Any], times: Pair, target: NDArray[Any], skipped: int) -> None:
    """Write samples (rows, W, C) with every pixel repeated, but for the ``skipped`` first rows."""
    rows, width, channels = samples.shape
    wide = np.empty((rows, width, times[1], channels), samples.dtype)
    # One channel at a time: NumPy copies pixels of three bytes one by one.
    for copy in range(times[1]):
        for channel in range(channels):
            wide[:, :, copy, channel] = samples[..., channel]
    wide = wide.reshape(rows, width * times[1], channels)
    for phase in range(times[0]):
        first = (phase - skipped) % times[0]
        repeated = target[first :: times[0]]
        begin = (first + skipped) // times[0]
        repeated[...] = wide[begin : begin + len(repeated)]
