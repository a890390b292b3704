"""Enlarging integer samples directly, each channel by itself, without a copy as floats."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.images import Frame
from convcli.images.picture import full_scale
from convcli.images.raster import Raster
from convcli.kernel.engine.enlarging import Enlargement
from convcli.kernel.engine.enlarging_cost import is_cheap
from convcli.kernel.factors import Factors
from convcli.kernel.geometry import Geometry, Pair
from convcli.pipeline.evaluate import Selection, padded_index, take_rows
from convcli.pipeline.operators import TransposedConvolution
from convcli.pipeline.shapes import Stage
from convcli.pipeline.strips import STRIP_SIZES, Strip, StripSizes, strips_of
from convcli.system.threads import share


def can_enlarge_samples(stage: Stage, channels: int) -> bool:
    """Return whether a transposed convolution of integer samples is computed here.

    The kernel is one for single channels.
    """
    kernel = stage.operator.filter.kernel_as(np.float32)
    return is_cheap(kernel, stage.geometry, channels)


def enlarge_samples(
    frame: Frame,
    stage: Stage,
    operator: TransposedConvolution,
    target: Raster,
    sizes: StripSizes = STRIP_SIZES,
) -> None:
    """Enlarge integer samples strip by strip."""
    raster = frame.raster
    reader = _EnlargedStrips(stage, operator, raster.channels, raster.dtype)

    def compute(strip: Strip) -> None:
        start, stop, read = strip
        index = padded_index(stage, reader, start, stop)
        selection = Selection(index)
        parts = [read(*interval) for interval in selection.intervals]
        rows = parts[0] if len(parts) == 1 else np.concatenate(parts)
        padded = take_rows(rows, selection.place(index), 0)
        target.write(start, reader.samples(padded, start, stop))

    height = stage.size[0]
    rows = sizes.rows_of([stage], height, sizes.rows)
    strips = strips_of(raster, reader, height, rows, in_place=False)
    share(lambda: compute, strips, sizes.threads_for([stage], height))


class _EnlargedStrips:
    """A transposed convolution of interleaved integer samples."""

    def __init__(
        self, stage: Stage, operator: TransposedConvolution, channels: int, dtype: np.dtype[Any]
    ) -> None:
        filter, geometry = operator.filter, stage.geometry
        self._stage, self._channels, self._dtype = stage, channels, dtype
        self._offset = float(filter.offsets[0]) * full_scale(dtype)
        self._copies = not self._offset and _repeats(operator, geometry)
        self._enlargement = Enlargement(
            filter.kernel_as(np.float32),
            geometry,
            filter.pad_mode,
            interleaved=channels,
            scales=operator.divisor(geometry).scales() if operator.normalize else None,
        )

    @property
    def geometry(self) -> Geometry:
        return self._stage.geometry

    def rows_read(self, start: int, stop: int) -> tuple[int, int]:
        return self._enlargement.rows_read(start, stop)

    def source_rows(self, start: int, stop: int) -> tuple[int, int]:
        """Return the half-open range of source rows that some rows of the result read."""
        intervals = Selection(padded_index(self._stage, self, start, stop)).intervals
        return intervals[0][0], intervals[-1][1]

    def samples(self, padded: NDArray[Any], start: int, stop: int) -> NDArray[Any]:
        """Return the rows start to stop of the result (rows, W, C)."""
        width = self._stage.size[1]
        if self._copies:
            skipped = start % self._stage.geometry.stride[0]
            return _repeated(padded, self._stage.geometry.stride)[skipped:][: stop - start]
        outputs = np.empty((stop - start, width * self._channels), self._dtype)
        rows = padded.reshape(len(padded), -1)
        self._enlargement.rows(rows, outputs, start, stop, offset=self._offset)
        return outputs.reshape(stop - start, width, self._channels)


def _repeats(operator: TransposedConvolution, geometry: Geometry) -> bool:
    """Return whether a result repeats each pixel, as the preset "nearest" does."""
    kernel = operator.filter.kernel_as(np.float32)
    is_tile = geometry.kernel == geometry.stride and not any(geometry.pads)
    repeats = is_tile and geometry.dilation == (1, 1) and isinstance(kernel, Factors)
    whole = tuple(n * stride for n, stride in zip(geometry.output, geometry.stride, strict=True))
    return repeats and geometry.image == whole and all((factor == 1).all() for factor in kernel)


def _repeated(samples: NDArray[Any], times: Pair) -> NDArray[Any]:
    """Return samples (rows, W, C) with every pixel repeated along both axes."""
    rows, width, channels = samples.shape
    repeated = np.empty((rows, times[0], width, times[1], channels), samples.dtype)
    # One channel at a time: NumPy copies pixels of three bytes one by one.
    for copy in range(times[1]):
        for channel in range(channels):
            repeated[:, 0, :, copy, channel] = samples[..., channel]
    repeated[:, 1:] = repeated[:, :1]
    return repeated.reshape(rows * times[0], width * times[1], channels)
