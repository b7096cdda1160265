# SPDX-License-Identifier: Apache-2.0
"""One broken program, `graft fix`, and a judge of our own.

A program counts as repaired only if the returned patch applies with `git apply` to a second copy, the check passes there outside of
graft, no protected file was edited, and the folder that graft was given is unchanged, byte for byte.
"""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measure import Kit
from collection import apply_patch, run_shell  # of bench/demo
from proof import run_graft, snapshot

GRACE_SECONDS = 30  # beyond --timeout before graft is killed


@dataclass
class RepairTask:
    """`broken` and `correct` map paths to texts; `correct` has only the files that differ.

    A whole project is laid out by `lay_out` instead, and `broken` is empty. What is a stranger's is `sandboxed`: its check runs
    nowhere else.
    """

    key: str
    broken: dict[str, str]
    correct: dict[str, str]
    check: str
    protected: tuple[str, ...] = ()  # path prefixes that a patch may not touch
    check_seconds: int = 5
    kind: str = ""
    extra: dict[str, Any] = field(default_factory=dict)
    lay_out: Callable[[Path], None] | None = None
    sandboxed: bool = False

    def put(self, folder: Path) -> None:
        if self.lay_out is not None:
            self.lay_out(folder)
        write_files(folder, self.broken)


def write_files(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def exit_code(kit: Kit, task: RepairTask, folder: Path) -> int | None:
    """Of the task's check; None where it did not end."""
    seconds = 4 * task.check_seconds
    if not task.sandboxed:
        return run_shell(task.check, folder, seconds).code
    command = [str(kit.graft), "sandbox", "run", "--json", "-C", str(folder), "--timeout", str(seconds), "--", "sh", "-c", task.check]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        outcome = json.loads(done.stdout)
        return int(outcome["exit_code"]) if outcome["ending"] == "exited" else None
    except (ValueError, KeyError, TypeError):
        raise RuntimeError(f"graft sandbox run: {(done.stderr or done.stdout).strip()[-300:]}") from None


def usable(task: RepairTask, kit: Kit) -> str:
    """Empty, or why this task says nothing here: its correct program fails. That the broken one fails is for graft to find out."""
    folder = Path(tempfile.mkdtemp(prefix="usable-", dir=kit.scratch))
    task.put(folder)
    write_files(folder, task.correct)
    code = exit_code(kit, task, folder)
    shutil.rmtree(folder, ignore_errors=True)
    return "" if code == 0 else "the correct program fails its check here"


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
    """-> {"fixed", "restored", "shown", "status", "checks", "candidates", "seconds", "proposer", "problems", "patch"}

    `shown`: the published repair is the patch, or one of the other changes that graft shows beside it.
    """
    folder = Path(tempfile.mkdtemp(prefix="repair-", dir=kit.scratch))
    try:
        return _repair(kit, task, with_model, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _repair(kit: Kit, task: RepairTask, with_model: bool, folder: Path) -> dict[str, Any]:
    work = folder / "work"
    work.mkdir()
    task.put(work)
    before = snapshot(work)
    result: dict[str, Any] = {"fixed": False, "restored": False, "shown": False, "status": "", "checks": 0, "candidates": 0, "proposer": "", "problems": []}
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
        judge(kit, task, folder, result)
        patches = [other.get("patch", "") for other in report.get("alternatives", [])]
        result["shown"] = result["fixed"] and (result["restored"] or any(restores(task, folder / f"shown-{i}", patch) for i, patch in enumerate(patches)))
    return result


def restores(task: RepairTask, folder: Path, patch: str) -> bool:
    """Whether a patch leads to the published program."""
    copy = folder / "copy"
    copy.mkdir(parents=True)
    task.put(copy)
    (folder / "patch").write_text(patch)
    return not apply_patch(copy, folder / "patch") and is_published(task, copy)


def is_published(task: RepairTask, folder: Path) -> bool:
    return all(same_program(name, _text(folder / name), text) for name, text in task.correct.items())


def judge(kit: Kit, task: RepairTask, folder: Path, result: dict[str, Any]) -> None:
    copy = folder / "judged"
    copy.mkdir()
    task.put(copy)
    before = snapshot(copy)
    patch = folder / "returned.patch"
    patch.write_text(result["patch"])
    wrong = apply_patch(copy, patch)
    if wrong:
        result["problems"].append(f"the patch does not apply: {wrong.splitlines()[0]}")
        return
    after = snapshot(copy)
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    if task.protected and any(name.startswith(task.protected) for name in changed):
        result["problems"].append("the patch edits the tests")
        return
    # What else is changed equals no publication.
    others = [name for name in changed if name not in task.correct and after.get(name) != "folder"]
    result["restored"] = not others and is_published(task, copy)
    if exit_code(kit, task, copy) != 0:
        result["problems"].append("the check fails with the patch")
        return
    result["fixed"] = True


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.is_file() else ""
