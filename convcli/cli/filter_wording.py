"""Numbers, linear expressions and channels in the words of ``convcli filters info``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

COLOURS = {1: ("grey",), 3: ("red", "green", "blue")}
"""Names of the channels of a picture, by their number."""


def flat_text(total: float, bias: float) -> str:
    if not total:
        return f"becomes {number_text(bias)}"
    if (number_text(total), bias) == ("1", 0):
        return "stays as it is"
    text = f"v becomes {linear_text([(total, 'v')], bias)}"
    white = (1 - bias) / total
    return f"{text}: white from v = {number_text(white)} up" if 0 < white < 0.9 else text


def ramp_text(total: float, offset: float) -> str:
    if not total:
        return (
            f"becomes flat, {number_text(offset)} for a slope of 1 a pixel"
            if offset
            else "becomes 0"
        )
    steep = (
        "stays as it is" if number_text(total) == "1" else f"{number_text(total)} times as steep"
    )
    sign = "plus" if offset > 0 else "minus"
    return (
        f"{steep}, {sign} {number_text(abs(offset))} for a slope of 1 a pixel" if offset else steep
    )


def reduced(values: Sequence[float], reduce: str) -> float:
    if reduce == "magnitude":
        return float(sum(value * value for value in values) ** 0.5)
    return max(values) if reduce == "max" else sum(values)


def linear_text(terms: Sequence[tuple[float, str]], constant: float) -> str:
    """Return ``0.3·red + 0.59·green - 0.1``."""
    parts = list(_signed(terms, constant))
    if not parts:
        return "0"
    text = " ".join(parts).removeprefix("+ ")
    return f"-{text[2:]}" if text.startswith("- ") else text


def _signed(terms: Sequence[tuple[float, str]], constant: float) -> Iterator[str]:
    for weight, name in terms:
        size = number_text(abs(weight))
        yield f"{'-' if weight < 0 else '+'} {name if size == '1' else f'{size}·{name}'}"
    if constant:
        yield f"{'-' if constant < 0 else '+'} {number_text(abs(constant))}"


def channels_text(count: int) -> str:
    return ", ".join(COLOURS[count]) if count in COLOURS else f"{count} channels"


def channel_names(count: int) -> Sequence[str]:
    return COLOURS.get(count) or [f"channel {k}" for k in range(count)]


def pair_text(value: int | tuple[int, ...]) -> str:
    if isinstance(value, int) or len(set(value)) == 1:
        return str(value if isinstance(value, int) else value[0])
    return ",".join(map(str, value))


def number_text(value: float) -> str:
    text = f"{value:.4g}"
    return "0" if float(text) == 0 else text


def gain_text(value: float) -> str:
    return "0" if value < 5e-5 else f"{value:.4g}" if value >= 10 else f"{value:.3f}"


def seconds_text(seconds: float) -> str:
    if seconds < 0.01:
        return "0.01 s or less"
    if seconds < 60:
        return f"about {seconds:.2g} s"
    return f"about {seconds / 60:.0f} minutes"
