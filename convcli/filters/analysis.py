"""What a filter does, from its weights alone: sums, ramps, rank, symmetry, frequency response.

Weights are divided and flipped, as they are applied. Those of a separable filter are never
computed: everything follows from its column and row.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.filters.filter import Filter
from convcli.kernel.arrays import FloatArray
from convcli.kernel.geometry import effective_size, pair

ALIKE = 1e-9
"""Difference up to which weights are equal, as a share of the largest."""


class Symmetry(NamedTuple):
    """Whether a kernel equals its mirror image (1), its negative (-1), or neither (0).

    ``across`` mirrors left and right, ``down`` top and bottom, ``half_turn`` rotates by 180°, and
    ``diagonal`` swaps rows and columns.
    """

    across: int
    down: int
    half_turn: int
    diagonal: int


def profiles(filter: Filter) -> tuple[FloatArray, FloatArray]:
    """Return the kernels summed over their columns (F, C, Hf), and over their rows (F, C, Wf).

    They decide what happens to pictures that change down, or across, only.

    >>> from convcli import Filter
    >>> down, across = profiles(Filter([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]))
    >>> down[0, 0].tolist(), across[0, 0].tolist()
    ([0.0, 0.0, 0.0], [-4.0, 0.0, 4.0])
    """
    factors = filter.factors
    if factors is None:
        kernel = filter.kernel
        return kernel.sum(3), kernel.sum(2)
    column, row = factors
    down, across = column * row.sum(), row * column.sum()
    return down.reshape(1, 1, -1), across.reshape(1, 1, -1)


def ramp_offsets(filter: Filter) -> tuple[FloatArray, FloatArray]:
    """Return what is added to a ramp of 1 a pixel down, and across, by each kernel (F, C).

    A ramp x becomes ``sum · x`` plus this: the moment of the kernel about the pixel that it is
    computed for, with pad "same". Dilation is counted.

    >>> from convcli import Filter
    >>> down, across = ramp_offsets(Filter([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]))
    >>> float(down[0, 0]), float(across[0, 0])
    (0.0, 8.0)
    """
    dilation = pair(filter.dilation, "dilation", 1)
    down, across = (
        profile @ _positions(profile.shape[2], step)
        for profile, step in zip(profiles(filter), dilation, strict=True)
    )
    return down, across


def axis_gains(filter: Filter, frequencies: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return the gains (F, n) for waves that run down, and across.

    ``frequencies`` (n,) are in cycles per pixel: 0.5 is the Nyquist frequency. Of a filter across
    channels it is the gain for a picture whose channels are equal.

    >>> from convcli import Filter
    >>> down, across = axis_gains(Filter([[1, 2, 1]], divisor=4), [0, 0.25, 0.5])
    >>> across[0].round(3).tolist()
    [1.0, 0.5, 0.0]
    """
    dilation = pair(filter.dilation, "dilation", 1)
    at = np.asarray(frequencies, np.float64)
    down, across = (
        np.abs(_transform(profile.sum(1), at, step))
        for profile, step in zip(profiles(filter), dilation, strict=True)
    )
    return down, across


def response(filter: Filter, frequencies: ArrayLike) -> FloatArray:
    """Return the gains (F, n, n) for waves of every direction, as :func:`axis_gains`.

    Rows are vertical frequencies, columns horizontal ones.

    >>> from convcli import Filter
    >>> response(Filter([[1, 1], [1, 1]], divisor=4), [0, 0.5])[0].round(3).tolist()
    [[1.0, 0.0], [0.0, 0.0]]
    """
    dilation_y, dilation_x = pair(filter.dilation, "dilation", 1)
    at = np.asarray(frequencies, np.float64)
    factors = filter.factors
    if factors is not None:
        column = _transform(factors.column, at, dilation_y)
        row = _transform(factors.row, at, dilation_x)
        return np.abs(np.multiply.outer(column, row))[np.newaxis]
    across = _transform(filter.kernel.sum(1), at, dilation_x)  # (F, Hf, n)
    gains: FloatArray = np.abs(_transform(across.transpose(0, 2, 1), at, dilation_y))
    return gains.transpose(0, 2, 1)


def ranks(filter: Filter) -> tuple[int, int]:
    """Return the least and the greatest rank of the kernels, at the precision of float32.

    >>> from convcli import Filter
    >>> ranks(Filter([[1, 2, 1], [2, 4, 2], [1, 2, 1]])), ranks(Filter([[0, 1], [1, 1]]))
    ((1, 1), (2, 2))
    """
    factors = filter.factors
    if factors is not None:
        rank = int(np.any(factors.column) and np.any(factors.row))
        return rank, rank
    kernels = filter.kernel.reshape(-1, *filter.kernel_shape[2:])
    values = np.linalg.svd(kernels, compute_uv=False)
    noise = np.finfo(np.float32).eps * max(kernels.shape[1:])
    counts = (values > values.max(1, keepdims=True) * noise).sum(1)
    return int(counts.min()), int(counts.max())


def symmetry(filter: Filter) -> Symmetry:
    """Return the symmetry that all kernels of a filter have.

    >>> from convcli import Filter
    >>> symmetry(Filter([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]))
    Symmetry(across=-1, down=1, half_turn=-1, diagonal=0)
    """
    factors = filter.factors
    if factors is None:
        kernel = filter.kernel
        swapped = kernel.swapaxes(2, 3)
        return Symmetry(
            _sign(kernel, kernel[..., ::-1]),
            _sign(kernel, kernel[..., ::-1, :]),
            _sign(kernel, kernel[..., ::-1, ::-1]),
            _sign(kernel, swapped) if swapped.shape == kernel.shape else 0,
        )
    column, row = factors
    across, down = _sign(row, row[::-1]), _sign(column, column[::-1])
    is_square = len(column) == len(row)
    # An outer product is symmetric where both factors are one vector, at any scale.
    unit = (factor / (np.abs(factor).max() or 1) for factor in factors)
    diagonal = _sign(*unit) if is_square else 0
    return Symmetry(across, down, across * down, abs(diagonal))


def _sign(array: FloatArray, mirrored: FloatArray) -> int:
    close = ALIKE * float(np.abs(array).max())
    if np.abs(array - mirrored).max() <= close:
        return 1
    return -1 if np.abs(array + mirrored).max() <= close else 0


def _positions(taps: int, dilation: int) -> FloatArray:
    """Return where taps lie, in pixels from the one that is computed with pad "same"."""
    centre = (effective_size(taps, dilation) - 1) // 2
    return np.arange(taps) * float(dilation) - centre


def _transform(
    profile: NDArray[np.inexact], frequencies: NDArray[np.float64], dilation: int
) -> NDArray[np.complex128]:
    """Return the Fourier transform of the last axis at some frequencies, cycles per pixel.

    Tap ``k = a·B + b`` is at the angle of a·B plus that of b, so that n taps need the waves of
    about 2·√n only. Positions count from the first tap, which does not change gains.
    """
    taps = profile.shape[-1]
    block = math.isqrt(taps - 1) + 1
    blocks = -(-taps // block)
    padded = np.zeros((*profile.shape[:-1], blocks * block), profile.dtype)
    padded[..., :taps] = profile
    by_block = padded.reshape(*profile.shape[:-1], blocks, block)
    within = by_block @ _waves(np.arange(block) * dilation, frequencies)
    starts = _waves(np.arange(blocks) * block * dilation, frequencies)
    total: NDArray[np.complex128] = (within * starts).sum(-2)
    return total


def _waves(
    positions: NDArray[np.integer], frequencies: NDArray[np.float64]
) -> NDArray[np.complex128]:
    # Whole turns are left out, which keeps the angles of far taps exact.
    waves: NDArray[np.complex128] = np.exp(
        2j * np.pi * (np.multiply.outer(positions, frequencies) % 1)
    )
    return waves
