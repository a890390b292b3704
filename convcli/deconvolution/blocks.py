"""Work on whole images in blocks of rows, shared by threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numpy.typing import NDArray

from convcli.kernel.arrays import FloatArray
from convcli.system.threads import processors, share

BLOCK = 1 << 16
"""Samples of a block: those of the arrays that a step reads and writes fit a processor's cache."""

WORTH_A_THREAD = 1 << 18
"""Samples of an image below which a second thread costs more than it saves."""

Value = TypeVar("Value")


def in_blocks(compute: Callable[..., Value], *images: NDArray[Any]) -> list[Value]:
    """Return ``compute(*blocks)`` for each block of rows of some images (C, H, W) of one size.

    Blocks are views, and do not depend on the number of threads; results are in their order.
    """
    channels, height, width = images[0].shape
    rows = max(1, BLOCK // (channels * width))
    starts = range(0, height, rows)
    results: dict[int, Value] = {}

    def one(start: int) -> None:
        results[start] = compute(*(image[:, start : start + rows] for image in images))

    threads = processors() if images[0].size > WORTH_A_THREAD else 1
    share(lambda: one, starts, threads)
    return [results[start] for start in starts]


def inner(one: FloatArray, other: FloatArray) -> float:
    """Return the inner product of two images, summed in float64."""
    return sum(in_blocks(lambda a, b: float((a * b).sum(dtype="f8")), one, other))
