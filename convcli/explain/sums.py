"""What a worked sum is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Limits = tuple[float, float]
"""Min and max of the values that are rescaled to 0 and 1."""


@dataclass(frozen=True)
class Plane:
    """One channel under one kernel, (Hf, Wf): samples, the opacity they are weighted by, weights.

    ``weights`` are those of the filter file, flipped if the filter is, not yet divided.
    """

    name: str
    window: Floats
    opacity: Floats | None
    weights: Floats

    @property
    def products(self) -> Floats:
        """The products that are summed."""
        seen = self.window if self.opacity is None else self.window * self.opacity
        return seen * self.weights


@dataclass(frozen=True)
class Sum:
    """One answer of the filter: ``value = Σ products / divisor + bias``."""

    planes: tuple[Plane, ...]
    divisor: float
    bias: float

    @property
    def total(self) -> float:
        """The sum of all products."""
        return float(sum(plane.products.sum() for plane in self.planes))

    @property
    def value(self) -> float:
        """The answer."""
        return self.total / self.divisor + self.bias


@dataclass(frozen=True)
class Sample:
    """One sample of the result, on the scale of the samples (255 is white in 8 bits).

    ``sums`` are several where ``reduce`` makes the answers of a bank one. ``opacity``, 0 to 1, is
    what premultiplied colour is divided by, and ``added`` the bias that comes after. ``value`` is
    the answer, ``ranged`` what the range makes of it, and ``written`` what the result holds.
    ``limits`` are those of a range that rescales.
    ``copied_from`` is the place that opacity is taken from where it is not filtered; None beyond
    the border.
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
    def answer(self) -> float:
        """What the sums come to, reduced."""
        return reduced([one.value for one in self.sums], self.reduce)


def reduced(answers: list[float], reduce: str | None) -> float:
    """Return the answers of a bank made one."""
    if reduce == "magnitude":
        return float(np.sqrt(np.square(answers).sum()))
    return max(answers) if reduce == "max" else sum(answers)
