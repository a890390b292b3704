"""The transpose of a convolution, and the gradient for its weight.

A transposed convolution with stride S is S×S ordinary convolutions. Along one axis, the input
element i lands on the output positions ``i S + u D - P`` for each tap u. The outputs of one phase
r, those at ``q S + r - P``, meet just the taps with ``u D ≡ r (mod S)``. These are every
``S/g``-th tap, ``g = gcd(S, D)``, and from one of them to the next the input element moves by
``D/g``: a convolution with stride 1, dilation ``D/g`` and the taps in reverse.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

import numpy as np

from convcli.kernel.arrays import FloatArray
from convcli.kernel.borders import extend
from convcli.kernel.correlation import correlate
from convcli.kernel.geometry import Geometry, span


@dataclass(frozen=True, slots=True)
class Phase:
    """One of the S interleaved parts of the output of a transposed convolution, along one axis.

    Output elements ``target`` are the convolution with the taps ``taps`` (already in reverse) at
    ``dilation``, starting to read at input element ``start``.
    """

    target: slice
    taps: slice
    dilation: int
    start: int
    stop: int


def transpose(
    y: FloatArray, weight: FloatArray, geometry: Geometry, groups: int, pad_mode: str = "zeros"
) -> FloatArray:
    """Return (N, C, *geometry.image) from ``y`` (N, F, *geometry.output): the map transposed."""
    phases_y, phases_x = (_phases(geometry, axis) for axis in (0, 1))
    top, bottom = _reach(phases_y, geometry.output[0])
    left, right = _reach(phases_x, geometry.output[1])
    extended = extend(y, (top, left, bottom, right), pad_mode)

    filters, depth, taps_y, taps_x = weight.shape
    swapped = (
        weight.reshape(groups, filters // groups, depth, taps_y, taps_x)
        .swapaxes(1, 2)
        .reshape(groups * depth, filters // groups, taps_y, taps_x)
    )
    result = np.zeros((y.shape[0], groups * depth, *geometry.image), y.dtype)
    for py in phases_y:
        for px in phases_x:
            result[..., py.target, px.target] = correlate(
                extended[..., top + py.start : top + py.stop, left + px.start : left + px.stop],
                swapped[..., py.taps, px.taps],
                (1, 1),
                (py.dilation, px.dilation),
                groups,
            )
    return result


def weight_gradient(
    grad_y: FloatArray, extended: FloatArray, geometry: Geometry, groups: int
) -> FloatArray:
    """Return (F, C/groups, Hf, Wf): one matrix product over all pixels for each tap.

    ``grad_y`` is (N, F, *geometry.output), ``extended`` the input with its border, (N, C, …).
    """
    count, filters, rows, columns = grad_y.shape
    depth = extended.shape[1] // groups
    stride, dilation = geometry.stride, geometry.dilation
    answers = grad_y.reshape(count, groups, filters // groups, rows * columns)
    result = np.empty((*geometry.kernel, groups, filters // groups, depth), grad_y.dtype)
    for u in range(geometry.kernel[0]):
        for v in range(geometry.kernel[1]):
            top, left = u * dilation[0], v * dilation[1]
            seen = extended[
                ...,
                top : top + (rows - 1) * stride[0] + 1 : stride[0],
                left : left + (columns - 1) * stride[1] + 1 : stride[1],
            ].reshape(count, groups, depth, rows * columns)
            result[u, v] = (answers @ seen.swapaxes(-1, -2)).sum(0)
    return result.transpose(2, 3, 4, 0, 1).reshape(filters, depth, *geometry.kernel)


def _phases(geometry: Geometry, axis: int) -> list[Phase]:
    """Return the phases along ``axis`` that any tap reaches."""
    size, kernel = geometry.image[axis], geometry.kernel[axis]
    stride, dilation = geometry.stride[axis], geometry.dilation[axis]
    before = geometry.pads[axis]
    common = gcd(stride, dilation)
    step, spread = stride // common, dilation // common
    phases = []
    for first in range(min(stride, size)):
        # Output element ``first`` stands at this position before the crop.
        position = before + first
        remainder, group = position % stride, position // stride
        # The smallest tap u with u D ≡ remainder (mod S), if any.
        tap = next(
            (u for u in range(min(step, kernel)) if u * dilation % stride == remainder), None
        )
        if tap is None:
            continue
        count = (kernel - 1 - tap) // step + 1
        last = tap + (count - 1) * step
        length = len(range(first, size, stride))
        start = group - (last * dilation - remainder) // stride
        phases.append(
            Phase(
                slice(first, size, stride),
                slice(last, tap - 1 if tap else None, -step),
                spread,
                start,
                start + length + span(count, spread) - 1,
            )
        )
    return phases


def _reach(phases: list[Phase], size: int) -> tuple[int, int]:
    """Return by how much the phases read past the two ends of an axis of ``size`` elements."""
    before = max([0, *(-phase.start for phase in phases)])
    after = max([0, *(phase.stop - size for phase in phases)])
    return before, after
