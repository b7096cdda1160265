# SPDX-License-Identifier: Apache-2.0
"""``python3 -m kitchen [--guests N] [--dinner HH:MM] [--stock STOCK.csv] RECIPE...``"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import report, schedule, shopping
from .recipe import RecipeError, parse_recipe


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="kitchen", description="plan meals and shopping")
    parser.add_argument("recipes", nargs="+", type=Path)
    parser.add_argument("--guests", type=int, default=4)
    parser.add_argument("--dinner", default="19:00")
    parser.add_argument("--stock", type=Path, help="output of: larder JOURNAL stock --csv")
    args = parser.parse_args(argv)

    recipes = []
    for path in args.recipes:
        try:
            recipes.append(parse_recipe(path.read_text(encoding="utf-8")).scaled(args.guests))
        except (OSError, RecipeError) as error:
            print(f"kitchen: {path}: {error}", file=sys.stderr)
            return 1

    for recipe in recipes:
        print(f"{recipe.title}, for {recipe.serves}")
        print(report.plan(schedule.latest(recipe.steps), args.dinner))
        print()

    stock = shopping.read_stock(args.stock.read_text(encoding="utf-8")) if args.stock else {}
    to_buy = shopping.missing(shopping.total_needs(recipes), stock)
    print(report.shopping_list(to_buy, shopping.by_aisle(to_buy, {})) or "Nothing to buy.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
