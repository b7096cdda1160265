# SPDX-License-Identifier: Apache-2.0
from fractions import Fraction

import pytest

from kitchen.units import Quantity, UnitError, format_number, parse_number


@pytest.mark.parametrize(
    "text, number",
    [
        ("2", Fraction(2)),
        ("0.75", Fraction(3, 4)),
        ("3/4", Fraction(3, 4)),
        ("1 1/2", Fraction(3, 2)),
        ("  7 ", Fraction(7)),
    ],
)
def test_numbers_are_read_exactly(text, number):
    assert parse_number(text) == number


@pytest.mark.parametrize("text", ["", "x", "1/", "1 2", "1/0", "-3", ".5"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(ValueError):
        parse_number(text)


@pytest.mark.parametrize(
    "number, text",
    [
        (Fraction(3), "3"),
        (Fraction(3, 2), "1 1/2"),
        (Fraction(3, 4), "3/4"),
        (Fraction(1, 8), "1/8"),
        (Fraction(1, 10), "0.1"),
        (Fraction(10, 9), "1.11"),
    ],
)
def test_numbers_are_written_as_a_cook_would(number, text):
    assert format_number(number) == text


def test_a_bare_number_counts_pieces():
    assert Quantity.parse("3") == Quantity(Fraction(3), "pc")
    assert Quantity.parse("1 1/2 cup") == Quantity(Fraction(3, 2), "cup")
    assert Quantity.parse("500g") == Quantity(Fraction(500), "g")


def test_units_convert_within_their_dimension():
    assert Quantity.parse("1.5 kg").to("g") == Quantity.parse("1500 g")
    assert Quantity.parse("2 tbsp").to("tsp") == Quantity.parse("6 tsp")
    assert Quantity.parse("1/2 dozen").to("pc") == Quantity.parse("6")
    with pytest.raises(UnitError):
        Quantity.parse("1 kg").to("l")
    with pytest.raises(UnitError):
        Quantity.parse("1 kg").to("stone")
    with pytest.raises(UnitError):
        Quantity.parse("1 stone")


def test_sums_and_differences_keep_the_first_unit():
    assert Quantity.parse("1 kg") + Quantity.parse("250 g") == Quantity.parse("1.25 kg")
    assert Quantity.parse("1 kg") - Quantity.parse("250 g") == Quantity.parse("0.75 kg")
    assert Quantity.parse("2 cup") * Fraction(3, 4) == Quantity.parse("1.5 cup")


def test_comparison_looks_through_units():
    assert Quantity.parse("999 g") < Quantity.parse("1 kg")
    assert not Quantity.parse("1000 g") < Quantity.parse("1 kg")
    assert not Quantity.parse("1 l") < Quantity.parse("4 cup")


@pytest.mark.parametrize(
    "before, after",
    [
        ("1500 g", "1 1/2 kg"),
        ("1000 g", "1 kg"),
        ("0.2 kg", "200 g"),
        ("4 cup", "960 ml"),
        ("5 cup", "1 1/5 l"),
        ("2 dozen", "24"),
    ],
)
def test_tidy_picks_a_unit_that_reads_well(before, after):
    assert str(Quantity.parse(before).tidy()) == after
