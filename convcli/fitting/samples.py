"""A pair of frames: their samples as numbers, and which of them are evidence.

Evidence are the samples of AFTER that are neither clipped nor transparent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.errors import ImageError, ShapeError
from convcli.fitting.geometry import Pair, Relation, relate
from convcli.images import Frame, Picture
from convcli.images.picture import full_scale
from convcli.pipeline.srgb import linear_planes


@dataclass(frozen=True)
class Plate:
    """One of the two frames; ``linear`` converts its samples to linear light."""

    frame: Frame
    linear: bool = False

    @property
    def colours(self) -> int:
        """Channels without transparency."""
        return self.frame.raster.channels - self.frame.has_alpha

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the stored samples."""
        return self.frame.raster.dtype

    @property
    def has_levels(self) -> bool:
        """Whether samples are whole levels, so that the lowest and highest may be clipped."""
        return self.dtype.kind == "u"

    @property
    def is_exact(self) -> bool:
        """Whether sums of a thousand products of centred values are exact in float32."""
        return self.dtype == np.uint8 and not self.linear

    @property
    def centre(self) -> float:
        """The value that is subtracted before products are summed."""
        return 0.0 if self.linear or not self.has_levels else (full_scale(self.dtype) + 1) / 2

    @property
    def unit(self) -> float:
        """The sample value that means 1.0."""
        return 1.0 if self.linear else float(full_scale(self.dtype))

    def rows(self, start: int, stop: int) -> NDArray[Any]:
        """Return the samples of some rows, (rows, W, channels)."""
        return self.frame.raster.read(start, stop)

    def values(self, samples: NDArray[Any], dtype: Any) -> NDArray[np.floating[Any]]:
        """Return 2-D samples as centred numbers of ``dtype``."""
        if self.linear:
            light: NDArray[np.floating[Any]] = linear_planes(samples[..., np.newaxis], 1)[0]
            return light.astype(dtype, copy=False)
        values: NDArray[np.floating[Any]] = samples.astype(dtype)
        if self.has_levels:
            values -= dtype(self.centre)
        return values

    def planes_of(self, samples: NDArray[Any]) -> NDArray[np.float64]:
        """Return the colours of samples (rows, W, channels) as (C, rows, W), 0-1 scale."""
        samples = samples[..., : self.colours]
        if self.linear:
            return linear_planes(samples, self.colours).astype(np.float64)
        return samples.transpose(2, 0, 1).astype(np.float64, order="C") / self.unit

    def transparency(self, samples: NDArray[Any]) -> NDArray[np.float64]:
        """Return 1 for samples (rows, W, channels) that are not opaque, else 0, as (1, rows, W)."""
        return np.asarray(samples[np.newaxis, ..., -1] < full_scale(self.dtype), np.float64)

    def clipped(self, samples: NDArray[Any]) -> NDArray[np.bool_]:
        """Return which samples are at an end of their scale, and so may be clipped."""
        if not self.has_levels:
            return np.zeros(samples.shape, np.bool_)
        # Minus 1, 0 and the highest level wrap around to the two highest.
        ends: NDArray[np.bool_] = (samples - self.dtype.type(1)) >= full_scale(self.dtype) - 1
        return ends

    def opaque(self, start: int, stop: int) -> NDArray[np.bool_] | None:
        """Return which pixels of some rows are opaque; None if all are."""
        if not self.frame.has_alpha:
            return None
        is_opaque = self.rows(start, stop)[..., -1] == full_scale(self.dtype)
        return None if is_opaque.all() else is_opaque


@dataclass(frozen=True)
class FramePair:
    """A frame before and after, with the relation of their sizes."""

    before: Plate
    after: Plate
    relation: Relation

    def in_linear_light(self, linear: bool) -> FramePair:
        """Return this pair with samples in linear light, or not."""
        before, after = Plate(self.before.frame, linear), Plate(self.after.frame, linear)
        return FramePair(before, after, self.relation)

    @property
    def channels(self) -> Pair:
        """The channel counts of BEFORE and AFTER, without transparency."""
        return self.before.colours, self.after.colours


def frame_pairs(before: Picture, after: Picture, stride: Pair | None) -> list[FramePair]:
    """Return the frames of two pictures as pairs.

    Raises :class:`ShapeError` for sizes, counts or channels that do not match, and
    :class:`ImageError` for values that are not finite.
    """
    if len(before.frames) != len(after.frames):
        raise ShapeError(
            f"BEFORE has {len(before.frames)} frames and AFTER {len(after.frames)}: "
            'frames="first" takes one of each'
        )
    pairs = []
    for one, other in zip(before.frames, after.frames, strict=True):
        relation = relate(one.size, other.size, stride)
        pairs.append(FramePair(Plate(one), Plate(other), relation))
    check_alike(pairs)
    for pair in pairs:
        for name, plate in (("BEFORE", pair.before), ("AFTER", pair.after)):
            if not plate.has_levels and not np.isfinite(plate.frame.samples.sum(dtype=float)):
                raise ImageError(
                    f"{name} holds values that are not finite (NaN or Infinity): replace them first"
                )
    return pairs


def check_alike(pairs: Sequence[FramePair]) -> None:
    """Raise a ShapeError unless all pairs can be explained by one filter."""
    first = pairs[0]
    for pair in pairs[1:]:
        if pair.channels != first.channels:
            raise ShapeError(
                f"one pair has {first.channels[0]} and {first.channels[1]} channels, another "
                f"{pair.channels[0]} and {pair.channels[1]}: mode=MODE makes them alike"
            )
        same = (pair.relation.stride, pair.relation.is_transposed)
        if same != (first.relation.stride, first.relation.is_transposed):
            raise ShapeError(
                "one pair has another stride than the first: fit pairs of one stride at a time"
            )


def bands(height: int, rows: int) -> Iterator[tuple[int, int]]:
    """Yield the first row of each band of ``rows``, and the one after the last."""
    for start in range(0, height, rows):
        yield start, min(start + rows, height)
