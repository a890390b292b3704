"""The parts of a worked sum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Limits = tuple[float, float]
"""Min and max of the values that are rescaled to 0 and 1."""


@dataclass(frozen=True)
class Plane:
    """One channel under one kernel, (Hf, Wf): samples, opacity to multiply them by, and weights.

    ``weights`` are those of the filter file, flipped if the filter is, not divided.
    """

    name: str
    window: Floats
    opacity: Floats | None
    weights: Floats

    @property
    def products(self) -> Floats:
        """The products, (Hf, Wf)."""
        samples = self.window if self.opacity is None else self.window * self.opacity
        return samples * self.weights


@dataclass(frozen=True)
class Sum:
    """One output channel of the filter: ``value = Σ products / divisor + bias``."""

    planes: tuple[Plane, ...]
    divisor: float
    bias: float

    @property
    def total(self) -> float:
        """The sum of all products."""
        return float(sum(plane.products.sum() for plane in self.planes))

    @property
    def value(self) -> float:
        """The value of the output channel."""
        return self.total / self.divisor + self.bias


@dataclass(frozen=True)
class Sample:
    """One sample of the result, on the scale of the samples (255 is white in 8 bits).

    ``sums`` are several if ``reduce`` combines the output channels of a bank. ``opacity``, 0 to 1,
    divides premultiplied colour, and ``added`` is the bias added after that. ``value`` is the
    filtered value, ``ranged`` that after the range, and ``written`` the sample of the result.
    ``copied_from`` is the position of the sample that alpha is copied from, if it is not filtered;
    None on padding. ``limits`` are those of a range that rescales.
    """

    name: str
    sums: tuple[Sum, ...]
    value: float
    reduce: str | None = None
    opacity: float | None = None
    added: float = 0.0
    limits: Limits | None = None
    ranged: float = 0.0
    written: float = 0.0
    is_copied: bool = False
    copied_from: tuple[int, int] | None = None

    @property
    def combined(self) -> float:
        """The value of the sums, reduced."""
        return reduced([one.value for one in self.sums], self.reduce)


def reduced(values: list[float], reduce: str | None) -> float:
    """Return the output channels of a bank, combined."""
    if reduce == "magnitude":
        return float(np.sqrt(np.square(values).sum()))
    return max(values) if reduce == "max" else sum(values)
