"""The inverse of a filter, as a filter: what deconvolution costs as one convolution.

Applied after the filter k, the filter g of size N should give the picture back, so that together
they are the unit impulse e, and amplify noise little. By least squares, as Tikhonov's method::

    |k * g - e|² + λ |g - e / s|²  →  minimum        s: the sum of k

where * is the full convolution: the transposed convolution of g with k, whose transpose is the
convolution. So the normal equations ``(K Kᵀ + λ) g = K e + λ e / s`` are solved by products with
the operators of the engine. The weights are held to the sum 1 / s: of all frequencies of a picture
the lowest are by far the strongest, and brightness stays exactly as it was.
"""

from __future__ import annotations

import math
import operator

import numpy as np

from convcli.deconvolution.conjugate_gradients import conjugate_gradients
from convcli.deconvolution.gain import Gain
from convcli.deconvolution.model import BlurModel
from convcli.errors import FilterError
from convcli.filters import Filter
from convcli.kernel.arrays import FloatArray
from convcli.kernel.geometry import IntOrPair, Pair, conv_geometry, effective_size, pair, shown

NOISE = 1e-3
"""The default of λ, that of deconvolution."""

MOST_SIZE = 999
"""Such a filter has about a million weights."""

SIZES = (2, 4, 8, 16)
"""How many times as large as the filter its inverse may be by default: the first that will do.

The inverse of a Gaussian is complete at twice the size; that of a motion blur of 9×9 restores line
art 2.6 dB worse than Tikhonov's method at 6 times the size, and 0.3 dB worse at 16 times.
"""

MOST_BY_DEFAULT = 255

WORTH_DOUBLING = 0.99
"""The sum of squares that twice the size leaves, of that of a size, for it to be worth it."""

TOLERANCE, MOST_ITERATIONS = 1e-9, 5000
"""When conjugate gradients end: λ = 0.001 takes some 300 iterations."""


def invert_filter(filter: Filter, size: int | None = None, noise: float = NOISE) -> Filter:
    """Return the filter that undoes ``filter`` when it is applied after it.

    Parameters
    ----------
    filter
        One kernel for every channel, of stride 1.
    size
        Rows and columns of the result, odd. By default 2, 4, 8 or 16 times those of the filter, and
        at most 255: the first of which the next is hardly better.
    noise
        The noise to expect, as its variance divided by that of the detail: λ, as ``regularize`` of
        :func:`convcli.deconvolve`.

    Raises
    ------
    FilterError
        For filters and options that it does not take.

    Examples
    --------
    >>> from convcli import Filter
    >>> from convcli.deconvolution import invert_filter
    >>> blur = Filter([[1, 6, 1]], divisor="sum")
    >>> inverse = invert_filter(blur, size=7, noise=1e-6)
    >>> inverse.weight[3].round(3).tolist()
    [-0.008, 0.044, -0.258, 1.512, -0.258, 0.044, -0.008]
    """
    name = filter.name or "given"
    kernel = _kernel(filter, name)
    if not (isinstance(noise, (int, float)) and 0 < noise < math.inf):
        raise FilterError(f"noise must be a finite number above 0: got {shown(noise)}")
    if size is not None:
        weights, _ = _solution(kernel, filter.dilation, _checked(size), noise)
    else:
        weights = _smallest(kernel, filter.dilation, noise)
    return Filter(
        weights,
        pad_mode="replicate",
        name=f"inverse-of-{name}",
        description=f"Undoes {name} by least squares; for pictures with noise of {noise:g}.",
    )


def _smallest(kernel: FloatArray, dilation: IntOrPair, noise: float) -> FloatArray:
    """Return the inverse of the first of SIZES of which the next is hardly better."""
    extent = max(_extent(kernel, dilation))
    weights, least = _solution(kernel, dilation, min(2 * extent | 1, MOST_BY_DEFAULT), noise)
    for multiple in SIZES[1:]:
        larger, left = _solution(
            kernel, dilation, min(multiple * extent | 1, MOST_BY_DEFAULT), noise
        )
        if left > WORTH_DOUBLING * least:
            break
        weights, least = larger, left
    return weights


def _solution(
    kernel: FloatArray, dilation: IntOrPair, size: int, noise: float
) -> tuple[FloatArray, float]:
    """Return the inverse (size, size), and the sum of squares that it leaves."""
    rows, columns = _extent(kernel, dilation)
    # The convolution whose transpose is the full convolution of g with the kernel.
    whole = (size + rows - 1, size + columns - 1)
    model = BlurModel(kernel, conv_geometry(whole, kernel.shape[2:], 1, 0, dilation))
    impulse = np.zeros((1, *whole))
    impulse[0, (rows - 1) // 2 + size // 2, (columns - 1) // 2 + size // 2] = 1
    gain = float(Gain.of(kernel).inverse()[0].item())
    unit = np.zeros((1, size, size))
    unit[0, size // 2, size // 2] = gain

    def normal(weights: FloatArray) -> FloatArray:
        return model.blurred(model.transposed(weights)) + noise * weights

    right = model.blurred(impulse) + noise * unit
    weights = conjugate_gradients(normal, right.copy(), MOST_ITERATIONS, TOLERANCE)
    if gain:  # the constraint, by its Lagrange multiplier
        ones = conjugate_gradients(normal, np.ones_like(unit), MOST_ITERATIONS, TOLERANCE)
        weights += (gain - weights.sum()) / ones.sum() * ones
    left = float((weights * (normal(weights) - 2 * right)).sum()) + 1 + noise * gain**2
    return weights[0], left


def _kernel(filter: Filter, name: str) -> FloatArray:
    """Return the kernel (1, 1, Hf, Wf) of a filter. Raises FilterError."""
    if filter.kernel_shape[:2] != (1, 1) or filter.reduce is not None:
        raise FilterError(
            f"filter {name}: only a filter of one kernel is inverted: [Hf][Wf] for every channel"
        )
    if filter.stride not in (None, (1, 1)):
        raise FilterError(
            f"filter {name}: its stride leaves out samples, and only a filter of stride 1 is undone"
        )
    kernel = filter.kernel
    if not kernel.any():
        raise FilterError(f"filter {name}: its weights are all 0, so nothing of a picture is left")
    return kernel


def _checked(size: int) -> int:
    try:
        number = operator.index(size)
    except TypeError:
        number = 0
    if isinstance(size, bool) or not 1 <= number <= MOST_SIZE or number % 2 == 0:
        raise FilterError(f"size must be an odd number from 1 to {MOST_SIZE}: got {shown(size)}")
    return number


def _extent(kernel: FloatArray, dilation: IntOrPair) -> Pair:
    """Return the rows and columns that a kernel spans."""
    steps = pair(dilation, "dilation", 1)
    return effective_size(kernel.shape[2], steps[0]), effective_size(kernel.shape[3], steps[1])
