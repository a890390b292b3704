"""The options of a fit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from convcli.errors import FilterError, ShapeError
from convcli.fitting.geometry import Pair
from convcli.kernel.geometry import PAD_MODES


@dataclass(frozen=True)
class Options:
    """The options of a fit; "auto" and None are decided by the pictures."""

    size: int | Pair | Literal["auto"] = "auto"
    channels: str | None = None
    bias: bool | None = None
    stride: int | Pair | Literal["auto"] = "auto"
    linear: bool | Literal["auto"] = "auto"
    pad_mode: str = "auto"
    ridge: float | Literal["auto"] = "auto"
    snap: bool = True
    align: Pair | Literal["auto"] = "auto"
    solver: str = "auto"

    def __post_init__(self) -> None:
        """Raise a FilterError for values that are not allowed."""
        known: tuple[tuple[str, object, tuple[object, ...]], ...] = (
            ("channels", self.channels, (None, "shared", "separate", "mixed")),
            ("bias", self.bias, (None, True, False)),
            ("linear", self.linear, ("auto", True, False)),
            ("pad_mode", self.pad_mode, ("auto", *PAD_MODES)),
            ("solver", self.solver, ("auto", "normal", "gradients")),
        )
        for key, value, choices in known:
            if value not in choices:
                texts = ", ".join(str(choice) for choice in choices if choice is not None)
                raise FilterError(f"{key} must be one of {texts}: got {value!r}")
        if self.ridge != "auto" and not (_is_number(self.ridge) and 0 <= self.ridge < math.inf):
            raise FilterError(f"ridge must be auto, or a number from 0 up: got {self.ridge!r}")
        for key, value, least in (("size", self.size, 1), ("stride", self.stride, 1)):
            if value != "auto":
                pair_of(value, key, least)
        if self.align != "auto":
            pair_of(self.align, "align", None)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def pair_of(value: object, name: str, least: int | None) -> Pair:
    """Return a whole number or two as (y, x); a ShapeError for anything else."""
    items = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    is_whole = all(
        isinstance(item, (int, np.integer)) and not isinstance(item, bool) for item in items
    )
    if len(items) != 2 or not is_whole or (least is not None and min(items) < least):
        what = "whole number" if least is None else f"whole number from {least} up"
        raise ShapeError(f"{name} must be auto, a {what}, or two: got {value!r}")
    return int(items[0]), int(items[1])
