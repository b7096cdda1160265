# SPDX-License-Identifier: Apache-2.0
"""Does a set share text with what the model was trained on?

models/TRAINING_DATA.tsv names archives with their hashes, no file hashes: by it alone one can check that no archive of the held-out packages
was trained on, and no more. With --corpus train.jsonl or table.jsonl (rebuilt from the same archives by models/train/corpus.py) each item's runs of 13
words are looked for in the training text itself.
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import sets
from intervals import wilson
from measure import ROOT, Figure, Item, Kit, Measure

WORD = re.compile(r"\w+|[^\w\s]")
RUN = 13
MANIFEST = ROOT / "models" / "TRAINING_DATA.tsv"


def runs(text: str) -> set[int]:
    """Hashes of all runs of 13 words; a shorter text has none."""
    words = WORD.findall(text)
    return {hash(tuple(words[i : i + RUN])) for i in range(len(words) - RUN + 1)}


def archives(manifest: Path, role: str) -> set[tuple[str, str]]:
    with manifest.open() as stream:
        return {(row["archive"], row["sha256"]) for row in csv.DictReader(stream, delimiter="\t") if row["role"] == role}


def texts_of_sets(kit: Kit) -> dict[str, dict[str, str]]:
    """{set: {item: what a solution would have to know}}"""
    texts: dict[str, dict[str, str]] = {}
    if sets.QUIXBUGS.here(kit.sets):
        folder = kit.sets / "quixbugs" / "correct_python_programs"
        texts["QuixBugs Python"] = {name: (folder / f"{name}.py").read_text() for name in sets.quixbugs_names(kit.sets)}
    if sets.HUMANEVALPACK.here(kit.sets):
        for language in sets.PACK_LANGUAGES:
            rows = sets.humanevalpack(kit.sets, language)
            texts[f"HumanEvalPack {language}"] = {row["task_id"]: row["canonical_solution"] for row in rows}
    if sets.HELD_OUT.here(kit.sets):
        texts["held-out packages"] = {f"{r['package']}/{r['path']}": r["text"] for rows in sets.held_out(kit.sets).values() for r in rows}
    return texts


class Overlap(Measure):
    name, title, of_set = "overlap", "overlap with training text", "all sets"

    def items(self, kit: Kit) -> list[Item]:
        return [Item("archives", None)] + ([Item("runs of 13 words", None)] if kit.corpus else [])

    def run(self, kit: Kit, item: Item) -> dict[str, Any]:
        if item.key == "archives":
            trained, held = archives(MANIFEST, "train") | archives(MANIFEST, "table"), archives(MANIFEST, "heldout")
            return {"trained": len(trained), "held": len(held), "shared": len({h for _, h in trained} & {h for _, h in held})}
        wanted = {name: {key: runs(text) for key, text in items.items()} for name, items in texts_of_sets(kit).items()}
        everything = set().union(*(marks for items in wanted.values() for marks in items.values()))
        seen: set[int] = set()
        with kit.corpus.open() as stream:  # type: ignore[union-attr]
            for line in stream:
                seen |= runs(json.loads(line)["text"]) & everything
        return {name: {"items": sum(bool(marks) for marks in items.values()), "touched": sum(bool(marks & seen) for marks in items.values()),
                       "half": sum(bool(marks) and 2 * len(marks & seen) > len(marks) for marks in items.values())} for name, items in wanted.items()}

    def figures(self, kit: Kit, results: dict[str, dict[str, Any]]) -> list[Figure]:
        figures = []
        if "archives" in results:
            r = results["archives"]
            figures.append(Figure("archives both held out and trained on", "models/TRAINING_DATA.tsv", r["held"], r["shared"] / r["held"],
                                  note=f"by sha256, beside {r['trained']} archives of the model and the table" + ("" if kit.corpus else "; shared text was not looked for: needs --corpus")))
        for name, r in results.get("runs of 13 words", {}).items():
            n = max(1, r["items"])
            figures.append(Figure("items with 13 words in a row in the training text", name, r["items"], r["touched"] / n, *wilson(r["touched"], n),
                                  note=f"more than half of the item: {r['half']}"))
        return figures
