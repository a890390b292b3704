"""Types of option values: how they are written, and what the library gets."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

import click

from convcli.errors import PlanError

if TYPE_CHECKING:
    from convcli.batch.parts import Part

    Converter = click.ParamType[Any]
else:  # generic only since Click 8.4
    Converter = click.ParamType


class WholeNumbers(Converter):
    """One whole number or two, ``N`` or ``Y,X``, each of at least ``least``."""

    def __init__(self, least: int) -> None:
        self.least = least
        self.name = "N|Y,X"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | tuple[int, ...]:
        """Return an int or (y, x); a usage error for anything else."""
        numbers = _numbers(value)
        if numbers is None or len(numbers) > 2 or min(numbers) < self.least:
            self.fail(f"{value!r} is not N or Y,X, whole numbers from {self.least} up", param, ctx)
        return numbers[0] if len(numbers) == 1 else numbers


class AutoFloat(Converter):
    """``auto``, or a finite number ``"above 0"`` or ``"from 0 up"``."""

    name = "auto|X"

    def __init__(self, bound: Literal["above 0", "from 0 up"]) -> None:
        self.bound = bound

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | float:
        """Return "auto" or a float; a usage error for anything else."""
        if value == "auto":
            return "auto"
        number = -1.0
        with suppress(ValueError):
            number = float(value)
        if 0 < number < float("inf") or (number == 0 and self.bound == "from 0 up"):
            return number
        return self.fail(f"{value!r} is not auto or a number {self.bound}", param, ctx)


class Pad(Converter):
    """``same``, ``valid``, ``N``, ``Y,X`` or ``T,L,B,R``."""

    name = "PAD"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | int | tuple[int, ...]:
        """Return the pad as the library expects it; a usage error for anything else."""
        if value in ("same", "valid"):
            return str(value)
        numbers = _numbers(value)
        if numbers is None or len(numbers) not in (1, 2, 4) or min(numbers) < 0:
            self.fail(f"{value!r} is not same, valid, N, Y,X or T,L,B,R", param, ctx)
        return numbers[0] if len(numbers) == 1 else numbers


class SaveOption(Converter):
    """``KEY=VALUE`` for an encoder; the value a number, true, false, or text."""

    name = "KEY=VALUE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        """Return (key, value); a usage error where there is no ``=``."""
        key, equals, text = str(value).partition("=")
        if not key.isidentifier() or not equals:
            self.fail(f"{value!r} is not KEY=VALUE", param, ctx)
        if text.lower() in ("true", "false"):
            return key, text.lower() == "true"
        for number in (int, float):
            with suppress(ValueError):
                return key, number(text)
        return key, text


class Shard(Converter):
    """``I/N``, the I-th of N parts."""

    name = "I/N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Part:
        """Return the part; a usage error for anything else."""
        from convcli.batch.parts import Part, parse_part

        if isinstance(value, Part):
            return value
        try:
            return parse_part(value)
        except PlanError as error:
            self.fail(str(error), param, ctx)


def _numbers(value: str) -> tuple[int, ...] | None:
    parts = str(value).split(",")
    # int() would also accept " 1", "1_0" and digits of other scripts; nine digits suffice.
    if all(part.isascii() and part.isdigit() and len(part) <= 9 for part in parts):
        return tuple(int(part) for part in parts)
    return None
