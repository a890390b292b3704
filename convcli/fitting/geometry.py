"""The window of BEFORE for each sample of AFTER, in integers.

Only windows inside BEFORE are used, so that borders do not affect the fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.errors import ShapeError

Pair = tuple[int, int]


class Relation(NamedTuple):
    """The relation of two sizes: the stride of a convolution, or of a transposed one."""

    before: Pair
    after: Pair
    stride: Pair
    is_transposed: bool

    def anchor(self, size: Pair) -> Pair:
        """Return the rows and columns that ``pad="same"`` adds at the top and left."""
        if self.is_transposed:
            top, left = (max(0, size[k] - self.stride[k]) // 2 for k in (0, 1))
        else:
            top, left = (
                max(0, (self.after[k] - 1) * self.stride[k] + size[k] - self.before[k]) // 2
                for k in (0, 1)
            )
        return top, left


class Axis(NamedTuple):
    """Windows along one axis.

    Window i starts at ``first + step * i`` of BEFORE and gives sample ``target + spacing * i`` of
    AFTER, for i < ``windows``; its elements are multiplied by the ``taps`` of the kernel, in this
    order.
    """

    first: int
    step: int
    target: int
    spacing: int
    windows: int
    taps: tuple[int, ...]


class Source(NamedTuple):
    """Samples of one system of equations.

    ``planes`` are the channels of BEFORE whose windows are the features, or None if every channel
    is a sample of its own (they are interleaved). ``target`` is the channel of AFTER. ``unknowns``
    are the indices of the features (plane, row, column) among the system's weights.
    """

    planes: tuple[int, ...] | None
    target: int
    y: Axis
    x: Axis
    unknowns: NDArray[np.intp]

    @property
    def samples(self) -> int:
        """Windows of one channel."""
        return self.y.windows * self.x.windows


def relate(before: Pair, after: Pair, stride: Pair | None) -> Relation:
    """Return the relation of two sizes; raises a ShapeError if it is not a whole factor."""
    sizes = (
        f"BEFORE has {before[1]}×{before[0]} pixels and AFTER {after[1]}×{after[0]} "
        "(width×height): "
    )
    if all(after[k] <= before[k] for k in (0, 1)):
        factors = stride or (_factor(before[0], after[0]), _factor(before[1], after[1]))
        if all(-(-before[k] // factors[k]) == after[k] for k in (0, 1)):
            return Relation(before, after, factors, False)
        if stride is not None:
            wanted = -(-before[1] // stride[1]), -(-before[0] // stride[0])
            raise ShapeError(
                f"{sizes}with a stride of {_text(stride)} AFTER would have {wanted[0]}×{wanted[1]}"
            )
    elif all(after[k] >= before[k] for k in (0, 1)):
        factors = stride or (after[0] // before[0], after[1] // before[1])
        if all(before[k] * factors[k] == after[k] for k in (0, 1)):
            return Relation(before, after, factors, True)
        if stride is not None:
            wanted = before[1] * stride[1], before[0] * stride[0]
            raise ShapeError(
                f"{sizes}enlarged by {_text(stride)} AFTER would have {wanted[0]}×{wanted[1]}"
            )
    raise ShapeError(f"{sizes}they do not differ by a whole factor; crop or resize one of them")


def systems(
    relation: Relation, size: Pair, channels: str, planes: Pair, shift: Pair
) -> list[list[Source]]:
    """Return the sources of each system of equations.

    ``planes`` are the channel counts of BEFORE and AFTER. "shared" makes one system of one
    kernel's weights, "separate" and "mixed" one for each channel of AFTER.
    """
    taps = size[0] * size[1]
    grids = [
        (y, x, _places(y, x, size[1]))
        for y, x in product(*(_axes(relation, size, shift, k) for k in (0, 1)))
        if y.windows > 0 and x.windows > 0
    ]
    if channels == "mixed":
        every = tuple(range(planes[0]))
        return [
            [
                Source(every, target, y, x, np.concatenate([c * taps + places for c in every]))
                for y, x, places in grids
            ]
            for target in range(planes[1])
        ]
    if channels == "separate":
        return [[Source((c,), c, y, x, places) for y, x, places in grids] for c in range(planes[1])]
    if relation.stride == (1, 1):
        return [[Source(None, 0, y, x, places) for y, x, places in grids]]
    return [[Source((c,), c, y, x, places) for c in range(planes[1]) for y, x, places in grids]]


def _factor(before: int, after: int) -> int:
    """Return the smallest stride from ``before`` to ``after``, or 1 if there is none."""
    factor = -(-before // after)
    return factor if -(-before // factor) == after else 1


def _places(y: Axis, x: Axis, width: int) -> NDArray[np.intp]:
    return np.add.outer(np.array(y.taps, np.intp) * width, np.array(x.taps, np.intp)).ravel()


def _axes(relation: Relation, size: Pair, shift: Pair, k: int) -> Iterator[Axis]:
    """Yield the axis of a convolution, or one for each phase of a transposed one."""
    before, after, stride = relation.before[k], relation.after[k], relation.stride[k]
    anchor = relation.anchor(size)[k]
    if not relation.is_transposed:
        # Sample o reads the window that starts at (o - shift) * stride - anchor.
        least = max(0, shift[k] + -(-anchor // stride))
        past = min(after, shift[k] + (before - size[k] + anchor) // stride + 1)
        first = (least - shift[k]) * stride - anchor
        yield Axis(first, stride, least, 1, past - least, tuple(range(size[k])))
        return
    for phase in range(min(stride, size[k])):
        # Tap u of input i reaches sample o if o - shift + anchor = i * stride + u.
        taps = tuple(range(phase, size[k], stride))[::-1]
        offset = phase - anchor + shift[k]
        first = max(0, -((offset + (len(taps) - 1) * stride) // stride))
        last = min(before - len(taps), (after - 1 - offset) // stride - len(taps) + 1)
        target = (first + len(taps) - 1) * stride + offset
        yield Axis(first, 1, target, stride, last - first + 1, taps)


def _text(stride: Pair) -> str:
    return str(stride[0]) if stride[0] == stride[1] else f"{stride[0]},{stride[1]}"
