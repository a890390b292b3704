"""Known filters for a kernel: bundled ones, Pillow's, and families with parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.filters import Filter, load_filter, make_filter
from convcli.filters.bundled import bundled_filters
from convcli.filters.interpolation import PRESETS
from convcli.fitting.kernels import Layout
from convcli.fitting.snapping import Estimate
from convcli.pipeline.presets import preset_filter

Array = NDArray[np.float64]

NEAR = 0.02
"""The largest deviation from a kernel, over its largest weight, that still gets its name."""

MOST_TRIED = 6
"""Kernels, the nearest first, that are tried on the samples."""

PILLOW = {
    "BLUR": ([[1, 1, 1, 1, 1], [1, 0, 0, 0, 1], [1, 0, 0, 0, 1], [1, 0, 0, 0, 1], [1] * 5], 16, 0),
    "CONTOUR": ([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], 1, 255),
    "DETAIL": ([[0, -1, 0], [-1, 10, -1], [0, -1, 0]], 6, 0),
    "EDGE_ENHANCE": ([[-1, -1, -1], [-1, 10, -1], [-1, -1, -1]], 2, 0),
    "EDGE_ENHANCE_MORE": ([[-1, -1, -1], [-1, 9, -1], [-1, -1, -1]], 1, 0),
    "EMBOSS": ([[0, 0, 0], [0, 1, 0], [-1, 0, 0]], 1, 128),
    "FIND_EDGES": ([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], 1, 0),
    "SHARPEN": ([[-2, -2, -2], [-2, 32, -2], [-2, -2, -2]], 16, 0),
    "SMOOTH": ([[1, 1, 1], [1, 5, 1], [1, 1, 1]], 13, 0),
    "SMOOTH_MORE": ([[1] * 5, [1, 5, 5, 5, 1], [1, 5, 44, 5, 1], [1, 5, 5, 5, 1], [1] * 5], 100, 0),
}
"""Kernels of Pillow's ImageFilter, scales and offsets; Pillow's rows start at the bottom."""


class Name(NamedTuple):
    """The name of a kernel; ``deviation`` is the greatest one, over the known kernel's peak.

    ``weights`` and ``offsets`` are the known ones if they reproduce AFTER, else None.
    """

    text: str
    deviation: float
    weights: Array | None = None
    offsets: Array | None = None


def known_name(estimate: Estimate, *, is_explained: bool) -> Name | None:
    """Return the known filter that equals an estimate, or the nearest one if it is near, or None.

    If rounding explains the residual (``is_explained``), a filter that reproduces AFTER is
    preferred; otherwise the one with the least deviation, up to :data:`NEAR`.
    """
    return _best(estimate, _candidates(estimate), is_explained)


def family_name(estimate: Estimate, *, is_explained: bool) -> Name | None:
    """Return the member of a family with parameters for an estimate, as :func:`known_name`."""
    layout = estimate.layout
    if layout.channels == "mixed" or layout.relation.is_transposed:
        return None
    none = np.zeros(layout.systems)
    mean = estimate.weights.mean(0).reshape(layout.size)
    members = [
        (text, np.repeat(kernel.reshape(1, -1), layout.systems, 0), none)
        for text, kernel in families(mean)
    ]
    return _best(estimate, members, is_explained)


def _best(
    estimate: Estimate, candidates: Iterable[tuple[str, Array, Array]], is_explained: bool
) -> Name | None:
    deviations = [
        (
            float(np.abs(weights - estimate.weights).max() / np.abs(weights).max()),
            text,
            weights,
            own,
        )
        for text, weights, own in candidates
    ]
    deviations.sort(key=lambda candidate: candidate[0])  # equal ones stay in their order
    tried = 0
    best: Name | None = None
    for deviation, text, weights, own in deviations:
        may_be = is_explained and tried < MOST_TRIED
        if may_be and (deviation <= NEAR or estimate.is_near(weights)):
            tried += 1
            offsets = estimate.accepted(weights, own)
            if offsets is not None:
                return Name(text, deviation, weights, offsets)
        if best is None and deviation <= NEAR and np.abs(own - estimate.offsets).max() <= NEAR:
            best = Name(text, deviation)
    return best


def _candidates(estimate: Estimate) -> Iterator[tuple[str, Array, Array]]:
    layout = estimate.layout
    for text, chosen in _known(layout):
        found = layout.systems_of(chosen)
        if found is not None and found[0].any():
            yield text, *found


def _known(layout: Layout) -> Iterator[tuple[str, Filter]]:
    """Yield bundled filters, then those of Pillow; if AFTER is larger, presets first."""
    relation = layout.relation
    if relation.is_transposed:
        for preset in PRESETS:
            yield preset, _normalized(preset_filter(preset, relation.stride), relation.stride)
    for name in bundled_filters():
        yield name, load_filter(name)
    for chosen in _of_kinds(max(layout.size)):
        yield chosen.name, chosen
    if not relation.is_transposed:
        for name, (weight, scale, offset) in PILLOW.items():
            kernel = Filter(np.array(weight, float), divisor=scale, bias=offset / 255)
            yield f"Pillow's {name}", kernel


def _of_kinds(most: int) -> Iterator[Filter]:
    """Give the filters of kinds whose parameters are few, up to a size."""
    for size in range(3, most + 1, 2):
        yield make_filter("box", size=size)
        yield make_filter("binomial", order=size - 1)
        yield make_filter("disk", radius=size // 2)
        for angle in (0, 45, 90, 135):
            yield make_filter("motion", length=size, angle=angle)
    for neighbours in (4, 8):
        yield make_filter("laplacian", neighbours=neighbours)
    for angle in (0, 90, 180, 270):
        for kind in ("sobel", "prewitt", "scharr"):
            yield make_filter(kind, angle=angle)


def _normalized(chosen: Filter, stride: tuple[int, int]) -> Filter:
    """Return a preset whose weights sum to 1 in each phase, as ``--normalize`` makes them."""
    weight = chosen.kernel[0, 0].copy()
    for y in range(stride[0]):
        for x in range(stride[1]):
            weight[y :: stride[0], x :: stride[1]] /= weight[y :: stride[0], x :: stride[1]].sum()
    return replace(chosen, weight=weight, column=None, row=None)


def families(kernel: Array) -> Iterator[tuple[str, Array]]:
    """Yield the nearest members of families with parameters, in the notation of kinds."""
    height, width = kernel.shape
    if min(height, width) < 3:
        return
    middle = np.zeros_like(kernel)
    middle[height // 2, width // 2] = 1
    sigma = _best_sigma(kernel, gaussian)
    yield f"gaussian:sigma={sigma:g}", gaussian(kernel.shape, sigma)

    def sharpened(shape: tuple[int, ...], sigma: float) -> Array:
        """Return the unsharp mask 1 + amount (1 - Gaussian), with the amount by least squares."""
        detail = middle - gaussian(shape, sigma)
        amount = float((kernel - middle).ravel() @ detail.ravel()) / float((detail**2).sum())
        return middle + amount * detail

    # In a window of 3×3 any symmetric kernel is close to one of these.
    if kernel.sum() > 0.5 and kernel[height // 2, width // 2] > 1:
        sigma = _best_sigma(kernel, sharpened)
        detail = middle - gaussian(kernel.shape, sigma)
        amount = float((kernel - middle).ravel() @ detail.ravel()) / float((detail**2).sum())
        amount = _simple(amount)
        yield f"unsharp:sigma={sigma:g},amount={amount:g}", middle + amount * detail


def gaussian(shape: tuple[int, ...], sigma: float) -> Array:
    """Return a sampled Gaussian that sums to 1, cut off by its shape."""
    y, x = (np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / sigma) ** 2) for n in shape)
    kernel = np.multiply.outer(y, x)
    return np.asarray(kernel / kernel.sum())


def _best_sigma(kernel: Array, member: Callable[[tuple[int, ...], float], Array]) -> float:
    """Return the sigma of the nearest member of a family, rounded if a round number is close."""
    trials = np.geomspace(0.25, max(kernel.shape), 60)
    for _ in range(4):
        errors = [float(((member(kernel.shape, s) - kernel) ** 2).sum()) for s in trials]
        best = int(np.argmin(errors))
        trials = np.linspace(trials[max(0, best - 1)], trials[min(len(trials) - 1, best + 1)], 21)
    return _simple(float(trials[10]))


def _simple(number: float) -> float:
    """Return a number with few digits within half a percent, or the number with four."""
    for digits in (1, 2, 3):
        short = float(f"{number:.{digits}g}")
        if abs(short - number) <= 0.005 * abs(number):
            return short
    return float(f"{number:.4g}")
