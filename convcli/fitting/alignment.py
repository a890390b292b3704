"""The shift of AFTER in whole pixels, from the spectra of tiles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from convcli.fitting.geometry import Pair
from convcli.fitting.samples import FramePair

TILE = 256
MOST_TILES = 32

Array = NDArray[np.float64]


def impulse_response(pairs: Sequence[FramePair]) -> Array | None:
    """Return an estimate of the impulse response, with offset 0 in the middle.

    It is the cross-power spectrum of tiles, divided by the power of BEFORE instead of by both
    amplitudes as in phase correlation, so that a blur stays compact. None if the pictures are
    smaller than 16 pixels or flat.
    """
    pair = pairs[0]
    tile = min(TILE, *pair.relation.before, *pair.relation.after)
    if tile < 16:
        return None
    window = np.multiply.outer(np.hanning(tile), np.hanning(tile))
    power = np.zeros((tile, tile // 2 + 1))
    crossed = np.zeros((tile, tile // 2 + 1), complex)
    for one in pairs[:4]:
        for before, after in _tiles(one, tile):
            read, result = np.fft.rfft2(before * window), np.fft.rfft2(after * window)
            power += np.abs(read) ** 2
            crossed += np.conj(read) * result
    if not power.max() > 0:
        return None
    response = np.fft.irfft2(crossed / (power + 1e-3 * np.mean(power)), (tile, tile))
    return np.fft.fftshift(response)


def best_shift(pairs: Sequence[FramePair], reach: int = 12) -> Pair:
    """Return (y, x) by which AFTER is shifted down and right; (0, 0) if that is not clear.

    The shift is the centre of energy of the impulse response within ``reach`` pixels of offset 0,
    or else of its peak: values farther away are noise.
    """
    if pairs[0].relation.stride != (1, 1):
        return 0, 0
    response = impulse_response(pairs)
    if response is None:
        return 0, 0
    energy = response**2
    energy[energy < 0.04 * energy.max()] = 0
    total = float(energy.sum())
    if not total > 0:
        return 0, 0
    y, x = (indices - len(energy) // 2 for indices in np.indices(energy.shape))
    is_near = (np.abs(y) <= reach) & (np.abs(x) <= reach)
    if energy[is_near].sum() < 0.8 * total:
        peak = int(np.argmax(energy))
        is_near = np.abs(y - y.flat[peak]) <= reach
        is_near &= np.abs(x - x.flat[peak]) <= reach
    energy[~is_near] = 0
    total = float(energy.sum())
    return _whole(float((y * energy).sum()) / total), _whole(float((x * energy).sum()) / total)


def _whole(offset: float) -> int:
    """Return the nearest whole number, but 0 below 1, since kernels need not be symmetric."""
    return 0 if abs(offset) < 0.75 else round(offset)


def _tiles(pair: FramePair, tile: int) -> Iterator[tuple[Array, Array]]:
    """Yield tiles of both, spread over the picture, each as one channel minus its mean."""
    height, width = (min(pair.relation.before[k], pair.relation.after[k]) for k in (0, 1))
    across = min(6, max(1, 2 * width // tile - 1))
    down = min(MOST_TILES // across, max(1, 2 * height // tile - 1))
    for top in np.linspace(0, height - tile, down).astype(int).tolist():
        rows = [plate.rows(top, top + tile) for plate in (pair.before, pair.after)]
        for left in np.linspace(0, width - tile, across).astype(int).tolist():
            values = [
                samples[:, left : left + tile, : plate.colours].mean(-1, dtype=float) / plate.unit
                for samples, plate in zip(rows, (pair.before, pair.after), strict=True)
            ]
            yield values[0] - values[0].mean(), values[1] - values[1].mean()
