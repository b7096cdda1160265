# SPDX-License-Identifier: Apache-2.0
"""Files of held-out packages with one mistake each; the real compiler says that it is one, and judges the repair. Eight tries.

Python and JavaScript: the parser alone sees mistakes (py_compile, node --check), so that misspelt names do not count there. C: lua with
gcc, C++: leveldb with g++, the whole package around the file; files that do not compile as they are here are left out.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sets
from corruptions import corrupt
from measure import Item, Kit, sampled
from repair_task import RepairTask, repair, write_files
from repairs import Repairs
from collection import run_shell  # of bench/demo

TRIES = 8
MOST_BYTES = 30_000
CORRUPTIONS_TRIED = 60  # to find one that the compiler takes for an error


@dataclass(frozen=True)
class Suite:
    language: str
    package: str  # "": any, a file by itself
    tools: tuple[str, ...]
    check: str  # {path}: the file


SUITES = (
    Suite("python", "", ("python3",), "python3 -m py_compile {path}"),
    Suite("javascript", "", ("node",), "node --check {path}"),
    Suite("c", "lua5.4", ("gcc",), "gcc -fsyntax-only -Isrc {path}"),
    Suite("cpp", "leveldb", ("g++",), "g++ -std=c++17 -fsyntax-only -I. -Iinclude -DLEVELDB_PLATFORM_POSIX=1 {path}"),
)


class CompileErrors(Repairs):
    title, judged, good, excellent = "compile error, 8 tries", "compiles", 0.85, 0.92

    def __init__(self, suite: Suite, usual: int) -> None:
        self.suite, self.usual = suite, usual
        self.name = f"compile-{suite.language}"
        self.of_set = f"corrupted held-out files, {suite.language}" + (f" ({suite.package})" if suite.package else "")

    def missing(self, kit: Kit) -> list[str]:
        absent = [f"{tool} is not in PATH: install it" for tool in self.suite.tools if shutil.which(tool) is None]
        return sets.HELD_OUT.missing(kit.sets) + absent

    def items(self, kit: Kit) -> list[Item]:
        """A file each; the corruption is found when the item is run, the same for both ways."""
        chosen = sampled(self.files(kit), kit.counted(self.usual), kit.seed)
        return [Item(f"{row['package']}/{row['path']} {way}", (row, way)) for way in ("model", "no-model") for row in chosen]

    def files(self, kit: Kit) -> list[dict[str, Any]]:
        endings = {"c": (".c",), "cpp": (".cc", ".cpp")}.get(self.suite.language, ("",))
        wanted = [row for row in sets.held_out(kit.sets).get(self.suite.language, []) if self.suite.package in ("", row["package"])]
        return [row for row in wanted if row["path"].endswith(endings) and len(row["text"]) <= MOST_BYTES and " " not in row["path"]]

    def around(self, kit: Kit, row: dict[str, Any]) -> tuple[dict[str, str], str]:
        """The files that the compiler needs, and the path of this one among them."""
        if not self.suite.package:
            path = Path(row["path"]).name
            # `import` makes a module of a file for node; a package.json says so in real projects.
            extra = {"package.json": '{"type": "module"}\n'} if self.suite.language == "javascript" and "require(" not in row["text"] else {}
            return {path: row["text"], **extra}, path
        everything = [r for group in sets.held_out(kit.sets).values() for r in group if r["package"] == row["package"]]
        return {r["path"]: r["text"] for r in everything}, row["path"]

    def run(self, kit: Kit, item: Item) -> dict[str, Any]:
        row, way = item.thing
        files, path = self.around(kit, row)
        check = self.suite.check.format(path=path)
        folder = kit.scratch / f"corrupt-{self.name}-{way}-{Path(path).name}"
        write_files(folder, files)
        try:
            if run_shell(check, folder, 60).code != 0:
                return {"unusable": "does not compile here as it is"}
            rng = random.Random(f"{kit.seed} {row['path']}")
            for _ in range(CORRUPTIONS_TRIED):
                corruption = corrupt(row["text"], self.suite.language, rng)
                if corruption is None:
                    continue
                write_files(folder, {path: corruption.text})
                if run_shell(check, folder, 60).code not in (0, None):
                    break
            else:
                return {"unusable": "no corruption was an error"}
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        task = RepairTask(row["path"], {**files, path: corruption.text}, {path: row["text"]}, check, check_seconds=30)
        eight = Kit(**{**vars(kit), "budget": TRIES})
        return {"family": corruption.family, "line": corruption.line, **repair(eight, task, way == "model")}

    def remark(self, kit: Kit, mine: dict[str, dict[str, Any]]) -> str:
        missed = Counter(r["family"] for r in mine.values() if not r["fixed"])
        return "missed: " + ", ".join(f"{count} {family}" for family, count in missed.most_common(4)) if missed else ""
