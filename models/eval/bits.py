# SPDX-License-Identifier: Apache-2.0
"""Bits per byte of held-out text: the model alone, with the memory of the open file and the table of n-grams, and after quantisation.

The text is the card's own sample (models/train/held_out.py): up to 120,000 characters a language, at most the first 8,000 of a file.
"""

from __future__ import annotations

import json
import lzma
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import held_out  # of models/train
import sets
from byte_model import text_bits
from intervals import bootstrap_ratio
from measure import Figure, Item, Kit, Measure


def sample(kit: Kit, split: str) -> dict[str, list[str]]:
    texts = held_out.texts(str(kit.sets / "heldout"), split)
    return {lang: group[: kit.count] for lang, group in texts.items()}


def score(graft: Path, model: Path, texts: list[str], scratch: Path) -> list[dict[str, Any]]:
    """`graft model score` -> a row of each text: bytes, bits_per_byte, bits_per_byte_with_memory"""
    with tempfile.TemporaryDirectory(prefix="score-", dir=scratch) as folder:
        paths = []
        for i, text in enumerate(texts):
            paths.append(Path(folder, f"{i}.txt"))
            paths[-1].write_text(text)
        done = subprocess.run([graft, "model", "score", model, "--json", *paths], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"graft model score: {done.stdout.strip() or done.stderr.strip()}")
    return json.loads(done.stdout)["files"]


class Bits(Measure):
    name, title = "bits", "bits per byte"
    of_set = "held-out packages"
    splits = {"heldout_files": "held-out files", "heldout_packages": "held-out packages"}

    def missing(self, kit: Kit) -> list[str]:
        return sets.HELD_OUT.missing(kit.sets)

    def items(self, kit: Kit) -> list[Item]:
        items = []
        for split in self.splits:
            path = kit.sets / "heldout" / f"{split}.jsonl"
            if path.is_file() and path.stat().st_size:
                items += [Item(f"{split} {lang}", (split, lang)) for lang in sample(kit, split)]
        return items

    def run(self, kit: Kit, item: Item) -> dict[str, Any]:
        split, lang = item.thing
        texts = sample(kit, split)[lang]
        rows = score(kit.graft, kit.model_file(), texts, kit.scratch)
        alone = [[row["bits_per_byte"] * row["bytes"], row["bytes"]] for row in rows]
        memory = [[row["bits_per_byte_with_memory"] * row["bytes"], row["bytes"]] for row in rows]
        adaptive = sum(text_bits(text.encode()) for text in texts)
        packed = 8 * len(lzma.compress("".join(texts).encode(), preset=9 | lzma.PRESET_EXTREME))
        size = sum(row["bytes"] for row in rows)
        return {"files": len(rows), "bits_per_byte": sum(a for a, _ in alone) / size, "with_memory": sum(a for a, _ in memory) / size,
                "adaptive": adaptive / size, "xz": packed / size, "alone": alone, "memory": memory}

    def figures(self, kit: Kit, results: dict[str, dict[str, Any]]) -> list[Figure]:
        figures = []
        for key, r in results.items():
            split, lang = key.split()
            where, targets = f"{self.splits[split]}, {lang}", {"good": 0.75, "excellent": 0.68} if split == "heldout_files" else {"good": 0.83, "excellent": 0.75}
            figures.append(Figure("bits per byte, model alone", where, r["files"], r["bits_per_byte"], *bootstrap_ratio(r["alone"]),
                                  unit="bits", baseline="xz -9e", baseline_value=r["xz"], **targets))
            figures.append(Figure("bits per byte, with the open file's memory and the table", where, r["files"], r["with_memory"], *bootstrap_ratio(r["memory"]),
                                  unit="bits", baseline="order-5 bytes, learning the file", baseline_value=r["adaptive"]))
        return figures


class Quantised(Measure):
    """The shipped file in BF16 and in four bits, on the same text. The training weights are not in the repository: both come from the file."""

    name, title, of_set = "quantised", "four bits against bf16", "held-out packages"

    def missing(self, kit: Kit) -> list[str]:
        return sets.HELD_OUT.missing(kit.sets)

    def items(self, kit: Kit) -> list[Item]:
        return [Item("BF16 Q4_0", None)]

    def run(self, kit: Kit, item: Item) -> dict[str, Any]:
        texts = [text for group in sample(kit, "heldout_packages").values() for text in group]
        bits: dict[str, list[list[float]]] = {}
        for kind in ("BF16", "Q4_0"):
            path = kit.scratch / f"{kind}.gguf"
            command = [kit.graft, "model", "quantize", kit.model_file(), "--type", kind, "--out", path, "--force"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise RuntimeError(f"graft model quantize --type {kind}: {done.stderr.strip()}")
            bits[kind] = [[r["bits_per_byte"] * r["bytes"], r["bytes"]] for r in score(kit.graft, path, texts, kit.scratch)]
        return {kind: rows for kind, rows in bits.items()}

    def figures(self, kit: Kit, results: dict[str, dict[str, Any]]) -> list[Figure]:
        r = next(iter(results.values()))
        gap = [(four[0] - sixteen[0], sixteen[1]) for four, sixteen in zip(r["Q4_0"], r["BF16"])]
        size = sum(n for _, n in gap)
        return [Figure("bits per byte lost by four bits (Q4_0)", self.of_set, len(gap), sum(a for a, _ in gap) / size, *bootstrap_ratio(gap), unit="bits",
                       baseline="bf16", baseline_value=sum(a for a, _ in r["BF16"]) / size, good=0.015, excellent=0.006,
                       note="both made from the shipped Q8_0 file; files paired")]
