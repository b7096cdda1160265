# SPDX-License-Identifier: Apache-2.0
"""The public sets: where they lie under --sets, how to get them, and loaders for the formats they are published in.

None of them is part of the project, and nothing here downloads. A loader checks what it reads: a set that is not as it was
published ends the run with a sentence that names file and line.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Set:
    """A set as it lies on disk; `probe` is a file that tells whether it is there."""

    name: str
    probe: str
    licence: str
    revision: str  # that the documented figures were measured on
    get: str  # shell lines; {sets} is the folder

    def here(self, sets: Path) -> bool:
        return (sets / self.probe).is_file()

    def missing(self, sets: Path) -> list[str]:
        if self.here(sets):
            return []
        return [f"{self.name} is not there ({sets / self.probe}). Get it: {self.get.format(sets=sets)}"]


QUIXBUGS = Set(
    "QuixBugs",
    "quixbugs/python_testcases/load_testdata.py",
    "MIT",
    "4257f44b0ff1181dedaedee6a447e133219fcebf",
    "git clone https://github.com/jkoppel/QuixBugs {sets}/quixbugs",
)
INFILLING = Set(
    "HumanEval-Infilling",
    "human-eval-infilling/data/HumanEval-SingleLineInfilling.jsonl.gz",
    "MIT",
    "88062ff9859c875d04db115b698ed4b0f0395170",
    "git clone https://github.com/openai/human-eval-infilling {sets}/human-eval-infilling",
)
HUMANEVALPACK = Set(
    "HumanEvalPack",
    "octopack/evaluation/create/humaneval-x/data/python/data/humanevalpack.jsonl",
    "MIT",
    "e17a8f6470264286bc6a52eb8263582083bf3bf6",
    "git clone https://github.com/bigcode-project/octopack {sets}/octopack",
)
THE_ALGORITHMS = Set(
    "TheAlgorithms/Python",
    "the-algorithms/DIRECTORY.md",
    "MIT",
    "f5988cc09713315817df6a7e327e258013a94440",
    "git clone https://github.com/TheAlgorithms/Python {sets}/the-algorithms",
)
HELD_OUT = Set(
    "held-out packages",
    "heldout/heldout_packages.jsonl",
    "of each package",
    "versions and hashes in models/TRAINING_DATA.tsv, role heldout",
    "cd models/train && grep heldout sources.tsv > {sets}/heldout.tsv && python3 fetch.py --sources {sets}/heldout.tsv --archives "
    "{sets}/archives && python3 corpus.py --sources {sets}/heldout.tsv --archives {sets}/archives --cap-mb 10 --out {sets}/heldout --manifest "
    "{sets}/heldout_manifest.tsv",
)
ALL = (QUIXBUGS, INFILLING, HUMANEVALPACK, THE_ALGORITHMS, HELD_OUT)

HISTORIES_GET = "git clone --mirror https://github.com/{repository} {sets}/histories/{folder}.git"


def histories_missing(sets: Path, repositories: set[str]) -> list[str]:
    """Empty where one of them is there: bugs of the others are left out."""
    if any((sets / "histories" / f"{name.replace('/', '+')}.git").is_dir() for name in repositories):
        return []
    example = sorted(repositories)[0]
    get = HISTORIES_GET.format(repository=example, sets=sets, folder=example.replace("/", "+"))
    return [f"No git directory of histories.tsv is in {sets / 'histories'}. Get it: {get}, likewise the others"]


PACK_LANGUAGES = ("python", "js", "cpp", "go", "rust", "java")
PACK_FIELDS = ("task_id", "prompt", "declaration", "canonical_solution", "buggy_solution", "test", "entry_point")
INFILLING_FIELDS = ("task_id", "entry_point", "prompt", "suffix", "canonical_solution", "test")


def read_json_lines(path: Path, fields: tuple[str, ...]) -> list[dict[str, Any]]:
    """Objects of a .jsonl or .jsonl.gz file, each with the named fields as text."""
    opener = gzip.open if path.suffix == ".gz" else open
    rows = []
    with opener(path, "rt", encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                sys.exit(f"{path}:{number}: no JSON: {error}")
            absent = [f for f in fields if not isinstance(row, dict) or not isinstance(row.get(f), str)]
            if absent:
                sys.exit(f"{path}:{number}: no text under {', '.join(absent)}")
            rows.append(row)
    return rows


def infilling(sets: Path) -> list[dict[str, Any]]:
    return read_json_lines(sets / INFILLING.probe, INFILLING_FIELDS)


def humanevalpack(sets: Path, language: str) -> list[dict[str, Any]]:
    path = sets / HUMANEVALPACK.probe.replace("/python/", f"/{language}/")
    if not path.is_file():
        sys.exit(f"{path} is not there. Get it: {HUMANEVALPACK.get.format(sets=sets)}")
    return read_json_lines(path, PACK_FIELDS)


def held_out(sets: Path) -> dict[str, list[dict[str, Any]]]:
    """{language: [{"package", "path", "lang", "text"}]} in the file's order."""
    files: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in read_json_lines(sets / HELD_OUT.probe, ("package", "path", "lang", "text")):
        files[row["lang"]].append(row)
    return dict(files)


def quixbugs_names(sets: Path) -> list[str]:
    """Programs with a test: `tests/test_NAME.py`, `python_programs/NAME.py` and a corrected one."""
    folder = sets / "quixbugs"
    names = [p.stem.removeprefix("test_") for p in sorted((folder / "python_testcases").glob("test_*.py"))]
    for name in names:
        for part in ("python_programs", "correct_python_programs"):
            if not (folder / part / f"{name}.py").is_file():
                sys.exit(f"{folder}: {part}/{name}.py is not there")
    return names
