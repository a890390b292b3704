"""The fields of a filter checked together: what each may be, and how they depend on each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from convcli.errors import ShapeError
from convcli.filters.validate import (
    GREATEST,
    GREATEST_BIAS,
    GREATEST_QUOTIENT,
    LEAST_DIVISOR,
    Report,
    is_one_of,
    number_of,
    shape_text,
    short,
    taps_of,
    weights_of,
)
from convcli.kernel.geometry import PAD_MODES, check_pad, pair

RANGES = ("clip", "abs", "rescale", "rescale-channels")
REDUCTIONS = ("magnitude", "max", "sum")


def checked_fields(given: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Return the fields of a filter in their normal form.

    ``given`` has all of them. Those with a problem are left out.
    """
    fields = _Fields(given, report)
    fields.check_kernel()
    fields.check_bias()
    fields.check_divisor()
    fields.check_geometry()
    fields.check_words()
    fields.check_quotient()
    return fields.checked


class _Fields:
    def __init__(self, given: Mapping[str, Any], report: Report) -> None:
        self._given, self._report = given, report
        self.checked: dict[str, Any] = {}
        self._shape: tuple[int, ...] | None = None

    def _keep(self, key: str, value: object) -> None:
        if value is not None:
            self.checked[key] = value

    def check_kernel(self) -> None:
        """Check weight, or column and row, and the groups."""
        weight, column, row = (self._given[key] for key in ("weight", "column", "row"))
        if column is None and row is None:
            if weight is None:
                self._report("a filter needs a weight, or a column and a row")
                return
            self._keep("weight", weights_of(weight, self._report))
            if "weight" in self.checked:
                self._shape = self.checked["weight"].shape
        else:
            if weight is not None:
                self._report("give weight, or column and row, whose product is the weight")
            for key, factor, other in (("column", column, "row"), ("row", row, "column")):
                if factor is None:
                    self._report(f"{key} is missing: with {other} it makes a kernel")
                else:
                    self._keep(key, taps_of(factor, key, self._report))
            if {"column", "row"} <= self.checked.keys():
                self._shape = len(self.checked["column"]), len(self.checked["row"])
        self._check_groups()

    def _check_groups(self) -> None:
        groups = self._given["groups"]
        if isinstance(groups, bool) or not isinstance(groups, (int, np.integer)) or groups < 1:
            self._report(f"groups must be a whole number from 1 up: got {short(groups)}")
            return
        self.checked["groups"] = int(groups)
        if groups == 1 or self._shape is None:
            return
        if len(self._shape) != 4:
            self._report(
                f"groups needs a weight [F][C/groups][Hf][Wf]: it is {shape_text(self._shape)}"
            )
        elif self._shape[0] % groups:
            self._report(f"{self._shape[0]} filters do not divide into {short(groups)} groups")

    def check_bias(self) -> None:
        bias, report = self._given["bias"], self._report
        if not isinstance(bias, (list, tuple, np.ndarray)):
            self._keep("bias", number_of(bias, "bias", report, most=GREATEST_BIAS))
            return
        numbers = [
            number_of(item, f"bias[{k}]", report, most=GREATEST_BIAS) for k, item in enumerate(bias)
        ]
        filters = self._shape[0] if self._shape is not None and len(self._shape) == 4 else 1
        if self._shape is not None and len(numbers) != filters:
            report(
                f"bias has {len(numbers)} numbers for {filters} filter(s): "
                "give one number, or one for each filter"
            )
        elif None not in numbers:
            self.checked["bias"] = tuple(numbers)

    def check_divisor(self) -> None:
        given = self._given["divisor"]
        if isinstance(given, str) and given == "sum":
            self.checked["divisor"] = "sum"
            return
        divisor = number_of(given, "divisor", self._report, ' or "sum"', most=GREATEST)
        if divisor == 0:
            self._report('divisor is 0: give another number, or "sum"')
        elif divisor is not None and abs(divisor) < LEAST_DIVISOR:
            self._report(
                f"divisor is {short(divisor)}: give a number of {LEAST_DIVISOR:g} or more, "
                "without its sign"
            )
        else:
            self._keep("divisor", divisor)

    def check_geometry(self) -> None:
        """Check stride, dilation, pad and pad_mode."""
        for key, settle in (
            ("stride", lambda value: None if value is None else pair(value, "stride", 1)),
            ("dilation", lambda value: pair(value, "dilation", 1)),
            ("pad", check_pad),
        ):
            try:
                self._keep(key, settle(self._given[key]))
            except ShapeError as error:
                self._report(str(error))
        if is_one_of(self._given["pad_mode"], "pad_mode", PAD_MODES, self._report):
            self.checked["pad_mode"] = self._given["pad_mode"]

    def check_words(self) -> None:
        """Check what remains: range and reduce, true or false, text."""
        if is_one_of(self._given["range"], "range", RANGES, self._report):
            self.checked["range"] = self._given["range"]
        reduce = self._given["reduce"]
        if reduce is not None and is_one_of(reduce, "reduce", REDUCTIONS, self._report):
            self.checked["reduce"] = reduce
            if self._shape is not None and (len(self._shape) != 4 or self._shape[1] != 1):
                self._report(
                    "reduce needs a bank of kernels, weight as [F][1][Hf][Wf]: "
                    f"it is {shape_text(self._shape)}"
                )
            elif self.checked.get("groups", 1) != 1:
                self._report("reduce applies every kernel to every channel: leave out groups")
        for key in ("flip", "preserve_alpha"):
            if isinstance(self._given[key], bool):
                self.checked[key] = self._given[key]
            else:
                self._report(f"{key} must be true or false: got {short(self._given[key])}")
        for key in ("name", "description", "source"):
            if isinstance(self._given[key], str):
                self.checked[key] = self._given[key]
            else:
                self._report(f"{key} must be text: got {short(self._given[key])}")

    def check_quotient(self) -> None:
        """Refuse weights that are too large or too small for 32-bit floats once divided."""
        if self._shape is None or "divisor" not in self.checked:
            return
        largest = _largest_quotient(self.checked)
        if not largest <= GREATEST_QUOTIENT:
            self._report(
                f"weight divided by divisor comes to {largest:.3g}: "
                f"{GREATEST_QUOTIENT:g} is the most"
            )
        elif largest and not np.float32(largest):
            self._report(
                f"weight divided by divisor comes to {largest:.3g} at most, which is 0 as a "
                "32-bit float: use a smaller divisor"
            )


def _largest_quotient(checked: Mapping[str, Any]) -> float:
    """Return the largest magnitude of a divided weight."""
    if "column" in checked:
        column, row = checked["column"], checked["row"]
        largest = [float(np.abs(column).max()) * float(np.abs(row).max())]
        sums = [float(column.sum()) * float(row.sum())]
    else:
        weight = checked["weight"]
        by_filter = weight.reshape(len(weight) if weight.ndim == 4 else 1, -1)
        largest = [float(most) for most in np.abs(by_filter).max(1)]
        sums = [float(total) for total in by_filter.sum(1)]
    divisor = checked["divisor"]
    divisors: list[float] = sums if divisor == "sum" else [divisor] * len(largest)
    quotients = [most / abs(by or 1) for most, by in zip(largest, divisors, strict=True)]
    return max(quotients)
