"""Tikhonov's λ, chosen by the picture: the one with the least expected error.

A scene with a power spectrum S, of which K multiplies each frequency by H, is seen as
``D = H X + N``, with noise of the variance σ² at every frequency. The method restores ``M D``::

    M = G + conj(H) (1 - H G) / (|H|² + λ)        G: the gain of the first estimate, 1 / H at 0

and its expected squared error is the sum over the frequencies of ``|M H - 1|² S + |M|² σ²``.
σ² is read where K leaves least of a scene. S falls with a power of the frequency, as that of photos
does (Field 1987), and is fitted where the picture is far above the noise.
"""

from __future__ import annotations

import numpy as np

from convcli.kernel.arrays import FloatArray
from convcli.kernel.factors import Factors, Weight

DEFAULT = 1e-3
"""λ where channels have kernels of their own, or a picture is too small to tell."""

CANDIDATES = np.logspace(-5, 1, 61)

TILE, TILES = 512, 3
"""Rows and columns of a tile, and tiles in each direction, at most."""

LEAST_TILE = 32
LEAST_FREQUENCIES = 20


def best_regularization(
    kernel: Weight,
    dilation: tuple[int, int],
    centre: tuple[int, int],
    gain: float,
    observed: FloatArray,
) -> float:
    """Return λ for a picture (H, W) of finite samples.

    ``kernel`` is (1, 1, Hf, Wf), ``centre`` the row and column of the dilated kernel that the first
    estimate takes for its middle, ``gain`` what that multiplies the picture by.
    """
    tile = min(TILE, *observed.shape)
    extent = max(
        (size - 1) * step + 1 for size, step in zip(kernel.shape[2:], dilation, strict=True)
    )
    if tile < max(LEAST_TILE, extent):
        return DEFAULT
    response = _response(kernel, dilation, centre, tile)
    power = _power(observed, tile)
    y, x = np.fft.fftfreq(tile)[:, np.newaxis], np.fft.rfftfreq(tile)
    frequency = np.hypot(y, x)
    # The lowest frequencies hold what the window of a tile makes of its mean and slope.
    valid = frequency > 4 / tile
    response, power, frequency = response[valid], power[valid], frequency[valid]
    passed = np.abs(response) ** 2
    faint = passed <= np.quantile(passed, 0.1)
    noise = float(np.median(power[faint]))
    clear = (power > 4 * noise) & (passed > 0.1 * passed.max())
    if np.count_nonzero(clear) < LEAST_FREQUENCIES:
        return DEFAULT
    scene = _power_law(frequency[clear], (power[clear] - noise) / passed[clear], frequency)
    shares = 1 / (passed + CANDIDATES[:, np.newaxis])
    restored = gain + np.conj(response) * (1 - response * gain) * shares
    errors = np.abs(restored * response - 1) ** 2 @ scene + np.abs(restored) ** 2 @ (
        np.full_like(scene, noise)
    )
    return float(CANDIDATES[int(np.argmin(errors))])


def _response(
    kernel: Weight, dilation: tuple[int, int], centre: tuple[int, int], tile: int
) -> FloatArray:
    """Return what K multiplies the frequencies of ``rfft2`` by, (tile, tile // 2 + 1)."""
    waves = [
        np.exp(2j * np.pi * np.outer(frequencies, step * np.arange(size) - middle))
        for frequencies, size, step, middle in zip(
            (np.fft.fftfreq(tile), np.fft.rfftfreq(tile)),
            kernel.shape[2:],
            dilation,
            centre,
            strict=True,
        )
    ]
    if isinstance(kernel, Factors):
        return np.multiply.outer(waves[0] @ kernel.column, waves[1] @ kernel.row)
    response: FloatArray = waves[0] @ kernel[0, 0] @ waves[1].T
    return response


def _power(observed: FloatArray, tile: int) -> FloatArray:
    """Return the mean power spectrum of tiles from all over the picture (Welch 1967)."""
    window = np.multiply.outer(np.hanning(tile), np.hanning(tile))
    window /= np.sqrt(np.square(window).sum())
    power = np.zeros((tile, tile // 2 + 1))
    tops, lefts = (
        np.unique(np.linspace(0, size - tile, TILES).astype(int)).tolist()
        for size in observed.shape
    )
    for top in tops:
        for left in lefts:
            part = observed[top : top + tile, left : left + tile].astype(np.float64)
            power += np.abs(np.fft.rfft2((part - part.mean()) * window)) ** 2
    return power / (len(tops) * len(lefts))


def _power_law(known: FloatArray, power: FloatArray, frequency: FloatArray) -> FloatArray:
    """Return ``c / frequency**p``, fitted to the power at the ``known`` frequencies."""
    # In the plane of frequencies there are more high ones; each octave counts as much.
    weight = np.sqrt(1 / known)
    columns = np.stack([np.ones_like(known), np.log(known)], axis=1)
    (start, slope), *_ = np.linalg.lstsq(columns * weight[:, np.newaxis], np.log(power) * weight)
    law: FloatArray = np.exp(start + slope * np.log(frequency))
    return law
