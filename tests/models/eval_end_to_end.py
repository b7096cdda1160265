#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""models/eval/run.py with the built program on made-up sets of a few items: each kind of measure runs, and the table has its figures.

    eval_end_to_end.py GRAFT
"""

import gzip
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "models" / "eval"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from eval_test import CLAMP  # noqa: E402
import sets  # noqa: E402

MODULE = '''import collections


class Counter:
    def __init__(self, limit):
        self.limit = limit
        self.counts = collections.defaultdict(int)

    def add(self, name):
        if self.counts[name] < self.limit:
            self.counts[name] += 1
        return self.counts[name]

    def most(self):
        return max(self.counts, key=self.counts.get)
'''


def make_sets(folder: Path) -> None:
    pack = folder / sets.HUMANEVALPACK.probe
    pack.parent.mkdir(parents=True)
    pack.write_text(json.dumps(CLAMP) + "\n")
    gap = {"task_id": "SingleLineInfilling/HumanEval/7/L0", "entry_point": "clamp", "prompt": CLAMP["prompt"], "test": CLAMP["test"].replace("check(clamp)\n", ""),
           "suffix": "        return low\n    return min(x, high)\n", "canonical_solution": "    if x < low:\n"}
    infilling = folder / sets.INFILLING.probe
    infilling.parent.mkdir(parents=True)
    infilling.write_bytes(gzip.compress((json.dumps(gap) + "\n").encode()))
    heldout = folder / sets.HELD_OUT.probe
    heldout.parent.mkdir(parents=True)
    rows = [{"package": "p", "path": f"p/{name}.py", "lang": "python", "text": MODULE.replace("Counter", name)} for name in ("Counter", "Tally")]
    heldout.write_text("".join(json.dumps(row) + "\n" for row in rows))


def main() -> None:
    graft = Path(sys.argv[1]).resolve()
    wanted = ["bits", "quantised", "rest-of-line", "infilling", "humanevalfix-python", "compile-python", "written-tests", "repeated-edits", "quixbugs", "overlap"]
    with tempfile.TemporaryDirectory(prefix="graft-eval-test-") as name:
        folder = Path(name)
        make_sets(folder)
        command = [sys.executable, ROOT / "models" / "eval" / "run.py", "--graft", graft, "--sets", folder, "--only", *wanted, "--count", "2", "--timeout", "20",
                   "--json", folder / "out.json", "--resume", folder / "results.jsonl"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=540, check=False)
        print(done.stdout, done.stderr, sep="\n")
        assert done.returncode == 0, "run.py failed"
        out = json.loads((folder / "out.json").read_text())
        figures = {(f["measure"], f["set"]): f for f in out["figures"]}
        check(figures, out["items"])
        again = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        assert again.stdout == done.stdout, "a resumed run prints another table"


def check(figures: dict, items: dict) -> None:
    def of(measure: str) -> dict:
        found = [f for (name, _), f in figures.items() if name == measure]
        assert len(found) == 1, f"{len(found)} rows of {measure}"
        return found[0]

    alone, memory = of("bits per byte, model alone"), of("bits per byte, with the open file's memory and the table")
    assert 0.5 < alone["value"] < 4 and 0.2 < memory["value"] < 4, (alone, memory)
    assert abs(of("bits per byte lost by four bits (Q4_0)")["value"]) < 1
    assert [f["n"] for (name, where), f in figures.items() if name == "rest of a line, exact" and where.endswith("python")] == [2]
    assert of("infilling, pass@1")["n"] == 1 and of("infilling, verified@8")["n"] == 1
    repaired = of("repair, passes its tests") if ("repair", "QuixBugs Python") in figures else None
    assert repaired and repaired["n"] == 1, "HumanEvalPack is measured, QuixBugs said to be missing"
    assert "PROMISES BROKEN" not in repaired["note"], repaired["note"]
    # One wrong name in a line that a failing test reaches: the enumerators must find it, whatever the model says.
    assert repaired["baseline_value"] == 1.0, items["humanevalfix-python"]
    assert of("compile error, 8 tries, compiles")["n"] >= 1
    assert of("written tests, mutants killed")["value"] > 0.3
    assert of("repeated edits, the next one, content exact")["n"] == 2, items["repeated-edits"]
    assert of("repeated edits, offered where nothing repeats")["n"] == 2, items["repeated-edits"]
    assert of("archives both held out and trained on")["value"] == 0


if __name__ == "__main__":
    main()
