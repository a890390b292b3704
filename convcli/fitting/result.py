"""The result of a fit, and its errors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.filters import Filter
from convcli.fitting.geometry import Pair
from convcli.fitting.prediction import Predictor, as_stored
from convcli.fitting.samples import FramePair

ROUNDING = 1 / math.sqrt(12)
"""The root mean square error of rounding to whole levels: 0.289 of a level."""

BAND_SAMPLES, LEAST_ROWS = 1 << 16, 8
"""Pixels of a band of the residual, and its rows at least."""


@dataclass(frozen=True, eq=False)
class Fit:
    """The filter that turns BEFORE into AFTER, and its errors.

    ``filter`` is for :func:`convcli.apply_filters`, or for :func:`convcli.upsample` if
    ``is_transposed``. ``uncertainty`` has the shape of its weight times divisor: the standard error
    of every weight of :attr:`Filter.kernel`, from blocks of tiles. ``psnr_before``, ``psnr`` and
    ``held_out_psnr`` compare AFTER, in decibels, with BEFORE, with the filtered BEFORE, and with
    with each half of the tiles by the filter of the other half; infinite if there is no
    difference. ``rms`` is the root mean square residual, on the 0-1 scale; ``levels`` the number
    of levels of AFTER between 0 and 1, or None if it has none. ``is_rounding_alone`` is true
    if the residual is that of rounding to levels.

    >>> import numpy as np
    >>> from convcli import Filter, Picture, apply_filters, fit_filter
    >>> before = Picture.from_array(np.random.default_rng(0).random((1, 60, 80)))
    >>> fit = fit_filter(before, apply_filters(before, [Filter([[1, 2, 1]], divisor=4)]), size=3)
    >>> fit.filter.kernel.shape
    (1, 1, 1, 3)
    """

    filter: Filter
    uncertainty: NDArray[np.float64]
    psnr: float
    held_out_psnr: float
    psnr_before: float | None
    r_squared: float
    rms: float
    levels: int | None
    is_rounding_alone: bool
    limit: str
    shift: Pair
    is_transposed: bool
    linear: bool
    channels: str
    name: str
    deviation: float | None
    is_snapped: bool
    solver: str
    ridge: float
    condition: float | None
    rank: int | None
    unknowns: int
    samples: int
    used: int
    clipped: int
    hidden: int
    size_errors: dict[str, float] = field(default_factory=dict)
    border_errors: dict[str, float] = field(default_factory=dict)
    lost_from: float | None = None
    unexplained: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    pairs: tuple[FramePair, ...] = field(default=(), repr=False)

    @property
    def size(self) -> Pair:
        """Rows and columns of the kernel."""
        shape = self.filter.weight.shape
        return shape[-2], shape[-1]

    @cached_property
    def residual(self) -> NDArray[np.float32]:
        """AFTER minus the filtered BEFORE of the first pair, (C, H, W) on the 0-1 scale.

        Neither rounded nor clipped, but 0 where AFTER is clipped and the filter exceeds it.
        """
        after = self.pairs[0].after
        result = np.empty((after.colours, *self.pairs[0].relation.after), np.float32)
        for start, rest in self.residual_bands():
            result[:, start : start + rest.shape[1]] = rest
        return result

    def residual_bands(
        self, most_rows: float = math.inf
    ) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Yield the residual in bands: the first row of each, and the band (C, rows, W).

        With ``most_rows``, about so many of all rows, from all over the picture.
        """
        pair = self.pairs[0].in_linear_light(self.linear)
        height, width = pair.relation.after
        rows = max(LEAST_ROWS, min(height, BAND_SAMPLES // width))
        for band in Predictor(pair, self.filter, self.shift).bands(most_rows, rows):
            predicted = as_stored(band.predicted, self.linear)
            actual = as_stored(band.actual, self.linear)
            rest = actual - predicted
            beyond = ~band.is_evidence & ((predicted < actual) == (actual < 0.5))
            rest[beyond] = 0
            yield band.start, rest

    def record(self) -> dict[str, Any]:
        """Return everything except the pictures, as values for JSON."""
        return {
            "filter": {"size": list(self.size), "channels": self.channels},
            "command": "upsample" if self.is_transposed else "apply",
            "stride": list(self.filter.stride) if isinstance(self.filter.stride, tuple) else 1,
            "linear": self.linear,
            "shift": list(self.shift),
            "pad_mode": self.filter.pad_mode,
            "name": self.name or None,
            "deviation": _number(self.deviation),
            "snapped": self.is_snapped,
            "weight": self.filter.kernel.reshape(self.filter.weight.shape).tolist(),
            "bias": self.filter.offsets.tolist(),
            "uncertainty": [] if self.uncertainty is None else _finite(self.uncertainty.tolist()),
            "psnr_before": _number(self.psnr_before),
            "psnr": _number(self.psnr),
            "held_out_psnr": _number(self.held_out_psnr),
            "r_squared": _number(self.r_squared),
            "rms": _number(self.rms),
            "rms_levels": _number(self.rms * self.levels) if self.levels else None,
            "is_rounding_alone": self.is_rounding_alone,
            "limit": self.limit,
            "lost_from": self.lost_from,
            "unexplained": self.unexplained,
            "samples": self.samples,
            "used": self.used,
            "clipped": self.clipped,
            "transparent": self.hidden,
            "weights": self.unknowns,
            "rank": self.rank,
            "condition": _number(self.condition),
            "ridge": self.ridge,
            "solver": self.solver,
            "size_errors": self.size_errors,
            "border_errors": self.border_errors,
            "notes": list(self.notes),
        }


def _number(value: float | None) -> float | None:
    """Return a number for JSON: None for Infinity and NaN."""
    return None if value is None or not math.isfinite(value) else float(value)


def _finite(value: Any) -> Any:
    return [_finite(item) for item in value] if isinstance(value, list) else _number(value)
