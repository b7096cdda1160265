# SPDX-License-Identifier: Apache-2.0
"""What to buy: the needs of all meals, less what is in stock, in the packs that shops sell."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from .recipe import Recipe
from .units import Quantity, UnitError


@dataclass(frozen=True)
class Pack:
    """A pack on the shelf of a shop; its price is in cents."""

    size: Quantity
    price: int


def total_needs(recipes: Iterable[Recipe]) -> dict[str, Quantity]:
    """Add up the ingredients of all recipes; what goes in to taste is left out."""
    needs: dict[str, Quantity] = {}
    for recipe in recipes:
        for item in recipe.ingredients:
            if item.quantity is None:
                continue
            if item.name in needs:
                needs[item.name] = needs[item.name] + item.quantity
            else:
                needs[item.name] = item.quantity
    return needs


def read_stock(text: str) -> dict[str, Quantity]:
    """Read what ``larder JOURNAL stock --csv`` printed."""
    stock = {}
    for row in csv.DictReader(io.StringIO(text)):
        amount = Fraction(row["on hand"].replace(",", ""))
        stock[row["item"]] = Quantity(amount, row["unit"])
    return stock


def missing(
    needs: Mapping[str, Quantity], stock: Mapping[str, Quantity]
) -> dict[str, Quantity]:
    """The part of ``needs`` that is not in stock, tidied, by name."""
    result = {}
    for name in sorted(needs):
        need = needs[name]
        have = stock.get(name)
        if have is not None:
            if not have < need:
                continue
            need = need - have
        result[name] = need.tidy()
    return result


def choose_packs(need: Quantity, packs: Iterable[Pack]) -> list[Pack]:
    """The cheapest packs that hold at least ``need``, largest first.

    Of two choices at the same price the one with fewer packs is taken.
    """
    usable = [pack for pack in packs if pack.size.dimension == need.dimension]
    if not usable:
        raise UnitError(f"no pack can be measured in {need.unit}")
    sizes = [pack.size.to(need.unit).amount for pack in usable]
    if min(sizes) <= 0:
        raise ValueError("a pack must hold something")

    # best[rest]: price, number of packs, packs. Only remainders that can be reached are visited.
    best: dict[Fraction, tuple[int, int, list[Pack]]] = {}

    def solve(rest: Fraction) -> tuple[int, int, list[Pack]]:
        if rest <= 0:
            return (0, 0, [])
        if rest not in best:
            choices = []
            for pack, size in zip(usable, sizes):
                price, count, chosen = solve(rest - size)
                choices.append((price + pack.price, count + 1, chosen + [pack]))
            best[rest] = min(choices, key=lambda choice: choice[:2])
        return best[rest]

    chosen = solve(need.amount)[2]
    return sorted(chosen, key=lambda pack: pack.size.to(need.unit).amount, reverse=True)


def cost(packs: Iterable[Pack]) -> int:
    """What the packs cost together, in cents."""
    return sum(pack.price for pack in packs)


def by_aisle(
    items: Iterable[str], aisles: Mapping[str, str], default: str = "other"
) -> dict[str, list[str]]:
    """Group names by aisle, both in alphabetical order, the default aisle last."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in items:
        groups[aisles.get(name, default)].append(name)
    ordered = sorted(groups, key=lambda aisle: (aisle == default, aisle))
    return {aisle: sorted(groups[aisle]) for aisle in ordered}
