# SPDX-License-Identifier: Apache-2.0
"""Recipes in a small text format.

    Title: Flatbread
    Serves: 4

    - 500 g flour
    - 1 1/2 cup water
    - salt                      # no quantity: to taste

    mix [10 min]: stir flour and water
    rest [30 min] after mix: cover the dough
    bake [8 min] after rest: in a hot pan
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from fractions import Fraction

from .units import Quantity

_STEP = re.compile(r"(\w+)\s*\[(\d+)\s*min\](?:\s+after\s+([\w\s,]+))?\s*:\s*(.+)")
_INGREDIENT = re.compile(r"([\d./]+(?:\s+\d+/\d+)?)\s*(kg|g|ml|l|tsp|tbsp|cup|pc|dozen)?\s+(.+)")


class RecipeError(ValueError):
    """A line of a recipe that could not be read; the message starts with its number."""


@dataclass(frozen=True)
class Ingredient:
    name: str
    quantity: Quantity | None = None  # None: to taste


@dataclass(frozen=True)
class Step:
    name: str
    minutes: int
    text: str
    after: tuple[str, ...] = ()


@dataclass
class Recipe:
    title: str
    serves: int
    ingredients: list[Ingredient] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    def scaled(self, guests: int) -> Recipe:
        """The recipe for another number of guests; times stay as they are."""
        if guests < 1:
            raise ValueError("a meal needs at least one guest")
        factor = Fraction(guests, self.serves)
        ingredients = [
            replace(item, quantity=item.quantity * factor) if item.quantity else item
            for item in self.ingredients
        ]
        return replace(self, serves=guests, ingredients=ingredients)


def parse_ingredient(text: str) -> Ingredient:
    """Read ``500 g flour``, ``2 eggs`` or ``salt``."""
    match = _INGREDIENT.fullmatch(text)
    if match is None:
        return Ingredient(text)
    number, unit, name = match.groups()
    return Ingredient(name, Quantity.parse(f"{number} {unit or 'pc'}"))


def parse_step(text: str) -> Step | None:
    match = _STEP.fullmatch(text)
    if match is None:
        return None
    name, minutes, after, what = match.groups()
    names = tuple(part.strip() for part in after.split(",")) if after else ()
    return Step(name, int(minutes), what, names)


def parse_recipe(text: str) -> Recipe:
    """Read one recipe; raises RecipeError for the first line that makes no sense."""
    recipe = Recipe(title="", serves=0)
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.split("#", 1)[0].strip()
        if not line:
            continue
        if line.startswith("Title:"):
            recipe.title = line[len("Title:"):].strip()
        elif line.startswith("Serves:"):
            recipe.serves = int(line[len("Serves:"):])
        elif line.startswith("- "):
            recipe.ingredients.append(parse_ingredient(line[2:].strip()))
        else:
            step = parse_step(line)
            if step is None:
                raise RecipeError(f"{number}: cannot read {line!r}")
            known = {earlier.name for earlier in recipe.steps}
            for name in step.after:
                if name not in known:
                    raise RecipeError(f"{number}: no step {name!r} before this one")
            recipe.steps.append(step)
    if not recipe.title or recipe.serves < 1:
        raise RecipeError("0: a recipe needs a title and the number it serves")
    return recipe
