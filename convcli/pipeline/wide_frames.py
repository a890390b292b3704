"""Very wide frames, some columns at a time: memory stays limited whatever a picture's shape.

A strip of rows has at least the height that its kernel asks for, for the whole width of a picture.
Where that is too much, a frame is cut into columns, each part of them a frame of its own that has
the columns around it as well. A part has all rows: that is little where rows are long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.images import Frame
from convcli.images.raster import Raster
from convcli.kernel.geometry import Pair
from convcli.kernel.padding import source_index
from convcli.pipeline.operators import Convolution, TransposedConvolution
from convcli.pipeline.selection import Selection, read_rows
from convcli.pipeline.shapes import AlphaPolicy, Stage
from convcli.pipeline.strips import StripSizes

ReadColumns = Callable[[int, int], NDArray[Any]]
"""``read(start, stop)``: some columns of samples, (H, columns, C)."""


class Part(NamedTuple):
    """The columns start to stop of a result, and how they are computed.

    The first ``known`` ones are in the part before. ``stages`` are those of a frame of the source
    columns ``columns``; -1 is a column of zeros.
    """

    start: int
    stop: int
    known: int
    stages: list[Stage]
    columns: NDArray[np.intp]
    read: ReadColumns

    def frame(self, mode: str) -> Frame:
        """Return the frame that the stages start from."""
        return Frame.of(read_rows(self.read, self.columns, 1), mode)


def columns_at_once(stages: Sequence[Stage], channels: int, sizes: StripSizes) -> int | None:
    """Return how many columns of a result are computed at once; None for all of them.

    ``channels`` are those of the picture.
    """
    height, width = stages[-1].size
    source_height, source_width = stages[0].geometry.image
    samples = max(stages[-1].colours, channels)
    if max(width, source_width) * samples <= sizes.most_row or not _can_be_cut(stages):
        return None
    strides = int(np.prod([stage.geometry.stride[1] for stage in stages]))
    enlarges = isinstance(stages[-1].operator, TransposedConvolution)
    # Every stage has buffers of its own.
    most = sizes.part_samples // (len(stages) * max(height, source_height) * samples)
    # Parts much narrower than the kernel would mostly read what others read.
    halo = sizes.halo_multiple * _columns_around(stages)
    most = min(most, sizes.most_row // samples)
    columns = max(most, sizes.least_columns, halo)
    number = width // max(columns if enlarges else columns // strides, 1)
    if number < 2:
        return None
    columns = -(-width // number)
    if columns * samples > sizes.most_row and most > 2 * max(sizes.least_columns, halo):
        columns = -(-width // (number + 1))
    # Parts of an enlarged frame begin at the same phase, to share matrices.
    return min(-(-columns // strides) * strides, width) if enlarges else columns


def _can_be_cut(stages: Sequence[Stage]) -> bool:
    """Return whether every part reads some of the source alone.

    Between stages, columns beyond an edge may come from the other side only where all stages wrap
    around at the same width: then they are computed from what is beyond the edge before.
    """
    if len(stages) == 1 and isinstance(stages[0].operator, TransposedConvolution):
        # Alpha is never sampled from the padding.
        is_sampled = stages[0].alpha_policy is AlphaPolicy.SAMPLED
        return stages[0].operator.filter.pad_mode == "zeros" or not is_sampled
    if not all(isinstance(stage.operator, Convolution) for stage in stages):
        return False
    wraps = [stage.operator.filter.pad_mode == "circular" for stage in stages]
    if not any(wraps[1:]):
        return True
    return all(wraps) and all(
        stage.size[1] == stage.geometry.image[1] and stage.geometry.stride[1] == 1
        for stage in stages
    )


def _columns_around(stages: Sequence[Stage]) -> int:
    return sum(
        (stage.geometry.kernel[1] - 1) * stage.geometry.dilation[1] * stage.geometry.stride[1]
        for stage in stages
    )


def parts_of(
    source: Raster, stages: Sequence[Stage], columns: int, in_place: bool
) -> Iterator[Part]:
    """Yield the parts of a result, all ``columns`` wide, so that methods and buffers fit them all.

    ``in_place`` is as for :func:`~convcli.pipeline.strips.strips_of`, and right for the same
    reason: a part comes with copies of the columns that it reads. Those of one part are kept for
    the next, which is enough for parts at least as wide as the padding that an edge reflects.
    """
    height, width = source.size[0], stages[-1].size[1]
    held, first, past = np.empty((height, 0, 0)), 0, 0
    for first_unknown in range(0, width, columns):
        start = min(first_unknown, width - columns)
        stop, known = start + columns, first_unknown - start
        of_part, index = _narrowed(stages, start, stop)
        if not in_place:
            yield Part(start, stop, known, of_part, index, _reading(source))
            continue
        low, high = Selection(index).span
        fresh = held[:, :0]
        if high > past:
            fresh = source.columns(past, high).take(0, height)
        held = fresh if low >= past else np.concatenate([held[:, low - first :], fresh], 1)
        first, past = low, max(high, past)
        yield Part(start, stop, known, of_part, index, _held(held, first))


def _reading(source: Raster) -> ReadColumns:
    return lambda start, stop: source.columns(start, stop).read(0, source.size[0])


def _held(samples: NDArray[Any], first: int) -> ReadColumns:
    return lambda start, stop: samples[:, start - first : stop - first]


def _narrowed(
    stages: Sequence[Stage], start: int, stop: int
) -> tuple[list[Stage], NDArray[np.intp]]:
    """Return the stages for some columns of a result, and the source columns that they read."""
    if isinstance(stages[-1].operator, TransposedConvolution):
        return _narrowed_transpose(stages[-1], start, stop)
    narrow: list[Stage] = []
    for number in reversed(range(len(stages))):
        stage = stages[number]
        geometry = stage.geometry
        width = geometry.image[1]
        reach = geometry._replace(output=(geometry.output[0], stop - start))
        first = start * geometry.stride[1] - geometry.pads[1]
        past = first + _columns_read(reach.output, reach.kernel, reach.dilation, reach.stride)
        index = source_index(first, past, width, stage.operator.filter.pad_mode)
        low, high = first, past
        if number and stage.operator.filter.pad_mode != "circular":
            low, high = _inside(index, first, past, width)
        top, _, bottom, _ = geometry.pads
        # What pads add is negative where all of the columns are beyond one edge.
        pads = top, low - first, bottom, past - high
        reach = reach._replace(image=(geometry.image[0], high - low), pads=pads)
        narrow.append(stage._replace(geometry=reach, size=(stage.size[0], stop - start)))
        start, stop = low, high
    return narrow[::-1], index


def _narrowed_transpose(
    stage: Stage, start: int, stop: int
) -> tuple[list[Stage], NDArray[np.intp]]:
    """Return the same for a transposed convolution, whose geometry's ``image`` is its result."""
    geometry = stage.geometry
    stride, (top, left, bottom, right) = geometry.stride[1], geometry.pads
    width, mode = geometry.output[1], stage.operator.filter.pad_mode
    reach = (geometry.kernel[1] - 1) * geometry.dilation[1]
    low = min(-((reach - start - left) // stride), (start + left) // stride)
    high = (stop - 1 + left) // stride + 1
    if stage.alpha_policy is AlphaPolicy.SAMPLED:  # what is nearest may be what no weight falls on
        low, high = low - 1, high + 1
    if mode == "zeros":  # edges stay edges, where the divisor is another
        low = max(min(low, width - 1), 0)
        high = max(min(high, width), low + 1)
    pads = top, start + left - low * stride, bottom, right
    narrow = geometry._replace(
        image=(geometry.image[0], stop - start), output=(geometry.output[0], high - low), pads=pads
    )
    stage = stage._replace(geometry=narrow, size=(stage.size[0], stop - start))
    return [stage], source_index(low, high, width, mode)


def _columns_read(output: Pair, kernel: Pair, dilation: Pair, stride: Pair) -> int:
    return (output[1] - 1) * stride[1] + (kernel[1] - 1) * dilation[1] + 1


def _inside(index: NDArray[np.intp], first: int, past: int, width: int) -> Pair:
    """Return the range of columns from first to past, and of ``index``, without the padding.

    An edge that is padded is an edge of the range, so that padding it has the same result.
    """
    inside = index[index >= 0]
    least, most = int(inside.min(initial=width - 1)), int(inside.max(initial=0))
    low = 0 if first < 0 else min(first, least)
    high = width if past > width else max(past, most + 1)
    return max(low, 0), min(high, width)
