"""Smooth profiles as a strided convolution followed by a transposed convolution.

A profile without high frequencies gives almost the same result for neighbouring samples, so it
needs not be computed from all of them. With the stride s, ``analysis`` a (w s taps) and
``synthesis`` c::

      low[k]     = sum over t of a[t] x[s k + t - lead]       strided convolution
      y[s q + r] = sum over j of c[r, j] low[q + j]           transposed convolution, by phase r

Output phase r has the composite kernel ``h_r[i] = sum over j of c[r, j] a[i + r - s j + lead]``
where the profile p has ``p[i]``. For a window a that suppresses what the stride would alias, c is
the least-squares solution of ``h_r = p``: the normal equations of all phases have one matrix, the
autocorrelation of a at multiples of s, and as right-hand sides the correlation of a with p. What
h_r and p differ by bounds the error for samples of a known range, whatever the picture.

The window is that of Kaiser and Bessel, usual for resampling to and from grids (J. Jackson et al.,
Selection of a convolution function for Fourier inversion using gridding, IEEE TMI 10, 1991).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MOST_STRIDE = 512
"""Larger strides save nothing, and take longer to prepare."""
LEAST_TAPS = 12
"""Profiles of fewer taps are computed as they are."""

_STRIDES_A_SIGMA = (0.7, 0.66, 0.62, 0.58, 0.54, 0.5, 0.42, 0.35, 0.3, 0.25)
_WINDOWS = ((5, 11.0), (4, 10.0))
"""Width in strides, and the beta of the window."""


class Decimation(NamedTuple):
    """A profile as ``analysis`` (w·stride,) and ``synthesis`` (stride, J); see this module.

    ``error`` bounds the difference of results for samples from 0 to 1. Stride 1 is the profile
    itself, without error.
    """

    stride: int
    analysis: NDArray[np.float64]
    synthesis: NDArray[np.float64]
    lead: int
    error: float

    @property
    def taps(self) -> int:
        """J, the taps of a phase of the synthesis."""
        return int(self.synthesis.shape[1])

    @property
    def width(self) -> int:
        """How many strides the analysis spans."""
        return len(self.analysis) // self.stride


def undecimated(profile: NDArray[np.float64]) -> Decimation:
    """Return a profile as it is."""
    return Decimation(1, np.ones(1), profile[np.newaxis], 0, 0.0)


def decimated(profile: NDArray[np.float64], most_error: float) -> Decimation:
    """Return ``profile`` with the largest stride whose ``error`` is at most ``most_error``.

    >>> import numpy as np
    >>> gaussian = np.exp(-np.arange(-48, 49) ** 2 / 288.0)
    >>> found = decimated(gaussian / gaussian.sum(), 1e-4)
    >>> found.stride, found.taps
    (8, 11)
    """
    return _decimated(profile.astype(np.float64).tobytes(), most_error)


@lru_cache(maxsize=16)
def _decimated(content: bytes, most_error: float) -> Decimation:
    profile = np.frombuffer(content)
    if len(profile) >= LEAST_TAPS:
        for stride in _strides(profile):
            for width, beta in _WINDOWS:
                found = _solved(profile, stride, width, beta)
                if found is not None and found.error <= most_error:
                    return found
    return undecimated(profile)


def _strides(profile: NDArray[np.float64]) -> Iterator[int]:
    """Yield strides to be tried, the largest first: parts of the profile's standard deviation."""
    size = np.abs(profile)
    position = np.arange(len(profile))
    total = size.sum()
    if not total > 0:
        return
    mean = (size * position).sum() / total
    sigma = float(np.sqrt((size * (position - mean) ** 2).sum() / total))
    tried = {min(int(sigma * part + 0.5), MOST_STRIDE) for part in _STRIDES_A_SIGMA}
    yield from sorted((stride for stride in tried if stride > 1), reverse=True)


def _solved(
    profile: NDArray[np.float64], stride: int, width: int, beta: float
) -> Decimation | None:
    """Return the least-squares synthesis for a window; None if there is none that is accurate."""
    length = width * stride
    position = (2 * np.arange(length) + 1) / length - 1
    analysis = np.i0(beta * np.sqrt(1 - position * position))
    analysis /= analysis.sum()
    # One stride of room on either side of the profile, at every phase.
    taps = max(1, -(-(len(profile) + 3 * stride - 1 - length) // stride) + 1)
    spanned = (taps - 1) * stride + length
    lead = (spanned - (len(profile) + stride - 1)) // 2
    if lead < 0:
        return None
    lags = np.arange(min(taps, width))
    correlation = [
        float(analysis[lag * stride :] @ analysis[: length - lag * stride]) for lag in lags
    ]
    apart = np.abs(np.subtract.outer(np.arange(taps), np.arange(taps)))
    gram = np.where(apart < len(lags), np.take(correlation, apart, mode="clip"), 0.0)
    # crossed[m + length] = sum over u of analysis[u] profile[u + m]
    crossed = (
        np.convolve(profile, analysis[::-1])
        if len(profile) < 4096
        else _by_fft(profile, analysis[::-1])
    )
    shift = stride * np.arange(taps)[:, np.newaxis] - lead - np.arange(stride) + length - 1
    inside = (shift >= 0) & (shift < len(crossed))
    right = np.where(inside, crossed.take(shift, mode="clip"), 0.0)
    synthesis = np.linalg.solve(gram, right).T
    sums, total = synthesis.sum(1, keepdims=True), profile.sum()
    if abs(total) > 0.1 * np.abs(profile).sum() and (sums != 0).all():
        synthesis = synthesis * (total / sums)  # flat pictures stay what they are
    error = _error(profile, analysis, synthesis, stride, lead)
    return Decimation(stride, analysis, synthesis, lead, error)


def _by_fft(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    size = len(a) + len(b) - 1
    return np.fft.irfft(np.fft.rfft(a, size) * np.fft.rfft(b, size), size)


def _error(
    profile: NDArray[np.float64],
    analysis: NDArray[np.float64],
    synthesis: NDArray[np.float64],
    stride: int,
    lead: int,
) -> float:
    """Return how far the results of any phase may be off, at most, for samples from 0 to 1."""
    taps, width = synthesis.shape[1], len(analysis) // stride
    by_stride = analysis.reshape(width, stride)
    worst = 0.0
    for phase, weights in enumerate(synthesis):
        # Stride b of the composite is the sum over i of weights[b - i] by_stride[i].
        shifted = np.zeros((taps + width - 1, width))
        for i in range(width):
            shifted[i : i + taps, i] = weights
        difference = (shifted @ by_stride).ravel()
        difference[lead + phase : lead + phase + len(profile)] -= profile
        above = float(difference.clip(0).sum())
        worst = max(worst, above, above - float(difference.sum()))
    return worst
