# SPDX-License-Identifier: Apache-2.0
import pytest

from kitchen.__main__ import main
from kitchen.recipe import Step
from kitchen.report import bar_chart, columns, duration, money, plan, shopping_list
from kitchen.schedule import Slot
from kitchen.units import Quantity


@pytest.mark.parametrize(
    "cents, text",
    [
        (0, "0.00 EUR"),
        (5, "0.05 EUR"),
        (1234567, "12,345.67 EUR"),
        (-250, "-2.50 EUR"),
        (-5, "-0.05 EUR"),
    ],
)
def test_money(cents, text):
    assert money(cents) == text


def test_money_in_another_currency():
    assert money(100, "CHF") == "1.00 CHF"


def test_columns_are_as_wide_as_their_widest_cell():
    assert columns([("tea", "20 g", "x"), ("lentils", "1 kg", "")]) == (
        "tea      20 g  x\nlentils  1 kg"
    )
    assert columns([("a", "b")], gap=1) == "a b"
    assert columns([]) == ""


@pytest.mark.parametrize(
    "minutes, text", [(0, "0 min"), (59, "59 min"), (60, "1 h"), (95, "1 h 35 min")]
)
def test_duration(minutes, text):
    assert duration(minutes) == text


def test_a_shopping_list_has_a_block_for_each_aisle():
    items = {"leek": Quantity.parse("2"), "tea": Quantity.parse("20 g")}
    aisles = {"drinks": ["tea"], "frozen": ["peas"], "vegetables": ["leek"]}
    assert shopping_list(items, aisles) == "DRINKS\n[ ] tea  20 g\n\nVEGETABLES\n[ ] leek  2"


def test_a_plan_shows_the_clock_and_wraps_long_texts():
    slots = [
        Slot(Step("mix", 10, "stir flour and water until no dry flour is left"), 0),
        Slot(Step("rest", 60, "cover"), 10),
    ]
    assert plan(slots, "19:00", width=40) == (
        "17:50  stir flour and water until no dry\n"
        "       flour is left (10 min)\n"
        "18:00  cover (1 h)"
    )
    assert plan([], "19:00") == ""


def test_bars_are_scaled_to_the_longest():
    assert bar_chart({"a": 10, "b": 5, "c": 0.01, "d": 0}, width=10) == (
        "a  ##########\nb  #####\nc  #\nd"
    )
    assert bar_chart({"a": 0}) == "a"
    assert bar_chart({}) == ""


def test_the_command_prints_plan_and_list(tmp_path, capsys):
    recipe = tmp_path / "tea.txt"
    recipe.write_text("Title: Tea\nServes: 2\n- 1 l water\n- 8 g tea\n\nboil [5 min]: water\n")
    stock = tmp_path / "stock.csv"
    stock.write_text("item,on hand,unit,value\nwater,1.500,l,0\n")
    assert main(["--guests", "4", "--stock", str(stock), str(recipe)]) == 0
    assert capsys.readouterr().out == (
        "Tea, for 4\n18:55  water (5 min)\n\n"
        "OTHER\n[ ] tea    16 g\n[ ] water  500 ml\n"
    )


def test_the_command_names_a_file_it_cannot_read(tmp_path, capsys):
    assert main([str(tmp_path / "none.txt")]) == 1
    assert "none.txt" in capsys.readouterr().err
