"""The transpose of a convolution, as a convolution with more filters.

Along one axis, the input element i lands on the output elements ``i S + u D - P`` for each tap u.
Turned round: the output element ``q S + r`` reads, for each tap u with ``P + r - u D`` a multiple
of S, the input element ``q + (P + r - u D) / S``. So each of the S phases r is an ordinary
convolution of stride 1 with some of the taps. As filters of one convolution, S×S of them for
every channel, they read the same rows; their answers are dealt out to every S-th row and column.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine.dispatch import correlate
from convcli.kernel.geometry import Geometry
from convcli.kernel.window import Scan

SEPARATE_DEPTH = 8
"""From so many channels on, phases go one by one, each with its own taps and no others: together
they would share the reading of rows, but multiply the zeros where other phases have taps."""


class Phases(NamedTuple):
    """Some phases along one axis: the tap ``kept[k]`` is their ``tap[k]`` in phase ``phase[k]``.

    Their kernels have ``length`` taps that are ``dilation`` apart and begin at ``origin``.
    """

    wanted: range
    kept: NDArray[np.intp]
    phase: NDArray[np.intp]
    tap: NDArray[np.intp]
    origin: int
    length: int
    dilation: int


def transpose(
    y: FloatArray,
    weight: FloatArray,
    geometry: Geometry,
    groups: int,
    pad_mode: str = "zeros",
    bias: FloatArray | None = None,
) -> FloatArray:
    """Return (N, C, *geometry.image) from ``y`` (N, F, *geometry.output): the map transposed."""
    filters, depth, taps_y, taps_x = weight.shape
    (height, width), (stride_y, stride_x) = geometry.image, geometry.stride
    rows, columns = -(-height // stride_y), -(-width // stride_x)
    result = np.empty((len(y), groups * depth, rows * stride_y, columns * stride_x), y.dtype)
    # (N, C, phase y, phase x, rows, columns)
    dealt = result.reshape(*result.shape[:2], rows, stride_y, columns, stride_x)
    dealt = dealt.transpose(0, 1, 3, 5, 2, 4)
    by_tap = weight.reshape(groups, filters // groups, depth, taps_y, taps_x)
    by_tap = by_tap.transpose(3, 4, 0, 2, 1)
    one_by_one = filters // groups >= SEPARATE_DEPTH
    for vertical in _phases(geometry, 0, one_by_one):
        for horizontal in _phases(geometry, 1, one_by_one):
            kernels = _kernels(by_tap, vertical, horizontal)
            scan = Scan(
                (vertical.origin, horizontal.origin),
                (rows, columns),
                (vertical.length, horizontal.length),
                (1, 1),
                (vertical.dilation, horizontal.dilation),
                pad_mode,
            )
            phases = len(vertical.wanted) * len(horizontal.wanted)
            biases = None if bias is None else np.repeat(bias, phases)
            out = dealt[:, :, vertical.wanted.start : vertical.wanted.stop]
            out = out[:, :, :, horizontal.wanted.start : horizontal.wanted.stop]
            correlate(y, kernels, scan, groups=groups, bias=biases, out=out)
    return result[..., :height, :width]


def _kernels(by_tap: FloatArray, vertical: Phases, horizontal: Phases) -> FloatArray:
    """Return (C·phases, F/groups, …): the taps (Hf, Wf, groups, C/groups, F/groups), dealt out."""
    spread = np.zeros(
        (
            *(len(vertical.wanted), vertical.length, len(horizontal.wanted), horizontal.length),
            *by_tap.shape[2:],
        ),
        by_tap.dtype,
    )
    phase_y, tap_y = vertical.phase[:, np.newaxis], vertical.tap[:, np.newaxis]
    kept = by_tap[vertical.kept[:, np.newaxis], horizontal.kept]
    spread[phase_y, tap_y, horizontal.phase, horizontal.tap] = kept
    kernels = spread.transpose(4, 5, 0, 2, 6, 1, 3)
    return kernels.reshape(-1, by_tap.shape[4], vertical.length, horizontal.length)


def _phases(geometry: Geometry, axis: int, one_by_one: bool) -> Iterator[Phases]:
    """Give the phases along ``axis``: each by itself, or all at once."""
    stride, dilation = geometry.stride[axis], geometry.dilation[axis]
    position = geometry.pads[axis] - np.arange(geometry.kernel[axis]) * dilation
    phase = -position % stride
    offset = (position + phase) // stride
    for start in range(stride) if one_by_one else (0,):
        wanted = range(start, start + 1 if one_by_one else stride)
        kept = np.flatnonzero((phase >= wanted.start) & (phase < wanted.stop))
        read = offset[kept]
        origin = int(read.min(initial=offset.max()))
        common = gcd(*(int(distance) for distance in read - origin)) or 1
        tap = (read - origin) // common
        length = int(tap.max(initial=0)) + 1
        yield Phases(wanted, kept, phase[kept] - wanted.start, tap, origin, length, common)
