"""Exact sums of products of symbols and numbers: ``az + bx``, ``2a - 3b``, ``7``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

Monomial = tuple[str, ...]


class Expression:
    """A polynomial with rational coefficients, whose terms keep the order they were added in.

    >>> a, x = Expression.symbol("a"), Expression.symbol("x")
    >>> str(a * x + a * Expression.number(-2))
    'ax - 2a'
    """

    __slots__ = ("_terms",)

    # The sorted symbols of a product -> the order in which they are shown, and the coefficient.
    _terms: dict[Monomial, tuple[Monomial, Fraction]]

    def __init__(self, terms: Mapping[Monomial, tuple[Monomial, Fraction]] | None = None) -> None:
        self._terms = {key: term for key, term in (terms or {}).items() if term[1]}

    @classmethod
    def number(cls, value: Fraction | int) -> Expression:
        """Return a constant."""
        return cls({(): ((), Fraction(value))})

    @classmethod
    def symbol(cls, name: str) -> Expression:
        """Return one symbol, such as ``a`` or ``x1``."""
        return cls({(name,): ((name,), Fraction(1))})

    @classmethod
    def sum(cls, parts: Iterable[Expression]) -> Expression:
        """Return the sum of any number of expressions."""
        total: dict[Monomial, tuple[Monomial, Fraction]] = {}
        for part in parts:
            for key, (shown, coefficient) in part._terms.items():
                before = total.get(key, (shown, Fraction(0)))
                total[key] = before[0], before[1] + coefficient
        return cls(total)

    def __add__(self, other: Expression) -> Expression:
        return Expression.sum((self, other))

    def __mul__(self, other: Expression) -> Expression:
        return Expression.sum(
            Expression({tuple(sorted(one + two)): (one + two, factor * other_factor)})
            for one, factor in self._terms.values()
            for two, other_factor in other._terms.values()
        )

    def __neg__(self) -> Expression:
        return self * Expression.number(-1)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Expression):
            return NotImplemented
        return {key: term[1] for key, term in self._terms.items()} == {
            key: term[1] for key, term in other._terms.items()
        }

    def __hash__(self) -> int:
        return hash(frozenset((key, term[1]) for key, term in self._terms.items()))

    def __bool__(self) -> bool:
        return bool(self._terms)

    @property
    def is_number(self) -> bool:
        """Whether it contains no symbol."""
        return not any(self._terms)

    @property
    def is_one_term(self) -> bool:
        """Whether it is a single product or number."""
        return len(self._terms) <= 1

    @property
    def terms(self) -> list[tuple[Monomial, Fraction]]:
        """Its products: the symbols in the order shown, and the coefficient."""
        return list(self._terms.values())

    @property
    def symbols(self) -> set[str]:
        """The symbols in it."""
        return {name for key in self._terms for name in key}

    def value(self, numbers: Mapping[str, float] | None = None) -> float:
        """Return its value, with each symbol replaced by its entry in ``numbers``."""
        total = 0.0
        for key, (_, coefficient) in self._terms.items():
            product = float(coefficient)
            for name in key:
                product *= (numbers or {})[name]
            total += product
        return total

    def __str__(self) -> str:
        text = ""
        for shown, coefficient in self._terms.values():
            sign = "-" if coefficient < 0 else "+"
            body = _product_text(shown, abs(coefficient))
            if text:
                text += f" {sign} {body}"
            else:
                text = f"-{body}" if sign == "-" else body
        return text or "0"

    __repr__ = __str__


def _product_text(names: Monomial, coefficient: Fraction) -> str:
    if not names:
        return number_text(coefficient)
    powers: dict[str, int] = {}
    for name in names:
        powers[name] = powers.get(name, 0) + 1
    factors = [name + _SUPERSCRIPTS.get(power, f"^{power}") for name, power in powers.items()]
    # Without a dot, x1x2 could not be read.
    product = (
        "·" if any(name[-1].isascii() and name[-1].isdigit() for name in names) else ""
    ).join(factors)
    if coefficient == 1:
        return product
    text = number_text(coefficient)
    return f"({text}){product}" if "/" in text else f"{text}{product}"


_SUPERSCRIPTS = {1: "", 2: "²", 3: "³"}


def number_text(value: Fraction) -> str:
    """Return a number as a decimal if that is exact and short, else as a fraction."""
    if value.denominator == 1:
        return str(value.numerator)
    for digits in range(1, 9):
        if 10**digits % value.denominator == 0:
            return f"{float(value):.{digits}f}"
    return f"{value.numerator}/{value.denominator}"


def factor_text(value: Expression) -> str:
    """Return a value as a factor of a product, in brackets if it needs them."""
    text = str(value)
    return text if value.is_one_term and text[0] != "-" else f"({text})"
