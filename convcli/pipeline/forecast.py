"""How a filter will be computed, and about how fast, from the cost model of the engine."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from convcli.filters import Filter
from convcli.images import Frame
from convcli.images.picture import full_scale
from convcli.images.raster import UnreadRaster
from convcli.kernel.engine.dispatch import estimate
from convcli.kernel.engine.int16_bank import Int16Bank
from convcli.kernel.geometry import LARGEST, Pair
from convcli.pipeline.interleaved import can_be_interleaved
from convcli.pipeline.operators import Convolution
from convcli.pipeline.process import can_convolve_samples
from convcli.pipeline.shapes import shapes_of_frame
from convcli.system.threads import processors

PHOTO: Pair = (4000, 6000)
FEATURES: Pair = (1000, 1000)
"""The picture sizes of forecasts: a photo, and one that many feature maps are computed of."""


class Forecast(NamedTuple):
    """The method that the engine will choose for a picture of 8 bits, and an estimate.

    ``size`` and ``channels`` are the picture's. ``seconds`` are those of the convolution alone, on
    ``threads`` processors.
    """

    method: str
    seconds: float
    size: Pair
    channels: int
    threads: int


def forecast(filter: Filter, size: Pair | None = None) -> Forecast:
    """Return how ``filter`` is computed for an 8-bit picture of ``size``, by default a photo.

    Raises ShapeError for a filter that leaves nothing of such a picture.

    >>> from convcli import Filter
    >>> forecast(Filter([[1, 1, 1], [1, 1, 1], [1, 1, 1]], divisor=9)).method
    'int16'
    """
    operator = Convolution(filter)
    channels = operator.input_channels if filter.is_cross_channel else 3
    if size is None:
        size = PHOTO if max(channels, filter.kernel_shape[0]) <= 4 else FEATURES
    raster = UnreadRaster(size, channels, np.dtype(np.uint8))
    frame = Frame(raster, {1: "L", 3: "RGB", 4: "CMYK"}.get(channels, ""))
    stages = shapes_of_frame([operator], size, channels, frame.mode, LARGEST).stages
    (stage,) = stages
    top = full_scale(raster.dtype)
    if can_convolve_samples(frame, stages):
        method, nanoseconds = operator.prepare_samples(stage.geometry, channels, top).estimate()
    elif can_be_interleaved(frame, stage):
        problems = operator.value_problems(stage.geometry, channels, top)
        keeps_whole_numbers = filter.range in ("clip", "abs")
        bank = Int16Bank.of(problems, filter.reduce) if keeps_whole_numbers else None
        if bank is None:
            estimates = [estimate(problem, from_bytes=True, to_floats=True) for problem in problems]
        else:
            estimates = [("int16", bank.cost())]
        method = max(estimates, key=lambda one: one[1])[0]
        nanoseconds = sum(each for _, each in estimates) / len(estimates)
    else:
        method, nanoseconds = operator.prepare(stage.geometry).estimate()
    rows, columns = stage.size
    written = filter.kernel_shape[0] if filter.is_cross_channel else channels
    if filter.reduce is not None:
        written = channels * filter.kernel_shape[0]
    threads = processors()
    return Forecast(
        method, 1e-9 * nanoseconds * rows * columns * written / threads, size, channels, threads
    )
