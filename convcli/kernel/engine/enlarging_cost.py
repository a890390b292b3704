"""What enlarging by products costs, and into which terms a kernel is taken apart for it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from convcli.kernel.arrays import FloatArray
from convcli.kernel.engine import cost_model
from convcli.kernel.engine.phase_taps import PhaseTaps
from convcli.kernel.engine.separable import factors
from convcli.kernel.factors import Factors, Weight
from convcli.kernel.geometry import Geometry

WIDTH = 48
"""About how many columns the right-hand matrix has."""

HEIGHT = 8
"""About how many rows the left-hand matrix has."""

COMPONENT_ROWS = 4
"""About how many rows of polyphase components one product computes."""

MOST_IN_BLOCK = 12_000_000
"""Output samples of the fewest rows that are computed at once, for a thread to have the memory."""

LARGEST_SUM = 1e9
"""Of the magnitudes of weights: products of larger ones could overflow unseen."""


def pixels_at_once(taps: PhaseTaps, interleaved: int) -> int:
    """Return how many input pixels of a row one product enlarges."""
    return max(4, WIDTH // (taps.stride * interleaved))


def rows_at_once(taps: PhaseTaps) -> int:
    """Return how many input rows one product enlarges."""
    return max(4, HEIGHT // taps.stride)


def cost(geometry: Geometry, interleaved: int, rank: int) -> float:
    """Return nanoseconds for an output sample; ``rank`` 0 stands for a sum over kernel rows."""
    vertical, horizontal = (PhaseTaps.of(geometry, axis) for axis in (0, 1))
    q, t = pixels_at_once(horizontal, interleaved), rows_at_once(vertical)
    across = (q + horizontal.reach) * interleaved * cost_model.ENLARGED
    if not rank:
        return geometry.kernel[0] / vertical.stride * (across + cost_model.ADDITION)
    return rank * (across / vertical.stride + (t + vertical.reach) * cost_model.PRODUCT)


def components_cost(geometry: Geometry) -> float:
    """Return the same for polyphase components, whose outputs are dealt out to their places."""
    taps = -(-geometry.kernel[1] // geometry.stride[1])
    rows = COMPONENT_ROWS + PhaseTaps.of(geometry, 0).reach
    return taps * rows * cost_model.PRODUCT + cost_model.PICK


def fits(geometry: Geometry, interleaved: int) -> bool:
    """Return whether rows are narrow enough for the buffers."""
    vertical = PhaseTaps.of(geometry, 0)
    block = rows_at_once(vertical) * vertical.stride * geometry.image[1] * interleaved
    return block <= MOST_IN_BLOCK


def is_cheap(weight: Weight, geometry: Geometry, interleaved: int = 1) -> bool:
    """Return whether kernels (groups, 1, Hf, Wf) for single channels are best enlarged so.

    The alternative are polyphase components.
    """
    if max(geometry.stride) == 1 or not fits(geometry, interleaved):
        return False
    if any(float(np.abs(factor).sum()) > LARGEST_SUM for factor in _arrays(weight)):
        return False
    least = components_cost(geometry)
    if isinstance(weight, Factors):
        return cost(geometry, interleaved, 1) < least
    if cost(geometry, interleaved, 0) < least:
        return True
    if cost(geometry, interleaved, 1) >= least:
        return False
    rank = max(1, *(len(factors(kernel)[0]) for kernel in weight[:, 0]))
    return cost(geometry, interleaved, rank) < least


def _arrays(weight: Weight) -> tuple[FloatArray, ...]:
    return weight if isinstance(weight, Factors) else (weight,)


class KernelTerms(NamedTuple):
    """The terms that kernels are a sum of.

    ``columns`` (groups, r, Hf) and ``rows`` (groups, r, Wf) of outer products; or without columns,
    the rows (groups, Hf, Wf) of the kernels.
    """

    columns: FloatArray | None
    rows: FloatArray


def kernel_terms(
    weight: Weight, geometry: Geometry, interleaved: int, *, by_rows: bool | None = None
) -> KernelTerms:
    """Return the terms of the cheapest sum; ``by_rows`` forces kernel rows, or ranks."""
    if isinstance(weight, Factors):
        wide = weight.astype(np.float64)
        return KernelTerms(wide.column[np.newaxis, np.newaxis], wide.row[np.newaxis, np.newaxis])
    kernels = weight[:, 0]
    dense = cost(geometry, interleaved, 0)
    if by_rows or (by_rows is None and cost(geometry, interleaved, 1) >= dense):
        return KernelTerms(None, kernels.astype(np.float64))
    found = [factors(kernel) for kernel in kernels]
    rank = max(1, *(len(columns) for columns, _ in found))
    if by_rows is None and cost(geometry, interleaved, rank) >= dense:
        return KernelTerms(None, kernels.astype(np.float64))
    columns = np.zeros((len(kernels), rank, kernels.shape[1]))
    rows = np.zeros((len(kernels), rank, kernels.shape[2]))
    for group, (own_columns, own_rows) in enumerate(found):
        columns[group, : len(own_columns)] = own_columns
        rows[group, : len(own_rows)] = own_rows
    return KernelTerms(columns, rows)
