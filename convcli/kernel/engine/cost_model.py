"""Which method a convolution takes: by cost, from integers alone."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

from convcli.kernel.engine.banded import rows_at_once, slots_for
from convcli.kernel.engine.fft import tile_length
from convcli.kernel.engine.int16 import operations
from convcli.kernel.engine.method import Spec
from convcli.kernel.engine.separable import Q, factors
from convcli.kernel.geometry import span
from convcli.kernel.window import Scan

# Nanoseconds on one core. Measured 2026-11-21 with tests/benchmarks/methods.py on an AMD EPYC
# (Zen 4, AVX-512), NumPy 2.4.6, OpenBLAS 0.3.31.
PRODUCT = 0.024  # a multiplication and addition in a banded product: 85 Gflop/s
RIGHT_PRODUCT = 0.0145  # the same in the narrow product along rows
ADDITION = 0.053  # adding one product's answers to another's
SAMPLE = 0.78  # reading, shifting and finishing a sample
PICK = 0.45  # copying a sample to a slot, where a stride passes over others
TRANSFORM = 7.2  # both transforms of a sample of a tile
SPECTRUM = 3.6  # multiplying and adding a sample's spectra
RANK = 0.2  # starting on one more rank
PASS = 0.045  # a pass over 16-bit sums of 8-bit samples
BYTE = 0.2  # reading and writing one of those

MOST_SPECTRA_BYTES = 64 * 2**20


class Shape(NamedTuple):
    """What a choice depends on: everything about a convolution but its numbers."""

    filters: int
    depth: int
    groups: int
    scan: Scan
    rank: int
    passes: int | None = None


def choose(spec: Spec, *, of_bytes: bool = False) -> str:
    """Return the name of the method for ``spec``; ``of_bytes``: from 8-bit samples to such."""
    groups, filters, depth, _, _ = spec.weight.shape
    sums = operations(spec) if of_bytes else None
    passes = None if sums is None else len(sums)
    shape = Shape(filters, depth, groups, spec.scan, min(spec.scan.kernel), passes)
    estimates = costs(shape)
    # The rank takes a decomposition: only where a low one could win.
    if filters == depth == 1 and costs(_with_rank(shape, 1))["separable"] < min(estimates.values()):
        rank = max(len(factors(weight[0, 0])[0]) for weight in spec.weight)
        estimates = costs(_with_rank(shape, max(rank, 1)))
    return min(estimates, key=lambda name: estimates[name])


def costs(shape: Shape) -> dict[str, float]:
    """Return the nanoseconds that each method in question takes for one sample of the output."""
    estimates = {"banded": _banded(shape)}
    if shape.passes is not None:
        estimates["whole"] = PASS * shape.passes + BYTE
    if shape.filters == shape.depth == 1:
        estimates["separable"] = _separable(shape)
    if shape.scan.stride == (1, 1):
        spectral = _spectral(shape)
        if spectral is not None:
            estimates["spectral"] = spectral
    return estimates


def _with_rank(shape: Shape, rank: int) -> Shape:
    return shape._replace(rank=rank)


def _seen(shape: Shape) -> tuple[int, int]:
    """Return T and the rows that T output rows see, as the banded product has them."""
    scan = shape.scan
    t = rows_at_once(shape.filters)
    dilation = 1 if scan.stride[0] == 1 else scan.dilation[0]
    return t, (t - 1) * scan.stride[0] + span(scan.kernel[0], dilation)


def _banded(shape: Shape) -> float:
    _, seen = _seen(shape)
    slots = slots_for(shape.depth, shape.scan.kernel, shape.scan.stride[1])
    products = ceil(shape.scan.kernel[1] / slots)
    across = seen * shape.depth * slots
    # A sample of each channel and slot for every output, of the rows that each output row adds.
    picked = shape.depth * slots * shape.scan.stride[0] / shape.filters
    gathering = PICK * picked if shape.scan.stride[1] > 1 else 0.0
    return PRODUCT * across * products + ADDITION * (products - 1) + gathering + SAMPLE


def _separable(shape: Shape) -> float:
    _, seen = _seen(shape)
    scan = shape.scan
    read = (Q - 1) * scan.stride[1] + (scan.kernel[1] - 1) * scan.dilation[1] * scan.pixel + 1
    per_rank = RIGHT_PRODUCT * read * scan.stride[0] + PRODUCT * seen + RANK
    return shape.rank * per_rank + SAMPLE


def _spectral(shape: Shape) -> float | None:
    scan = shape.scan
    spans = span(scan.kernel[0], scan.dilation[0]), span(scan.kernel[1], scan.dilation[1])
    tile = tile_length(spans[0], scan.rows), tile_length(spans[1], scan.columns)
    area = tile[0] * tile[1]
    if area * 4 * shape.groups * shape.filters * shape.depth > MOST_SPECTRA_BYTES:
        return None
    useful = min(tile[0] - spans[0] + 1, scan.output[0]) * min(
        tile[1] - spans[1] + 1, scan.output[1]
    )
    transforms = (shape.depth + shape.filters) / (2 * shape.filters)
    return (TRANSFORM * transforms + SPECTRUM * (shape.depth - 1)) * area / useful + SAMPLE
