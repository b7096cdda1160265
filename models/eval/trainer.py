# SPDX-License-Identifier: Apache-2.0
"""The engine's logits beside the trainer's, on the shipped file's own weights and held-out text."""

from __future__ import annotations

import array
import json
import subprocess
from pathlib import Path
from typing import Any

import sets
from intervals import wilson
from bits import sample
from measure import Figure, Item, Kit, Measure

TOKENS = 256  # of each text
NEAR = 0.01  # logit
HERE = Path(__file__).resolve().parent


def differences(ours: array.array, theirs: array.array, n_vocab: int) -> dict[str, Any]:
    """Largest difference, at how many positions none is larger than NEAR, and at how many the likeliest token is the same; a tie
    goes to the lower id."""
    largest, near, same = 0.0, 0, 0
    for at in range(0, len(theirs), n_vocab):
        a, b = ours[at : at + n_vocab], theirs[at : at + n_vocab]
        difference = max(abs(x - y) for x, y in zip(a, b))
        largest, near = max(largest, difference), near + (difference <= NEAR)
        same += a.index(max(a)) == b.index(max(b))
    return {"largest": largest, "near": near, "same": same, "positions": len(theirs) // n_vocab}


class TrainerLogits(Measure):
    name, title, of_set = "trainer-logits", "engine against trainer", "held-out packages"

    def missing(self, kit: Kit) -> list[str]:
        absent = sets.HELD_OUT.missing(kit.sets)
        probe = subprocess.run([kit.torch_python, "-c", "import torch, numpy, gguf"], capture_output=True, check=False)
        if probe.returncode != 0:
            absent.append(f"{kit.torch_python} has no torch, numpy and gguf. Get it: pip install -r models/train/requirements.txt, and name that Python with --torch-python")
        return absent

    def items(self, kit: Kit) -> list[Item]:
        texts = [(lang, text) for lang, group in sample(kit, "heldout_packages").items() for text in group[: kit.counted(2)]]
        return [Item(f"{lang} {i}", text) for i, (lang, text) in enumerate(texts)]

    def run(self, kit: Kit, item: Item) -> dict[str, Any]:
        stem = kit.scratch / f"logits-{item.key.replace(' ', '-')}"
        done = subprocess.run([kit.graft, "model", "tokenize", kit.model_file()], input=item.thing, capture_output=True, text=True, check=True)
        info = json.loads(subprocess.run([kit.graft, "model", "info", kit.model_file(), "--json"], capture_output=True, text=True, check=True).stdout)
        bos = info["special_tokens"]["bos"]
        tokens, tokens_file = [bos, *json.loads(done.stdout)][:TOKENS], stem.with_suffix(".json")
        tokens_file.write_text(json.dumps(tokens))
        theirs = self.read(stem.with_suffix(".trainer"), [kit.torch_python, HERE / "trainer_logits.py", kit.model_file(), tokens_file, stem.with_suffix(".trainer")])
        result = {}
        for name, more in (("fast", []), ("reference", ["--reference"])):
            out = stem.with_suffix(f".{name}")
            command = [kit.graft, "model", "logits", kit.model_file(), "--backend", "cpu", "--tokens", tokens_file, "--out", out, *more]
            result[name] = differences(self.read(out, command), theirs, info["n_vocab"])
        return {"largest": result["fast"]["largest"], "near": result["fast"]["near"], "same": result["fast"]["same"], "positions": result["fast"]["positions"],
                "reference_largest": result["reference"]["largest"], "reference_near": result["reference"]["near"], "reference_same": result["reference"]["same"]}

    @staticmethod
    def read(path: Path, command: list[Any]) -> array.array:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]}: {done.stderr.strip()[-500:]}")
        values = array.array("f")
        values.frombytes(path.read_bytes())
        return values

    def figures(self, kit: Kit, results: dict[str, dict[str, Any]]) -> list[Figure]:
        rows = list(results.values())
        n = sum(r["positions"] for r in rows)
        same, near, reference_same, reference_near = (sum(r[name] for r in rows) for name in ("same", "near", "reference_same", "reference_near"))
        return [
            Figure("engine against trainer, likeliest token the same", self.of_set, n, same / n, *wilson(same, n), baseline="plain operators",
                   baseline_value=reference_same / n, good=0.995, excellent=0.995),
            Figure("engine against trainer, logits that differ by 0.01 at most", self.of_set, n, near / n, *wilson(near, n), baseline="plain operators",
                   baseline_value=reference_near / n, note="two experts that tie in the router change places elsewhere"),
            Figure("engine against trainer, largest difference of a logit", self.of_set, n, max(r["largest"] for r in rows), unit="logit",
                   baseline="plain operators", baseline_value=max(r["reference_largest"] for r in rows), good=0.01, excellent=0.01),
        ]
