# SPDX-License-Identifier: Apache-2.0
import pytest

from kitchen.recipe import parse_recipe
from kitchen.shopping import Pack, by_aisle, choose_packs, cost, missing, read_stock, total_needs
from kitchen.units import Quantity, UnitError

SOUP = parse_recipe("Title: Soup\nServes: 2\n- 400 g lentils\n- 1 l stock\n- salt\n")
STEW = parse_recipe("Title: Stew\nServes: 2\n- 0.3 kg lentils\n- 2 onions\n- salt\n")


def quantities(**texts):
    return {name: Quantity.parse(text) for name, text in texts.items()}


def test_needs_of_all_recipes_are_added_up():
    assert total_needs([SOUP, STEW]) == quantities(lentils="700 g", stock="1 l", onions="2")


def test_needs_do_not_change_between_calls():
    assert total_needs([SOUP]) == total_needs([SOUP])
    assert total_needs([]) == {}


def test_stock_is_read_from_the_csv_of_larder():
    text = 'item,on hand,unit,value\r\nflour,"1,250.500",kg,9.00\r\n"oil, olive",2.000,l,18.00\r\n'
    assert read_stock(text) == {
        "flour": Quantity.parse("1250.5 kg"),
        "oil, olive": Quantity.parse("2 l"),
    }


def test_only_what_is_missing_is_bought():
    needs = quantities(lentils="700 g", onions="2", stock="1 l", tea="20 g")
    stock = quantities(lentils="0.5 kg", onions="2", stock="3 l")
    assert missing(needs, stock) == quantities(lentils="200 g", tea="20 g")
    assert list(missing(needs, {})) == ["lentils", "onions", "stock", "tea"]


def packs(**prices):
    return [Pack(Quantity.parse(size.strip("_").replace("_", " ")), price)
            for size, price in prices.items()]


def test_the_cheapest_packs_win():
    offers = packs(_500_g=150, _1_kg=250)
    assert choose_packs(Quantity.parse("700 g"), offers) == [offers[1]]
    assert choose_packs(Quantity.parse("1.2 kg"), offers) == [offers[1], offers[0]]
    assert choose_packs(Quantity.parse("500 g"), offers) == [offers[0]]
    assert cost(choose_packs(Quantity.parse("2.5 kg"), offers)) == 650


def test_fewer_packs_win_at_the_same_price():
    offers = packs(_500_g=100, _1_kg=200)
    assert choose_packs(Quantity.parse("1 kg"), offers) == [offers[1]]


def test_packs_must_measure_the_same_thing_and_hold_something():
    with pytest.raises(UnitError):
        choose_packs(Quantity.parse("700 g"), packs(_1_l=100))
    with pytest.raises(ValueError):
        choose_packs(Quantity.parse("700 g"), packs(_0_g=100))


def test_aisles_are_sorted_and_the_rest_comes_last():
    aisles = {"tea": "drinks", "leek": "vegetables", "beans": "vegetables"}
    grouped = by_aisle(["soap", "leek", "tea", "beans"], aisles)
    assert list(grouped.items()) == [
        ("drinks", ["tea"]),
        ("vegetables", ["beans", "leek"]),
        ("other", ["soap"]),
    ]
