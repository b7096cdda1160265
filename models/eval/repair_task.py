# SPDX-License-Identifier: Apache-2.0
"""One broken program, `graft fix`, and a judge of our own.

A program counts as repaired only if the returned patch applies with `git apply` to a second copy, the check passes there outside of
graft, no protected file was edited, and the folder that graft was given is unchanged, byte for byte.
"""

from __future__ import annotations

import ast
import json
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measure import Kit
from collection import apply_patch, run_shell  # of bench/demo
from proof import run_graft, snapshot

GRACE_SECONDS = 30  # beyond --timeout before graft is killed


@dataclass
class RepairTask:
    """`broken` and `correct` map paths to texts; `correct` has only the files that differ."""

    key: str
    broken: dict[str, str]
    correct: dict[str, str]
    check: str
    protected: tuple[str, ...] = ()  # path prefixes that a patch may not touch
    check_seconds: int = 5
    kind: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


def write_files(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def usable(task: RepairTask, scratch: Path) -> str:
    """Empty, or why this task says nothing here: its correct program fails. That the broken one fails is for graft to find out."""
    folder = Path(tempfile.mkdtemp(prefix="usable-", dir=scratch))
    write_files(folder, {**task.broken, **task.correct})
    outcome = run_shell(task.check, folder, 4 * task.check_seconds)
    shutil.rmtree(folder, ignore_errors=True)
    return "" if outcome.code == 0 else "the correct program fails its check here"


def same_program(path: str, ours: str, theirs: str) -> bool:
    """Whether two texts say the same: to the byte, or, of Python, the same syntax tree without texts that stand for comments."""
    if ours == theirs or not path.endswith(".py"):
        return ours == theirs
    try:
        return _code(ours) == _code(theirs)
    except SyntaxError:
        return False


def _code(text: str) -> str:
    """QuixBugs' corrections leave out the texts below the broken programs, and say other ones."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        for field_name in ("body", "orelse", "finalbody"):
            statements = getattr(node, field_name, None)
            if isinstance(statements, list):
                kept = [s for s in statements if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant) and isinstance(s.value.value, str))]
                setattr(node, field_name, kept)
    return ast.dump(tree)


def fix_command(kit: Kit, task: RepairTask, folder: Path, with_model: bool) -> list[str]:
    command = [str(kit.graft), "fix", "--json", "-C", str(folder), "--check", task.check]
    command += ["--budget", str(kit.budget), "--timeout", str(kit.timeout), "--check-timeout", str(task.check_seconds)]
    return command + (kit.model_arguments() if with_model else ["--no-model"])


def repair(kit: Kit, task: RepairTask, with_model: bool) -> dict[str, Any]:
    """-> {"fixed", "restored", "status", "checks", "candidates", "seconds", "proposer", "problems", "patch"}"""
    folder = Path(tempfile.mkdtemp(prefix="repair-", dir=kit.scratch))
    try:
        return _repair(kit, task, with_model, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _repair(kit: Kit, task: RepairTask, with_model: bool, folder: Path) -> dict[str, Any]:
    work = folder / "work"
    work.mkdir()
    write_files(work, task.broken)
    before = snapshot(work)
    result: dict[str, Any] = {"fixed": False, "restored": False, "status": "", "checks": 0, "candidates": 0, "proposer": "", "problems": []}
    start = time.monotonic()
    code, out, err = run_graft(fix_command(kit, task, work, with_model), kit.timeout + GRACE_SECONDS)
    result["seconds"] = round(time.monotonic() - start, 2)
    if snapshot(work) != before:
        result["problems"].append("the work tree was changed")
    if code is None:
        return {**result, "status": "killed", "problems": [f"still running {GRACE_SECONDS} s after its time limit"]}
    try:
        report = json.loads(out)
    except ValueError:
        last = (err.strip().splitlines() or ["nothing on stderr"])[-1]
        return {**result, "status": f"exit {code}", "problems": [f"no JSON on stdout: {last}"]}
    result["status"] = str(report.get("status", report.get("error", "no status")))
    for key in ("checks", "candidates", "proposer", "patch"):
        result[key] = report.get(key) or result.get(key) or ""
    if result["status"] == "already_passes":
        return {"unusable": "the broken program passes its check"}
    if (result["status"] == "verified") != (code == 0):
        result["problems"].append(f"status {result['status']} with exit code {code}")
    if (result["checks"] or 0) > kit.budget:
        result["problems"].append(f"{result['checks']} checks are over the budget")
    if result["status"] == "verified" and not result["problems"]:
        judge(task, folder, result)
    return result


def judge(task: RepairTask, folder: Path, result: dict[str, Any]) -> None:
    copy = folder / "judged"
    copy.mkdir()
    write_files(copy, task.broken)
    patch = folder / "returned.patch"
    patch.write_text(result["patch"])
    wrong = apply_patch(copy, patch)
    if wrong:
        result["problems"].append(f"the patch does not apply: {wrong.splitlines()[0]}")
        return
    texts = {str(p.relative_to(copy)): p.read_text() for p in copy.rglob("*") if p.is_file()}
    changed = [name for name in texts if texts[name] != task.broken.get(name)] + [n for n in task.broken if n not in texts]
    if any(name.startswith(task.protected) for name in changed if task.protected):
        result["problems"].append("the patch edits the tests")
        return
    result["restored"] = all(same_program(name, texts.get(name, ""), text) for name, text in task.correct.items())
    if run_shell(task.check, copy, 4 * task.check_seconds).code != 0:
        result["problems"].append("the check fails with the patch")
        return
    result["fixed"] = True
