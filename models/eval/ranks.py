# SPDX-License-Identifier: Apache-2.0
"""Where a broken program's published repair stands among the candidates of `graft fix`, with the model's say and without.

Cheap beside the repairs themselves: a task costs one run of its check, and one more under the tracer where that is Python, JavaScript or Go. It says nothing of candidates that
pass the tests in another way, and nothing of what a run teaches.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from intervals import wilson
from measure import Figure, Item, Kit, Measure
from collection import run_shell  # of bench/demo
from repair_task import RepairTask
from repairs import Repairs

FIRST = (10, 20, 60)
BUILD_SECONDS = 120


class Ranks(Measure):
    title = "published repair among the first"

    def __init__(self, repairs: Repairs) -> None:
        self.repairs = repairs
        self.name, self.of_set = f"ranks-{repairs.name.removeprefix('humanevalfix-')}", repairs.of_set

    @staticmethod
    def program(kit: Kit) -> Path:
        return kit.graft.parent / "bench" / "repair_ranks"

    def missing(self, kit: Kit) -> list[str]:
        built = [] if self.program(kit).is_file() else [f"{self.program(kit)} is not there. Get it: ninja -C {kit.graft.parent} repair_ranks"]
        return self.repairs.missing(kit) + built

    def items(self, kit: Kit) -> list[Item]:
        return [Item(task.key, task) for task in self.repairs.tasks(kit)]

    def run(self, kit: Kit, item: Item) -> dict[str, Any]:
        task: RepairTask = item.thing
        folder = Path(tempfile.mkdtemp(prefix="ranks-", dir=kit.scratch))
        try:
            output = said(task, folder / "tried")
            if output is None:
                return {"unusable": "the broken program passes its check here"}
            task.put(folder / "broken")
            path, correct = next(iter(task.correct.items()))
            (folder / "output").write_text(output)
            (folder / "correct").write_text(correct)
            command = [self.program(kit), "--model", kit.model_file(), folder / "broken", folder / "output", path, folder / "correct"]
            command += [task.check] if path.endswith((".py", ".js", ".go")) else []
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise RuntimeError(done.stderr.strip())
            alone, asked = (int(line.split("\t")[0]) for line in done.stdout.splitlines())
            return {"no-model": alone, "model": asked}
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def figures(self, kit: Kit, results: dict[str, dict[str, Any]]) -> list[Figure]:
        ranks = [r for r in results.values() if not r.get("unusable")]
        half = f", {kit.half} half" if kit.half != "both" else ""
        figures = []
        for first in FIRST:
            hits = {way: sum(0 < r[way] <= first for r in ranks) for way in ("model", "no-model")}
            n = len(ranks)
            figures.append(Figure(f"{self.title} {first}", self.of_set + half, n, hits["model"] / n if n else None, *wilson(hits["model"], n), baseline="without the model",
                                  baseline_value=hits["no-model"] / n if n else None, note="in the order before any run"))
        return figures


def said(task: RepairTask, folder: Path) -> str | None:
    """What the check of the broken program writes; None where it passes."""
    folder.mkdir()
    task.put(folder)
    # What has to be built first gets its time: the check's own limit is for what graft runs again and again.
    ran = run_shell(task.check, folder, max(2 * task.check_seconds, BUILD_SECONDS if "&&" in task.check else 0))
    return None if ran.code == 0 else ran.output + ("\ntimed out\n" if ran.code is None else "")
