# SPDX-License-Identifier: Apache-2.0
"""Bugs of public sets, repaired by `graft fix` with the set's own tests as the judge: QuixBugs, and HumanEvalPack's six languages.

Each program is given as a plain folder without history and without its corrected version. The baseline is the same command without
the model, so that the table says what the model adds.
"""

from __future__ import annotations

import shutil
import statistics
from collections import Counter
from typing import Any

import sets
from intervals import wilson
from measure import Figure, Item, Kit, Measure, sampled
from repair_task import RepairTask, repair, usable


class Repairs(Measure):
    """A measure over repair tasks: each is first proved to fail broken and to pass correct, then repaired in two variants."""

    of_set = ""
    judged = "passes its tests"
    good: float | None = None
    excellent: float | None = None

    def tasks(self, kit: Kit) -> list[RepairTask]:
        raise NotImplementedError

    def items(self, kit: Kit) -> list[Item]:
        return [Item(f"{task.key} {way}", (task, way)) for task in self.tasks(kit) for way in kit.ways]

    @staticmethod
    def chosen(kit: Kit, everything: list[Any], usual: int) -> list[Any]:
        return kit.halved(sampled(everything, len(everything), kit.seed))[: kit.counted(usual)]

    def run(self, kit: Kit, item: Item) -> dict[str, Any]:
        task, way = item.thing
        why_not = usable(task, kit)
        return {"unusable": why_not} if why_not else repair(kit, task, way == "model")

    def figures(self, kit: Kit, results: dict[str, dict[str, Any]]) -> list[Figure]:
        ways = {way: {k.rsplit(" ", 1)[0]: r for k, r in results.items() if k.endswith(f" {way}")} for way in ("model", "no-model")}
        # Where the model was not asked, what is done without it is the measure.
        way = "model" if ways["model"] else "no-model"
        mine = {k: r for k, r in ways[way].items() if not r.get("unusable")}
        if not mine:
            return [Figure(self.title, self.of_set, 0, None, note="no task of the set could be used here")]
        both = [k for k in mine if k in ways["no-model"]] if way == "model" else []
        baseline = f"no model (n {len(both)})" if both else ""
        fixed, restored, shown = (sum(r[key] for r in mine.values()) for key in ("fixed", "restored", "shown"))
        alone = sum(ways["no-model"][k]["fixed"] for k in both) / len(both) if both else None
        n = len(mine)
        note = "; ".join(filter(None, (self.remark(kit, mine), self.left_out(ways[way]), self.broken_promises(ways))))
        return [
            Figure(f"{self.title}, {self.judged}", self.of_set, n, fixed / n, *wilson(fixed, n), baseline=baseline,
                   baseline_value=alone, good=self.good, excellent=self.excellent, note=note),
            *(Figure(f"{self.title}, {words}", self.of_set, n, hits / n, *wilson(hits, n), baseline=baseline,
                     baseline_value=sum(ways["no-model"][k][key] for k in both) / len(both) if both else None)
              for key, words, hits in (("restored", "as published", restored), ("shown", "as published, or shown beside", shown))),
        ]

    def remark(self, kit: Kit, mine: dict[str, dict[str, Any]]) -> str:
        fixed = [r for r in mine.values() if r["fixed"]]
        text = f"{kit.half} half; " if kit.half != "both" else ""
        text += f"at most {kit.budget} runs of the check and {kit.timeout} s"
        if fixed:
            text += (f"; of the fixed, median {statistics.median(r['checks'] for r in fixed):g} runs and "
                     f"{statistics.median(r['seconds'] for r in fixed):.0f} s")
        return text

    @staticmethod
    def left_out(results: dict[str, dict[str, Any]]) -> str:
        reasons = Counter(r["unusable"] for r in results.values() if r.get("unusable"))
        return "; ".join(f"{count} left out: {why}" for why, count in sorted(reasons.items()))

    @staticmethod
    def broken_promises(ways: dict[str, dict[str, dict[str, Any]]]) -> str:
        broken = sorted(f"{key} ({way}): {problem}" for way, results in ways.items() for key, r in results.items()
                        for problem in r.get("problems", []))
        return "PROMISES BROKEN: " + ", ".join(broken) if broken else ""


class QuixBugs(Repairs):
    name, title, of_set = "quixbugs", "repair", "QuixBugs Python"

    def missing(self, kit: Kit) -> list[str]:
        return sets.QUIXBUGS.missing(kit.sets) + pytest_missing()

    def tasks(self, kit: Kit) -> list[RepairTask]:
        return [quixbugs_task(kit, name) for name in self.chosen(kit, sets.quixbugs_names(kit.sets), 40)]


def pytest_missing() -> list[str]:
    found = shutil.which("python3") is not None and shutil.which("pytest") is not None
    return [] if found else ["python3 with pytest is not in PATH. Get it: apt-get install python3-pytest"]


def quixbugs_task(kit: Kit, name: str) -> RepairTask:
    """The program, its test and what the test loads. Known as slow and skipped by the set itself: one case each of two programs."""
    folder = kit.sets / "quixbugs"
    paths = [f"python_programs/{name}.py", f"python_testcases/test_{name}.py", "python_testcases/load_testdata.py", "conftest.py"]
    paths += [p for p in (f"json_testcases/{name}.json", "python_testcases/node.py") if (folder / p).is_file()]
    program = f"python_programs/{name}.py"
    return RepairTask(
        key=name,
        broken={path: (folder / path).read_text() for path in paths},
        correct={program: (folder / "correct_python_programs" / f"{name}.py").read_text()},
        # The machine's own pytest plugins are left out: they can cost more than the tests.
        check=f"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 python3 -m pytest -q -p no:cacheprovider python_testcases/test_{name}.py",
        protected=("python_testcases/", "json_testcases/", "conftest.py"),
        check_seconds=4,  # several programs loop for ever; the others' tests take below a second
    )


class PackFix(Repairs):
    """HumanEvalPack: the buggy solution of each of 164 problems in one language."""

    title = "repair"

    def __init__(self, language: str, tools: tuple[str, ...], usual: int) -> None:
        self.language, self.tools, self.usual = language, tools, usual
        self.name, self.of_set = f"humanevalfix-{language}", f"HumanEvalPack {language}"
        if language == "python":
            self.good, self.excellent = 0.28, 0.40

    def missing(self, kit: Kit) -> list[str]:
        absent = [tool for tool in self.tools if shutil.which(tool) is None]
        return sets.HUMANEVALPACK.missing(kit.sets) + [f"{tool} is not in PATH: install the language's toolchain" for tool in absent]

    def tasks(self, kit: Kit) -> list[RepairTask]:
        rows = self.chosen(kit, sets.humanevalpack(kit.sets, self.language), self.usual)
        return [pack_task(row, self.language) for row in rows]


# Each language's file of the program, file of the tests, and check. The docstring's examples come with the program.
def pack_task(row: dict[str, Any], language: str) -> RepairTask:
    name, solution = row["task_id"].replace("/", "-"), "canonical_solution"
    broken, correct = row["prompt"] + row["buggy_solution"], row["prompt"] + row[solution]
    files, program, check, seconds = LAYOUTS[language](row, broken)
    correct_files = LAYOUTS[language](row, correct)[0]
    return RepairTask(
        key=name,
        broken=files,
        correct={program: correct_files[program]},
        check=check,
        protected=tuple(path for path in files if path != program),
        check_seconds=seconds,
        kind=str(row.get("bug_type", "")),
    )


def _python(row: dict[str, Any], program: str) -> tuple[dict[str, str], str, str, int]:
    test = f"from solution import *\nfrom solution import {row['entry_point']}\n\n{row['test']}"
    return {"solution.py": program, "test_solution.py": test}, "solution.py", "python3 test_solution.py", 5


# console.assert only prints: the test runs with one that throws.
_JS_ASSERT = "console.assert = (fine, ...rest) => { if (!fine) throw new Error('assertion failed ' + rest.join(' ')) }\n"


def _js(row: dict[str, Any], program: str) -> tuple[dict[str, str], str, str, int]:
    # Some tests call helpers of the solution beside its entry point: all that the file declares at its start of line goes out.
    names = sorted({line.split()[1].split("(")[0] for line in program.splitlines() if line.startswith(("const ", "function ", "let "))
                    and len(line.split()) > 1} | {row["entry_point"]})
    names = [n for n in names if n.isidentifier()]
    # Some of these stand in the function without an indent: such a name is unknown out here.
    exported = "".join(f"try {{ exports.{n} = {n} }} catch (unknown) {{}}\n" for n in names)
    solution = f"{program.rstrip()}\n\n{exported}"
    test = f"const {{ {', '.join(names)} }} = require('./solution')\n{_JS_ASSERT}\n{row['test']}"
    return {"solution.js": solution, "solution_test.js": test}, "solution.js", "node solution_test.js", 5


def _cpp(row: dict[str, Any], program: str) -> tuple[dict[str, str], str, str, int]:
    check = "g++ -std=c++17 -g -O0 -o solution_test solution_test.cc && ./solution_test"
    # The declarations in a test may come first where a test brings includes: the program is included as it is.
    head = row["declaration"].rsplit("\n", 2)[0] + "\n"
    return {"solution.cc": program, "solution_test.cc": f"{head}#include \"solution.cc\"\n{row['test']}"}, "solution.cc", check, 20


def _go(row: dict[str, Any], program: str) -> tuple[dict[str, str], str, str, int]:
    program = "package solution\n\n" + program
    test = go_test(row)
    return {"go.mod": "module solution\n\ngo 1.18\n", "solution.go": program, "solution_test.go": test}, "solution.go", "go test ./...", 30


def go_test(row: dict[str, Any]) -> str:
    """The published tests use testify's assert.Equal; a few lines stand for it, so that no module has to be downloaded."""
    head = "package solution\n\nimport (\n\t\"reflect\"\n\t\"testing\"\n)\n\n"
    shim = ("type equal struct{ t *testing.T }\n\nfunc (e equal) Equal(want, got interface{}) {\n\te.t.Helper()\n"
            "\tif !reflect.DeepEqual(want, got) {\n\t\te.t.Errorf(\"want %v, got %v\", want, got)\n\t}\n}\n\n")
    return head + shim + row["test"].replace("assert := assert.New(t)", "assert := equal{t}")


def _rust(row: dict[str, Any], program: str) -> tuple[dict[str, str], str, str, int]:
    unused = ("use rand::Rng;", "use regex::Regex;", "use md5;", "ascii::AsciiExt")  # crates that a machine may lack
    for line in unused[:3]:
        program = program.replace(line + "\n", "")
    program = program.replace(", " + unused[3], "")
    check = "rustc --edition 2021 -A warnings --test -o solution_test solution_test.rs && ./solution_test -q"
    test = "include!(\"solution.rs\");\n" + row["test"]
    return {"solution.rs": program, "solution_test.rs": test}, "solution.rs", check, 30


def _java(row: dict[str, Any], program: str) -> tuple[dict[str, str], str, str, int]:
    imports = "import java.util.*;\nimport java.lang.*;\n"
    main = "\n".join(line for line in row["test"].splitlines() if not line.startswith("import "))
    # Where a Java project has its tests: a Main.java beside the program could as well be the program.
    check = "javac -nowarn -d classes Solution.java test/Main.java && java -cp classes Main"
    extra = "".join(line + "\n" for line in row["prompt"].splitlines() if line.startswith("import ") and line + "\n" not in imports)
    return {"Solution.java": program, "test/Main.java": imports + extra + main}, "Solution.java", check, 30


LAYOUTS = {"python": _python, "js": _js, "cpp": _cpp, "go": _go, "rust": _rust, "java": _java}
