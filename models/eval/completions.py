# SPDX-License-Identifier: Apache-2.0
"""The rest of a line, cut at a random character, and how right the surest half is (bench/completion's places and judge); from the file alone, and with the
package's files around it, as an editor gives them."""

from __future__ import annotations

from typing import Any

import sets
from intervals import wilson
from measure import Figure, Item, Kit, Measure
from rest_of_line import complete, places  # of bench/completion

AT_ONCE = 20  # places of one run of graft
MOST_AROUND, BYTES_AROUND = 24, 64 << 10  # as agent/code/near_files.h


def copied(prefix: str, suffix: str, least: int = 3) -> str:
    """The baseline: what followed the longest earlier or later occurrence of the prefix's end, up to the end of that line."""
    best = ""
    low, high = least, min(len(prefix) - 1, 200)
    while low <= high:  # a longer match contains a shorter one
        length = (low + high) // 2
        key, before = prefix[-length:], prefix[:-1]
        at = before.rfind(key)
        text = prefix if at >= 0 else suffix
        at = at if at >= 0 else suffix.find(key)
        if at < 0:
            high = length - 1
        else:
            best = text[at + length :].split("\n", 1)[0].rstrip()
            low = length + 1
    return best


def around(row: dict[str, Any], rows: list[dict[str, Any]]) -> list[str]:
    """The other files of the package in that language, by steps through the folders, longer ones before shorter."""
    here = row["path"].split("/")[:-1]

    def order(other: dict[str, Any]) -> tuple[int, int, str]:
        there = other["path"].split("/")[:-1]
        same = 0
        while same < min(len(here), len(there)) and here[same] == there[same]:
            same += 1
        return len(here) + len(there) - 2 * same, -min(len(other["text"]), BYTES_AROUND), other["path"]

    near = sorted((other for other in rows if other["package"] == row["package"] and other is not row), key=order)
    return [other["text"][:BYTES_AROUND] for other in near[:MOST_AROUND]]


class RestOfLine(Measure):
    name, title, of_set = "rest-of-line", "rest of a line, exact", "held-out packages"
    looks_around = False

    def missing(self, kit: Kit) -> list[str]:
        return sets.HELD_OUT.missing(kit.sets)

    def items(self, kit: Kit) -> list[Item]:
        by_language = sets.held_out(kit.sets)
        rows = [(lang, row) for lang, found in sorted(by_language.items()) for row in found]
        files = [(lang, row["text"]) for lang, row in rows]
        items = []
        for lang, found in places(files, kit.counted(200), kit.seed).items():
            for at in range(0, len(found), AT_ONCE):
                part = found[at : at + AT_ONCE]
                near = {n: around(rows[n][1], by_language[lang]) if self.looks_around else [] for *_, n in part}
                items.append(Item(f"{lang} {at}", (lang, part, near)))
        return items

    def run(self, kit: Kit, item: Item) -> dict[str, Any]:
        lang, found, near = item.thing
        rows = complete([str(kit.graft), "complete", "--batch", *kit.model_arguments()], found, lang, near.__getitem__)
        copies = [copied(prefix, suffix) == rest for prefix, rest, suffix, _ in found]
        return {"right": sum(right for _, right, _ in rows), "places": len(rows), "rows": [[s, right] for s, right, _ in rows], "copies": sum(copies)}

    def figures(self, kit: Kit, results: dict[str, dict[str, Any]]) -> list[Figure]:
        figures = []
        by_language: dict[str, list[dict[str, Any]]] = {}
        for key, r in results.items():
            by_language.setdefault(key.split()[0], []).append(r)
        for lang, group in [*sorted(by_language.items()), ("all", list(results.values()))]:
            n, right = sum(r["places"] for r in group), sum(r["right"] for r in group)
            targets = {"good": 0.33, "excellent": 0.40} if lang == "all" else {}
            figures.append(Figure(self.title, f"{self.of_set}, {lang}", n, right / n, *wilson(right, n), baseline="copied after the longest match in the file",
                                  baseline_value=sum(r["copies"] for r in group) / n, **targets))
        rows = sorted((row for r in results.values() for row in r["rows"]), reverse=True)
        for share, name in ((0.3, "surest 30 %"), (0.5, "surer half")):
            part = rows[: max(1, int(share * len(rows)))]
            right = sum(hit for _, hit in part)
            figures.append(Figure(self.title.replace("exact", f"precision of the {name}"), f"{self.of_set}, all", len(part), right / len(part), *wilson(right, len(part)),
                                  baseline="at full coverage", baseline_value=sum(hit for _, hit in rows) / len(rows), good=0.6 if share == 0.5 else None,
                                  excellent=None, note=f"by the program's sureness, a log-probability, from {part[-1][0]:.2f} up"))
        return figures


class RestOfLineAround(RestOfLine):
    name, title = "rest-of-line-around", "rest of a line, exact, with the package's files around"
    looks_around = True
