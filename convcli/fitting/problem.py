"""Pairs of pictures as systems of equations, and errors for pairs that are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from convcli.errors import ImageError, ShapeError
from convcli.fitting.geometry import Pair, systems
from convcli.fitting.kernels import Layout
from convcli.fitting.moments import Moments, moments_of
from convcli.fitting.options import Options, pair_of
from convcli.fitting.samples import FramePair, Plate, check_alike, frame_pairs
from convcli.images import Picture

Load = Callable[[], tuple[Picture, Picture]]
"""Reads a pair of pictures."""

TRIAL_PAIRS = 4
"""Pairs that are kept in memory, for trials and for properties of one picture."""

MOST_CLIPPED = 0.95


class Problem:
    """Pairs, and sums over them. ``trial`` are the first ones, held in memory."""

    def __init__(self, loads: Sequence[Load], options: Options) -> None:
        self._loads, self.options = loads, options
        self._stride = None if options.stride == "auto" else pair_of(options.stride, "stride", 1)
        self.formats: set[str] = set()
        """Pillow's names of the file formats of AFTER."""
        self.trial = [pair for load in loads[:TRIAL_PAIRS] for pair in self._frames(load)]
        check_alike(self.trial)
        self.relation = self.trial[0].relation
        self.channels = self._channels()
        self.bias = options.bias
        if self.relation.is_transposed and self.channels != "shared":
            self.bias = False  # a transposed convolution takes one number for all channels
        self.ridge = None if options.ridge == "auto" else float(options.ridge)
        for name in ("before", "after"):
            if all(_is_flat(getattr(pair, name)) for pair in self.trial):
                raise ImageError(
                    f"{name.upper()} has one colour everywhere, which does not determine a "
                    "filter: use a picture with detail"
                )

    @property
    def planes(self) -> Pair:
        """The channel counts of BEFORE and AFTER."""
        return self.trial[0].channels

    @property
    def levels(self) -> int | None:
        """The levels of AFTER between 0 and 1, or None if its samples are floats."""
        plate = self.trial[0].after
        return round(plate.unit) if plate.has_levels else None

    def layout(self, size: Pair) -> Layout:
        """Return the unknowns of kernels of a size."""
        return Layout(self.channels, size, self.planes, self.relation)

    def pairs(self, linear: bool) -> Iterator[FramePair]:
        """Yield every pair; those that are not held in memory are read again."""
        for pair in self.trial:
            yield pair.in_linear_light(linear)
        for load in self._loads[TRIAL_PAIRS:]:
            for pair in self._frames(load):
                check_alike([self.trial[0], pair])
                yield pair.in_linear_light(linear)

    def moments(
        self, layout: Layout, shift: Pair, linear: bool, most_samples: float = np.inf
    ) -> list[Moments]:
        """Return the sums of every system, over all pairs, or over about this many samples."""
        totals: list[Moments] = []
        trial = [pair.in_linear_light(linear) for pair in self.trial]
        for pair in trial if np.isfinite(most_samples) else self.pairs(linear):
            sources = systems(pair.relation, layout.size, layout.channels, layout.planes, shift)
            most = most_samples / len(trial)
            found = [moments_of(pair, one, layout.unknowns, most_samples=most) for one in sources]
            totals = [a + b for a, b in zip(totals, found, strict=True)] if totals else found
        return totals

    def check_size(self, size: Pair) -> None:
        """Raise a ShapeError for a kernel larger than BEFORE."""
        height, width = self.relation.before
        if size[0] > height or size[1] > width:
            raise ShapeError(
                f"a kernel of {size[1]}×{size[0]} (width×height) does not fit into BEFORE, which "
                f"has {width}×{height} pixels: use a smaller size"
            )

    def check_shift(self, shift: Pair) -> None:
        """Raise a ShapeError for a shift after which the pictures do not overlap."""
        if any(abs(shift[k]) >= self.relation.after[k] for k in (0, 1)):
            raise ShapeError(f"shifted by {shift[0]},{shift[1]} the pictures do not overlap")

    def check_samples(self, offered: int, clipped: int, used: int, layout: Layout) -> None:
        """Raise an ImageError for samples that are too few, or nearly all clipped."""
        if offered and clipped > MOST_CLIPPED * offered:
            raise ImageError(
                f"{100 * clipped / offered:.1f} % of AFTER is clipped, at 0 or at full scale, and "
                "does not determine a filter: at least 5 % must be in between"
            )
        if used <= layout.unknowns:
            raise ImageError(
                f"there are {used:,} samples for {layout.unknowns:,} weights: use larger pictures, "
                f"or a smaller size than {layout.size[0]},{layout.size[1]}"
            )

    def _frames(self, load: Load) -> list[FramePair]:
        before, after = load()
        self.formats.add(after.format)
        return frame_pairs(before, after, self._stride)

    def _channels(self) -> str:
        before, after = self.planes
        chosen = self.options.channels or ("shared" if before == after else "mixed")
        if chosen != "mixed" and before != after:
            raise ShapeError(
                f"BEFORE has {before} channels and AFTER {after}, which only a filter across "
                "channels can make of it: fit mixed channels, or mode=MODE makes them alike"
            )
        return "shared" if chosen == "separate" and before == 1 else chosen


def _is_flat(plate: Plate) -> bool:
    """Return whether every channel has one value everywhere."""
    height = plate.frame.size[0]
    first: NDArray[np.generic] = plate.rows(0, 1)[0, 0, : plate.colours]
    for start in range(0, height, 256):
        rows = plate.rows(start, min(start + 256, height))[..., : plate.colours]
        if (rows != first).any():
            return False
    return True
