"""Frequencies of AFTER that a filter does not explain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from convcli.filters import Filter
from convcli.fitting.geometry import Pair
from convcli.fitting.prediction import Predictor
from convcli.fitting.samples import FramePair

TILE = 32
BANDS = 16
"""Bands of equal width from 0 to half a cycle per pixel, the highest frequency."""

LOST = 0.5
"""The share of the residual in a band's power above which the band is lost."""

MOST_TILES = 600


class Unexplained(NamedTuple):
    """The upper end of each frequency band, in cycles per pixel, and its unexplained share."""

    ends: list[float]
    shares: list[float]

    @property
    def lost_from(self) -> float | None:
        """The frequency above which most of the power is unexplained, up to the highest."""
        lost = None
        for number in range(BANDS - 1, -1, -1):
            if self.shares[number] < LOST:
                break
            lost = number / BANDS / 2
        return lost


def unexplained(pairs: Sequence[FramePair], chosen: Filter, shift: Pair) -> Unexplained | None:
    """Return the share of the filtered picture's power that AFTER deviates by, by frequency.

    None if there is no tile without clipped samples.
    """
    window = np.multiply.outer(np.hanning(TILE), np.hanning(TILE))
    y, x = np.fft.fftfreq(TILE), np.fft.rfftfreq(TILE)
    radius = np.hypot(y[:, np.newaxis], x)
    band_of = np.minimum((radius * 2 * BANDS).astype(int), BANDS)
    expected, missed, tiles = np.zeros(BANDS + 1), np.zeros(BANDS + 1), 0
    for pair in pairs[:4]:
        predictor = Predictor(pair, chosen, shift)
        top, bottom, left, right = predictor.inside
        if bottom - top < TILE or right - left < TILE:
            continue
        wanted = max(1, MOST_TILES * TILE // (right - left))
        for row in np.unique(np.linspace(top, bottom - TILE, wanted).astype(int)).tolist():
            band = predictor.band(row, row + TILE, left, right)
            for column in range(0, right - left - TILE + 1, TILE):
                part = np.s_[:, :, column : column + TILE]
                if not band.is_evidence[part].all():
                    continue
                predicted = band.predicted[part]
                predicted = predicted - predicted.mean((1, 2), keepdims=True)
                rest = band.actual[part] - band.predicted[part]
                for planes, sums in ((predicted, expected), (rest, missed)):
                    power = (np.abs(np.fft.rfft2(planes * window)) ** 2).sum(0)
                    sums += np.bincount(band_of.ravel(), power.ravel(), BANDS + 1)
                tiles += 1
    if not tiles:
        return None
    shares = missed[:BANDS] / np.maximum(missed[:BANDS] + expected[:BANDS], 1e-300)
    ends = [(number + 1) / BANDS / 2 for number in range(BANDS)]
    return Unexplained(ends, [round(float(share), 4) for share in shares])
