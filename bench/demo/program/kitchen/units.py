# SPDX-License-Identifier: Apache-2.0
"""Quantities with units, kept exactly: half a cup stays one half."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

#: Each unit as (dimension, size in the base unit of that dimension).
UNITS = {
    "g": ("mass", Fraction(1)),
    "kg": ("mass", Fraction(1000)),
    "ml": ("volume", Fraction(1)),
    "l": ("volume", Fraction(1000)),
    "tsp": ("volume", Fraction(5)),
    "tbsp": ("volume", Fraction(15)),
    "cup": ("volume", Fraction(240)),
    "pc": ("count", Fraction(1)),
    "dozen": ("count", Fraction(12)),
}

_NUMBER = re.compile(
    r"(?:(?P<whole>\d+)\s+)?(?P<top>\d+)/(?P<bottom>\d+)|(?P<decimal>\d+(?:\.\d+)?)"
)


class UnitError(ValueError):
    """A unit that is unknown, or two that do not measure the same thing."""


def parse_number(text: str) -> Fraction:
    """Read ``2``, ``0.75``, ``3/4`` or ``1 1/2``."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not a number: {text!r}")
    if match["decimal"] is not None:
        return Fraction(match["decimal"])
    if int(match["bottom"]) == 0:
        raise ValueError(f"division by zero: {text!r}")
    return int(match["whole"] or 0) + Fraction(int(match["top"]), int(match["bottom"]))


def format_number(number: Fraction) -> str:
    """Write a number as a cook would: ``3``, ``1 1/2``, else two decimals at most."""
    if number.denominator == 1:
        return str(number.numerator)
    if number.denominator > 8:
        return f"{float(number):.2f}".rstrip("0").rstrip(".")
    whole, rest = divmod(number, 1)
    return f"{whole} {rest}" if whole else str(rest)


@dataclass(frozen=True)
class Quantity:
    """An amount of something, in one of ``UNITS``."""

    amount: Fraction
    unit: str

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise UnitError(f"unknown unit: {self.unit!r}")

    @classmethod
    def parse(cls, text: str) -> Quantity:
        """Read ``500 g``, ``1 1/2 cup`` or a bare ``3``, which counts pieces."""
        text = text.strip()
        match = re.fullmatch(r"([\d\s./]*\d)\s*([a-z]*)", text)
        if match is None:
            raise ValueError(f"not a quantity: {text!r}")
        return cls(parse_number(match[1]), match[2] or "pc")

    @property
    def dimension(self) -> str:
        return UNITS[self.unit][0]

    def to(self, unit: str) -> Quantity:
        """The same quantity in another unit of the same dimension."""
        if unit not in UNITS:
            raise UnitError(f"unknown unit: {unit!r}")
        if UNITS[unit][0] != self.dimension:
            raise UnitError(f"cannot turn {self.unit} into {unit}")
        return Quantity(self.amount * UNITS[self.unit][1] / UNITS[unit][1], unit)

    def __add__(self, other: Quantity) -> Quantity:
        return Quantity(self.amount + other.to(self.unit).amount, self.unit)

    def __sub__(self, other: Quantity) -> Quantity:
        return Quantity(self.amount - other.to(self.unit).amount, self.unit)

    def __mul__(self, factor: int | Fraction) -> Quantity:
        return Quantity(self.amount * factor, self.unit)

    def __lt__(self, other: Quantity) -> bool:
        return self.amount < other.to(self.unit).amount

    def tidy(self) -> Quantity:
        """In the largest metric unit that keeps the number at one or above."""
        if self.dimension == "count":
            return self.to("pc")
        small, large = ("g", "kg") if self.dimension == "mass" else ("ml", "l")
        in_large = self.to(large)
        return in_large if in_large.amount >= 1 else self.to(small)

    def __str__(self) -> str:
        number = format_number(self.amount)
        return number if self.unit == "pc" else f"{number} {self.unit}"
