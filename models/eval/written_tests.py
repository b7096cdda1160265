# SPDX-License-Identifier: Apache-2.0
"""Tests that `graft test` writes for the correct functions of HumanEvalPack: do they pass, and how many mutants do they kill?

The mutants are this evaluation's (mutants.py), not those by which the product chose its tests. The baseline is the examples of the
problem's docstring as a test: what a careful author has without writing one. A function without a written test kills nothing.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import sets
from intervals import bootstrap_ratio, wilson
from measure import Figure, Item, Kit, Measure, sampled
from mutants import mutants
from repairs import pytest_missing
from sandboxed import run_in_sandbox
from collection import apply_patch  # of bench/demo

MOST_MUTANTS, SECONDS = 20, 60


def as_pytest(row: dict[str, Any], test: str) -> str:
    body = "\n".join("    " + line for line in test.strip().splitlines())
    return f"from solution import *\nfrom solution import {row['entry_point']}\n\n\ndef test_published():\n{body}\n"


class WrittenTests(Measure):
    name, title, of_set = "written-tests", "written tests", "HumanEvalPack python, correct"

    def missing(self, kit: Kit) -> list[str]:
        return sets.HUMANEVALPACK.missing(kit.sets) + pytest_missing()

    def items(self, kit: Kit) -> list[Item]:
        return [Item(row["task_id"], row) for row in sampled(sets.humanevalpack(kit.sets, "python"), kit.counted(30), kit.seed)]

    def run(self, kit: Kit, item: Item) -> dict[str, Any]:
        row = item.thing
        source = row["prompt"] + row["canonical_solution"]
        programs = json.dumps([source, *mutants(source, row["entry_point"], MOST_MUTANTS, kit.seed)])
        report, written = self.write(kit, row, source)
        result: dict[str, Any] = {"mutants": len(json.loads(programs)) - 1, "status": report.get("status", report.get("error", "no status")),
                                  "seconds": report.get("seconds", 0.0), "passes": False, "killed": 0}
        for key, test in (("", written), ("examples_", as_pytest(row, row["example_test"])), ("published_", as_pytest(row, row["test"]))):
            if not test:
                continue
            limit = 15 + 3 * len(json.loads(programs))
            passed = run_in_sandbox(kit, "judge_mutants.py", {"programs.json": programs, "test_solution.py": test}, ["programs.json", "test_solution.py", "3"], limit)
            result[f"{key}passes"] = passed[0]
            result[f"{key}killed"] = sum(not p for p in passed[1:]) if passed[0] else 0
        return result

    @staticmethod
    def write(kit: Kit, row: dict[str, Any], source: str) -> tuple[dict[str, Any], str]:
        """graft's report, and the text of the test file; "" where there is none."""
        folder = Path(tempfile.mkdtemp(prefix="tests-", dir=kit.scratch))
        try:
            (folder / "solution.py").write_text(source)
            command = [kit.graft, "test", f"solution.py:{row['entry_point']}", "--json", "-C", folder, "--timeout", str(min(SECONDS, kit.timeout))]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10 * SECONDS)
            try:
                report = json.loads(done.stdout)
            except ValueError:
                return {"status": f"exit {done.returncode}: {done.stderr.strip()[-200:]}"}, ""
            if report.get("status") != "verified":
                return report, ""
            patch = folder / "written.patch"
            patch.write_text(report["patch"])
            wrong = apply_patch(folder, patch)
            return ({"status": f"the patch does not apply: {wrong}"}, "") if wrong else (report, (folder / report["test_file"]).read_text())
        except subprocess.TimeoutExpired:
            return {"status": "killed"}, ""
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def figures(self, kit: Kit, results: dict[str, dict[str, Any]]) -> list[Figure]:
        rows = list(results.values())
        n, passing = len(rows), sum(r["passes"] for r in rows)
        parts = [(r["killed"], r["mutants"]) for r in rows]
        total = sum(r["mutants"] for r in rows) or 1
        published = sum(r.get("published_killed", 0) for r in rows) / total
        none = n - sum(r["status"] == "verified" for r in rows)
        return [
            Figure("written tests, pass again outside", self.of_set, n - none, passing / (n - none) if n > none else None, *wilson(passing, n - none),
                   note=f"{none} of {n} functions got none"),
            Figure("written tests, mutants killed", self.of_set, n, sum(k for k, _ in parts) / total, *bootstrap_ratio(parts), baseline="the docstring's examples",
                   baseline_value=sum(r.get("examples_killed", 0) for r in rows) / total, good=0.68, excellent=0.78,
                   note=f"{total} mutants, equivalent ones among them; the published tests kill {100 * published:.0f} %"),
        ]
