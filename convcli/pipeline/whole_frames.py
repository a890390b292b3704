"""Frames computed as a whole, a channel at a time, by operators that cannot be computed in strips.

A 24-megapixel channel of floats takes 96 MB, and such an operator needs several arrays of that
size. So the channels that a filter keeps apart are computed one after the other, and the result of
each is kept as samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.images import Frame
from convcli.images.raster import Raster
from convcli.kernel.arrays import FloatArray
from convcli.pipeline.evaluate import Evaluator, Layers
from convcli.pipeline.operators import FrameOperator
from convcli.pipeline.shapes import AlphaPolicy, Stage
from convcli.pipeline.strips import StripSizes
from convcli.system.progress import part_of
from convcli.system.warn import warn

MUCH_MEMORY = 1_500_000_000
"""Bytes from which on a warning says how much memory a frame takes."""


def check_whole_frames(stages: Sequence[Stage]) -> None:
    """Refuse a whole-frame operator that is not the last one; warn of much memory."""
    for number, stage in enumerate(stages, 1):
        operator = stage.operator
        if not isinstance(operator, FrameOperator):
            continue
        if number < len(stages):
            operator.prepare(stage.geometry)  # raises
        memory = operator.memory(stage.geometry)
        if memory > MUCH_MEMORY:
            height, width = stage.size
            warn(f"{width}×{height} pixels take about {memory / 1e9:.1f} GB of memory")


def write_whole(
    frame: Frame,
    stages: Sequence[Stage],
    operator: FrameOperator,
    target: Raster,
    finish: Callable[[Layers], NDArray[Any]],
    *,
    linear: bool,
    sizes: StripSizes,
) -> None:
    """Compute a frame through ``stages``, of which ``operator`` is the last, into ``target``.

    ``finish`` turns layers into samples (C, rows, W). ``target`` may be the raster of ``frame``:
    it is written when all of that has been read.
    """
    whole = _WholeFrame(frame, stages, operator, linear, sizes.layered_rows)
    samples = [finish(layers) for layers in whole.layers()]
    for start in range(0, target.size[0], sizes.rows):
        rows = [some[:, start : start + sizes.rows] for some in samples]
        target.write(start, np.concatenate(rows).transpose(1, 2, 0))


class _WholeFrame:
    """The last stage of a frame, computed as a whole; the stages before it are, in strips."""

    def __init__(
        self,
        frame: Frame,
        stages: Sequence[Stage],
        operator: FrameOperator,
        linear: bool,
        strip: int,
    ) -> None:
        *before, self._stage = stages
        self._operator = operator
        self._before = Evaluator(frame, before, linear)
        self._read, self._strip = frame.raster.read, strip
        self._height, self._width = operator.input_size(self._stage.geometry)
        self._offsets = operator.filter.offsets.astype(np.float32)[:, np.newaxis, np.newaxis]
        self._compute = operator.prepare_frame(self._stage.geometry)

    def layers(self) -> Iterator[Layers]:
        """Yield the layers of the result, some channels at a time; alpha comes with the last."""
        policy = self._stage.alpha_policy
        if self._operator.filter.is_cross_channel:
            yield self._across_channels(policy)
        elif policy is AlphaPolicy.PREMULTIPLIED:
            yield from self._premultiplied()
        else:
            alpha = self._sampled_alpha() if policy is AlphaPolicy.SAMPLED else None
            yield from self._by_channel(alpha, lambda plane: plane)

    def _by_channel(
        self,
        alpha: FloatArray | None,
        change: Callable[[FloatArray], FloatArray],
        parts_before: int = 0,
    ) -> Iterator[Layers]:
        """Yield each colour, computed from the result of ``change``; alpha with the last."""
        colours = self._stage.colours
        for number in range(colours):
            plane = self._planes(slice(number, number + 1))
            plane -= self._offsets
            with part_of(parts_before + number, parts_before + colours):
                result = self._compute(change(plane))
            yield Layers(result, alpha if number == colours - 1 else None)

    def _premultiplied(self) -> Iterator[Layers]:
        """Compute alpha, and colour times alpha, so that transparent pixels add no colour."""
        alpha = self._alpha()
        with part_of(0, 1 + self._stage.colours):
            after = self._compute(alpha.copy())
        visible = np.abs(after) > 1e-6

        def multiply(plane: FloatArray) -> FloatArray:
            plane *= alpha
            return plane

        for layers in self._by_channel(after, multiply, 1):
            np.divide(layers.colour, after, out=layers.colour, where=visible)
            layers.colour[~visible] = 0
            yield layers

    def _across_channels(self, policy: AlphaPolicy) -> Layers:
        planes = self._planes(slice(None))
        if policy is AlphaPolicy.STORED:
            planes = np.concatenate([planes, self._alpha()])
        planes -= self._offsets
        result = self._compute(planes)
        if policy is AlphaPolicy.SAMPLED:
            return Layers(result, self._sampled_alpha())
        if len(result) > self._stage.colours:
            return Layers(result[:-1], result[-1:])
        return Layers(result, None)

    def _planes(self, channels: slice) -> FloatArray:
        """Return some colours before the last stage, (C, H, W)."""
        return self._gathered(lambda layers: layers.colour[channels])

    def _alpha(self) -> FloatArray:
        """Return alpha before the last stage, (1, H, W)."""

        def alpha(layers: Layers) -> FloatArray:
            assert layers.alpha is not None
            return layers.alpha

        return self._gathered(alpha)

    def _gathered(self, part: Callable[[Layers], FloatArray]) -> FloatArray:
        planes = np.empty((0, 0, 0), np.float32)
        for start in range(0, self._height, self._strip):
            stop = min(start + self._strip, self._height)
            rows = part(self._before.rows(self._read, start, stop))
            if not start:
                planes = np.empty((len(rows), self._height, self._width), np.float32)
            planes[:, start:stop] = rows
        return planes

    def _sampled_alpha(self) -> FloatArray:
        """Return alpha (1, H, W) at the kernel's centre."""
        rows, columns = (self._operator.centres(self._stage.geometry, axis) for axis in (0, 1))
        sampled: FloatArray = self._alpha()[:, rows[:, np.newaxis], columns]
        return sampled
