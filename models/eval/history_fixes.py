# SPDX-License-Identifier: Apache-2.0
"""Bugs of real projects (histories.py), repaired by `graft fix` with the tests of their own corrections as the judge.

Two checks, as a person would type them: the changed files of tests alone, and the whole suite. The first half is that of the bugs whose
key has an even hash, whatever else is in the list: it may grow without a bug changing sides.
"""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

import sets
from histories import Bug, check_of, git, git_folder, lay_out, read_list
from measure import Kit, sampled
from repair_task import RepairTask
from repairs import Repairs, pytest_missing


def is_first(key: str) -> bool:
    return hashlib.sha256(key.encode()).digest()[0] % 2 == 0


class HistoryFixes(Repairs):
    title = "repair"

    def __init__(self, whole: bool) -> None:
        self.whole = whole
        self.name = "history-fixes-whole" if whole else "history-fixes"
        self.of_set = f"small corrections of real projects, {'the whole suite' if whole else 'the changed tests'} as the check"

    def missing(self, kit: Kit) -> list[str]:
        return sets.histories_missing(kit.sets, {bug.repository for bug in read_list()}) + pytest_missing()

    def tasks(self, kit: Kit) -> list[RepairTask]:
        there = [bug for bug in read_list() if git_folder(kit.sets, bug.repository).is_dir() and (bug.whole or not self.whole)]
        if kit.half != "both":
            there = [bug for bug in there if is_first(bug.key) == (kit.half == "first")]
        return [bug_task(kit, bug, self.whole) for bug in sampled(there, len(there), kit.seed)[: kit.counted(len(there))]]


def bug_task(kit: Kit, bug: Bug, whole: bool) -> RepairTask:
    correct = git(git_folder(kit.sets, bug.repository), "show", f"{bug.commit}:{bug.source}").decode(errors="replace")
    return RepairTask(
        key=bug.key,
        broken={},
        correct={bug.source: correct},
        check=check_of(kit.sets, bug, whole),
        protected=bug.tests,
        check_seconds=60 if whole else 20,
        lay_out=partial(put, kit.sets, bug),
        sandboxed=True,
    )


def put(sets_folder: Path, bug: Bug, folder: Path) -> None:
    lay_out(sets_folder, bug, folder, True)
