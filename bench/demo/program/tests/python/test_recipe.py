# SPDX-License-Identifier: Apache-2.0
import pytest

from kitchen.recipe import Ingredient, RecipeError, Step, parse_ingredient, parse_recipe
from kitchen.units import Quantity

FLATBREAD = """\
Title: Flatbread
Serves: 4

- 500 g flour
- 1 1/2 cup water
- 2 eggs
- salt            # to taste

mix [10 min]: stir flour and water
rest [30 min] after mix: cover the dough
heat [5 min]: the pan
bake [8 min] after rest, heat: until it blisters
"""


def test_every_part_of_a_recipe_is_read():
    recipe = parse_recipe(FLATBREAD)
    assert recipe.title == "Flatbread"
    assert recipe.serves == 4
    assert recipe.ingredients == [
        Ingredient("flour", Quantity.parse("500 g")),
        Ingredient("water", Quantity.parse("1.5 cup")),
        Ingredient("eggs", Quantity.parse("2")),
        Ingredient("salt"),
    ]
    assert recipe.steps[0] == Step("mix", 10, "stir flour and water")
    assert recipe.steps[3] == Step("bake", 8, "until it blisters", ("rest", "heat"))


def test_scaling_leaves_the_recipe_itself_alone():
    recipe = parse_recipe(FLATBREAD)
    six = recipe.scaled(6)
    assert six.serves == 6
    assert six.ingredients[0].quantity == Quantity.parse("750 g")
    assert six.ingredients[2].quantity == Quantity.parse("3")
    assert six.ingredients[3].quantity is None
    assert six.steps == recipe.steps
    assert recipe.ingredients[0].quantity == Quantity.parse("500 g")


def test_a_meal_for_one_is_a_meal_and_for_none_is_not():
    recipe = parse_recipe(FLATBREAD)
    assert recipe.scaled(1).ingredients[0].quantity == Quantity.parse("125 g")
    with pytest.raises(ValueError):
        recipe.scaled(0)


def test_a_line_that_makes_no_sense_is_named():
    with pytest.raises(RecipeError, match="^4: cannot read 'stir well'"):
        parse_recipe("Title: X\nServes: 2\n\nstir well\n")


def test_a_step_can_only_wait_for_an_earlier_one():
    with pytest.raises(RecipeError, match="^3: no step 'rest'"):
        parse_recipe("Title: X\nServes: 2\nbake [5 min] after rest: now\n")


@pytest.mark.parametrize("text", ["", "Title: X\n", "Serves: 3\n", "Title: X\nServes: 0\n"])
def test_title_and_number_are_needed(text):
    with pytest.raises(RecipeError, match="needs a title"):
        parse_recipe(text)


def test_recipes_do_not_share_their_lists():
    first = parse_recipe("Title: A\nServes: 1\n- salt\n")
    second = parse_recipe("Title: B\nServes: 1\n")
    assert len(first.ingredients) == 1
    assert second.ingredients == []


def test_names_that_begin_like_a_unit_stay_whole():
    assert parse_ingredient("2 lemons") == Ingredient("lemons", Quantity.parse("2"))
    assert parse_ingredient("250 ml milk") == Ingredient("milk", Quantity.parse("250 ml"))
