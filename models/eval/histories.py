# SPDX-License-Identifier: Apache-2.0
"""Real bugs out of the histories of real projects: commits that changed one to three lines of one source file, and its tests.

A bug is a commit of a project: its tree with the one source file as it was before is the broken program, the commit's own tests are
the check. histories.tsv names repositories, commits and paths, and nothing else of them; their text comes from bare git directories
that the user has, SETS/histories/OWNER+NAME.git.
"""

from __future__ import annotations

import csv
import io
import re
import shlex
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

LIST = Path(__file__).resolve().parent / "histories.tsv"
FIELDS = ("repository", "commit", "source", "tests", "whole")


@dataclass(frozen=True)
class Bug:
    repository: str  # owner/name
    commit: str  # the correction
    source: str  # the one file that it corrects
    tests: tuple[str, ...]  # files of tests that it changes
    whole: bool  # the project's whole suite passes with the correction

    @property
    def key(self) -> str:
        return f"{self.repository}@{self.commit[:10]}"


def read_list(path: Path = LIST) -> list[Bug]:
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    return [Bug(r["repository"], r["commit"], r["source"], tuple(r["tests"].split(" ")), r["whole"] == "yes") for r in rows]


def write_list(bugs: list[Bug], path: Path = LIST) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow(FIELDS)
        for bug in bugs:
            writer.writerow((bug.repository, bug.commit, bug.source, " ".join(bug.tests), "yes" if bug.whole else "no"))


def git_folder(sets: Path, repository: str) -> Path:
    return sets / "histories" / f"{repository.replace('/', '+')}.git"


def git(folder: Path, *arguments: str) -> bytes:
    command = ["git", f"--git-dir={folder}", *arguments]
    return subprocess.run(command, capture_output=True, check=True).stdout


def lay_out(sets: Path, bug: Bug, folder: Path, broken: bool) -> None:
    """The tree of the commit, without history, links and what points out of it."""
    repository = git_folder(sets, bug.repository)
    with tarfile.open(fileobj=io.BytesIO(git(repository, "archive", "--format=tar", bug.commit))) as archive:
        archive.extractall(folder, members=[m for m in archive.getmembers() if m.isfile() or m.isdir()], filter="data")
    if broken:
        (folder / bug.source).write_bytes(git(repository, "show", f"{bug.commit}^:{bug.source}"))


def check_of(sets: Path, bug: Bug, whole: bool) -> str:
    """What a person would type, in an environment where the project was not installed."""
    in_src = b"src" in git(git_folder(sets, bug.repository), "ls-tree", "--name-only", bug.commit).splitlines()
    paths = "src:." if in_src else "."
    tests = "" if whole else "".join(" " + shlex.quote(path) for path in bug.tests)
    # The machine's own pytest plugins are left out: they can cost more than the tests.
    return f"PYTHONPATH={paths} PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 python3 -m pytest -q -x -p no:cacheprovider{tests}"


# Paths of a project that are no part of its program, and those that are its tests.
_ASIDE = re.compile(r"(^|/)(setup|conf|conftest|noxfile|version|__version__|__about__|_version)\.py$|^(docs?|examples?|tools|scripts)/|bench")


def is_test(path: str) -> bool:
    *folders, name = path.split("/")
    return name.endswith(".py") and (name.startswith("test") or name.endswith("_test.py") or bool({"test", "tests"} & set(folders)))


def runs_as_test(path: str) -> bool:
    name = path.rsplit("/", 1)[-1]
    return is_test(path) and (name.startswith("test") or name.endswith("_test.py"))


def small_corrections(folder: Path, repository: str) -> list[Bug]:
    """Commits, newest first, that change one to three lines of one Python file of the program, and files of tests."""
    log = git(folder, "log", "--no-merges", "--numstat", "--no-renames", "--diff-filter=AM", "--format=%x00%H %P", "HEAD").decode(errors="replace")
    found = []
    for block in log.split("\0")[1:]:
        head, *lines = [line for line in block.split("\n") if line]
        files = [line.split("\t") for line in lines if line.count("\t") == 2]
        python = [f for f in files if f[2].endswith(".py")]
        sources = [f for f in python if not is_test(f[2])]
        tests = tuple(f[2] for f in python if runs_as_test(f[2]))
        if len(head.split()) != 2 or len(sources) != 1 or not tests or any(" " in path for path in tests):
            continue
        added, deleted, source = sources[0]
        if _ASIDE.search(source) or not 1 <= max(int(added), int(deleted)) <= 3:
            continue
        found.append(Bug(repository, head.split()[0], source, tests, False))
    return found
