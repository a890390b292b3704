"""What a kind is: its name, its parameters with their ranges, and the function that makes it.

Without NumPy, so that help and shell completion are fast.
"""

from __future__ import annotations

import math
import operator
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from convcli.errors import FilterError

Value = float | int | str

LARGEST_SIZE = 99_999
"""The largest odd number of taps that a column or row may have."""


@dataclass(frozen=True)
class Parameter:
    """A key of a kind: what it means, and which values it takes.

    ``default`` None: the key may be left out, and ``otherwise`` says what happens then, or it is
    required where that is empty. Numbers go from ``low`` to ``high``, and are odd or even where
    ``parity`` says so; ``choices`` are the values of a word, or of a whole number.
    """

    name: str
    help: str
    type: Literal["number", "whole", "word", "path"] = "number"
    default: Value | None = None
    otherwise: str = ""
    low: float = 0
    high: float = math.inf
    parity: Literal["odd", "even", ""] = ""
    choices: tuple[Value, ...] = ()

    @property
    def is_required(self) -> bool:
        """Whether a value has to be given."""
        return self.default is None and not self.otherwise

    @property
    def identifier(self) -> str:
        """The name as a parameter of Python."""
        return self.name.replace("-", "_")

    @property
    def default_text(self) -> str:
        """The default as help shows it; empty for a required key."""
        return self.otherwise if self.default is None else text_of(self.default)

    @property
    def range_text(self) -> str:
        """Which values it takes: "a number from 0.01 to 10,000"."""
        if self.type == "path":
            return "the path of a picture"
        if self.choices:
            return " or ".join(", ".join(map(str, self.choices)).rsplit(", ", 1))
        noun = {"odd": "an odd number", "even": "an even number"}.get(
            self.parity, "a whole number" if self.type == "whole" else "a number"
        )
        return f"{noun} from {self.low:,g} to {number_text(self.high)}"

    def checked(self, value: object) -> Value:
        """Return ``value``, text or a number, as this parameter's; a FilterError says the range."""
        found = self._read(value)
        if found is None:
            shown = value if isinstance(value, str) else repr(value)
            raise FilterError(f"{self.name} is {shown[:60]}: give {self.range_text}")
        return found

    def _read(self, value: object) -> Value | None:
        if self.type in ("path", "word"):
            text = str(value)
            return text if text and (not self.choices or text in self.choices) else None
        number = _number(value, is_whole=self.type == "whole")
        if number is None:
            return None
        if self.choices:
            return number if number in self.choices else None
        if self.parity and number % 2 != (self.parity == "odd"):
            return None
        return number if self.low <= number <= self.high else None


@dataclass(frozen=True)
class Kind:
    """A family of filters.

    ``maker`` names the function, as "module:function" in this package, that takes all parameters
    and returns fields of a filter; ``settings`` are fields that every filter of the kind has.
    ``example`` are parameters that make a typical one.
    """

    name: str
    summary: str
    maker: str
    parameters: tuple[Parameter, ...]
    settings: Mapping[str, Any]
    example: Mapping[str, Value]

    def parameter(self, key: str) -> Parameter | None:
        """Return the parameter called ``key``, in words joined by ``-`` or by ``_``."""
        name = key.replace("_", "-")
        return next((one for one in self.parameters if one.name == name), None)

    def checked(self, given: Mapping[str, object]) -> dict[str, Value]:
        """Return the ``given`` parameters by name, in their order here; raises FilterError.

        Each of them is one of this kind.
        """
        by_name = {key.replace("_", "-"): value for key, value in given.items()}
        checked: dict[str, Value] = {}
        for parameter in self.parameters:
            if parameter.name in by_name:
                try:
                    checked[parameter.name] = parameter.checked(by_name[parameter.name])
                except FilterError as error:
                    raise FilterError(f"{self.name}: {error}") from None
            elif parameter.is_required:
                raise FilterError(
                    f"{self.name} needs {parameter.name}, {parameter.range_text}, as in "
                    f"{self.text(self.example)}"
                )
        return checked

    def fields(self, checked: Mapping[str, Value]) -> dict[str, Any]:
        """Return the fields of the filter with ``checked`` parameters. Raises FilterError."""
        module, function = self.maker.split(":")
        make = getattr(import_module(f"convcli.filters.kinds.{module}"), function)
        values = {one.identifier: checked.get(one.name, one.default) for one in self.parameters}
        try:
            made: dict[str, Any] = make(**values)
        except FilterError as error:
            raise FilterError(f"{self.name}: {error}") from None
        return {
            "name": self.text(checked),
            "description": self.summary,
            "source": self.command(checked),
            **self.settings,
            **made,
        }

    def text(self, checked: Mapping[str, Value]) -> str:
        """Return the filter as ``-f`` takes it: "gaussian:sigma=2"."""
        keys = ",".join(f"{key}={text_of(value)}" for key, value in checked.items())
        return f"{self.name}:{keys}" if keys else self.name

    def command(self, checked: Mapping[str, Value]) -> str:
        """Return the command that writes the filter's file."""
        words = [self.name]
        for key, value in checked.items():
            words += [f"--{key}", text_of(value)]
        return "convcli filters make " + shlex.join(words)

    @property
    def keys_text(self) -> str:
        """The keys with their defaults: "sigma, sigma-y (sigma), angle (0)"."""
        return ", ".join(
            one.name + (f" ({one.default_text})" if one.default_text else "")
            for one in self.parameters
        )


def read_parameters(kind: Kind, text: str) -> dict[str, object]:
    """Return the parameters of ``kind`` in "sigma=12,angle=30", not yet checked."""
    given: dict[str, object] = {}
    # A comma in a path stays one, unless a key follows it.
    for item in re.split(r",(?=[\w-]*=)", text) if text else ():
        key, equals, value = item.partition("=")
        if not equals or not key:
            hint = kind.text(kind.example)
            raise FilterError(f"{kind.name}: {item[:60]!r} is not KEY=VALUE, as in {hint}")
        name = key.replace("_", "-")
        if name in given:
            raise FilterError(f"{kind.name}: duplicate key {key!r}: remove one")
        given[name] = value
    return given


def text_of(value: Value) -> str:
    """Return a value in the fewest digits that mean it."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def number_text(value: float) -> str:
    """Return a limit for a message, with separators of thousands."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,}"


def _number(value: object, *, is_whole: bool) -> float | int | None:
    """Return text or a number as a finite number, or None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        # float() would also read "1_0", " 1" and digits of other scripts.
        if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", value, re.ASCII | re.IGNORECASE):
            return None
        number = float(value)
    else:
        try:
            # Any type that converts itself is a number; float() raises for all others.
            number = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            return None
    if not math.isfinite(number) or (is_whole and not number.is_integer()):
        return None
    return operator.index(int(number)) if is_whole else number
