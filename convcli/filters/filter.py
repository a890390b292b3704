"""The :class:`Filter`: a kernel with its settings, checked when it is constructed."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convcli.errors import FilterError, ShapeError
from convcli.filters.validate import (
    GREATEST,
    GREATEST_BIAS,
    GREATEST_QUOTIENT,
    LEAST_DIVISOR,
    check_one_of,
    number_of,
    shape_text,
    short,
    weights_of,
)
from convcli.kernel.geometry import PAD_MODES, IntOrPair, PadLike, check_pad, pair

RANGES = ("clip", "abs", "rescale")
REDUCTIONS = ("magnitude", "max", "sum")


@dataclass(frozen=True, eq=False)
class Filter:
    """A kernel or a bank of kernels, with the settings to apply it.

    ``weight`` is given as nested lists or an array and kept as float64, read-only:
    2-D (Hf, Wf) is one kernel for each channel independently; 3-D (C, Hf, Wf) one filter across C
    channels; 4-D (F, C, Hf, Wf) F filters across C channels. ``divisor`` divides it, where
    "sum" is the sum of each filter's weights (1 where that is 0). ``bias`` is on the 0-1 pixel
    scale. ``stride`` None means the default of the operation. ``range``,
    ``preserve_alpha`` and ``reduce`` say how results become pixels.

    Limits: weights and divisor ±1e38, their quotient ±1e30, bias ±1e9; stride, dilation and pad
    2^31-1. Raises :class:`FilterError` for values beyond them, or of a wrong type or shape.

    >>> from convcli import Filter
    >>> mean = Filter([[1, 1, 1], [1, 1, 1]], name="mean", divisor="sum", pad_mode="replicate")
    >>> mean.weight.shape, mean.stride
    ((2, 3), None)
    """

    weight: NDArray[np.float64]
    bias: float | tuple[float, ...] = 0.0
    divisor: float | Literal["sum"] = 1.0
    stride: IntOrPair | None = None
    dilation: IntOrPair = 1
    pad: PadLike = "same"
    pad_mode: str = "zeros"
    flip: bool = False
    range: str = "clip"
    preserve_alpha: bool = False
    reduce: str | None = None
    name: str = ""
    description: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        """Check every field, and normalise those that can be given in several forms."""
        weight = weights_of(self.weight)
        weight.setflags(write=False)
        self._set("weight", weight)
        self._set("bias", self._checked_bias())
        if self.divisor != "sum":
            divisor = number_of(self.divisor, "divisor", ' or "sum"', most=GREATEST)
            if divisor == 0:
                raise FilterError('divisor is 0: give another number, or "sum"')
            if abs(divisor) < LEAST_DIVISOR:
                raise FilterError(
                    f"divisor is {short(divisor)}: give a number of {LEAST_DIVISOR:g} or more, "
                    "without its sign"
                )
            self._set("divisor", divisor)
        try:
            if self.stride is not None:
                self._set("stride", pair(self.stride, "stride", 1))
            self._set("dilation", pair(self.dilation, "dilation", 1))
            self._set("pad", check_pad(self.pad))
        except ShapeError as error:
            raise FilterError(str(error)) from None
        check_one_of(self.pad_mode, "pad_mode", PAD_MODES)
        check_one_of(self.range, "range", RANGES)
        if self.reduce is not None:
            check_one_of(self.reduce, "reduce", REDUCTIONS)
            if weight.ndim != 4 or weight.shape[1] != 1:
                raise FilterError(
                    "reduce needs a bank of kernels, weight as [F][1][Hf][Wf]: "
                    f"it is {shape_text(weight.shape)}"
                )
        for key in ("flip", "preserve_alpha"):
            if not isinstance(getattr(self, key), bool):
                raise FilterError(f"{key} must be true or false: got {short(getattr(self, key))}")
        for key in ("name", "description", "source"):
            if not isinstance(getattr(self, key), str):
                raise FilterError(f"{key} must be text: got {short(getattr(self, key))}")
        self._check_quotient()

    def __eq__(self, other: object) -> bool:
        """Filters are equal when every field is."""
        if not isinstance(other, Filter):
            return NotImplemented
        return all(
            np.array_equal(getattr(self, f.name), getattr(other, f.name)) for f in fields(self)
        )

    def __hash__(self) -> int:
        return hash((self.name, self.weight.shape, self.weight.tobytes()))

    @property
    def kernel(self) -> NDArray[np.float64]:
        """The weight as (F, C, Hf, Wf), divided and flipped; a 2-D weight has F = C = 1."""
        kernel = self.weight.reshape((1,) * (4 - self.weight.ndim) + self.weight.shape)
        if self.divisor == "sum":
            sums = kernel.sum((1, 2, 3), keepdims=True)
            kernel = kernel / np.where(sums == 0, 1, sums)
        else:
            kernel = kernel / self.divisor
        return kernel[..., ::-1, ::-1] if self.flip else kernel

    @property
    def offsets(self) -> NDArray[np.float64]:
        """The bias of each of the F filters."""
        return np.broadcast_to(np.asarray(self.bias, np.float64), len(self.kernel))

    @property
    def is_cross_channel(self) -> bool:
        """Whether it reads all channels at once, rather than each one independently."""
        return self.weight.ndim > 2 and self.reduce is None

    def override(self, **options: Any) -> Filter:
        """Return this filter with its settings replaced by the ``options`` that are not None."""
        given = {key: value for key, value in options.items() if value is not None}
        return replace(self, **given) if given else self

    def _set(self, key: str, value: object) -> None:
        object.__setattr__(self, key, value)

    def _checked_bias(self) -> float | tuple[float, ...]:
        if not isinstance(self.bias, (list, tuple, np.ndarray)):
            return number_of(self.bias, "bias", most=GREATEST_BIAS)
        filters = self.weight.shape[0] if self.weight.ndim == 4 else 1
        bias = tuple(
            number_of(item, f"bias[{k}]", most=GREATEST_BIAS) for k, item in enumerate(self.bias)
        )
        if len(bias) != filters:
            raise FilterError(
                f"bias has {len(bias)} numbers for {filters} filter(s): "
                "give one number, or one for each filter"
            )
        return bias

    def _check_quotient(self) -> None:
        kernel = np.abs(self.kernel)
        if not kernel.max() <= GREATEST_QUOTIENT:
            raise FilterError(
                f"weight divided by divisor comes to {kernel.max():.3g}: "
                f"{GREATEST_QUOTIENT:g} is the most"
            )
        if kernel.any() and not kernel.astype(np.float32).any():
            raise FilterError(
                f"weight divided by divisor comes to {kernel.max():.3g} at most, which is 0 as a "
                "32-bit float: use a smaller divisor"
            )
