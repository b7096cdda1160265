#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes histories.tsv: looks through git directories for small corrections whose tests fail without them and pass with them here.

    mine_histories.py --graft build/release/graft --sets DIR --out histories.tsv [--each N] [--seconds S]

Every run is one of `graft sandbox run`: the code is a stranger's. From each repository the newest N that work are taken, in turns.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from histories import Bug, check_of, git_folder, lay_out, small_corrections, write_list

FILE_SECONDS, WHOLE_SECONDS = 20, 60


def passes(graft: Path, folder: Path, check: str, seconds: int) -> bool | None:
    """None: no tests ran to an answer (nothing collected, time out, no sandbox)."""
    command = [str(graft), "sandbox", "run", "--json", "-C", str(folder), "--timeout", str(seconds), "--", "sh", "-c", check]
    try:
        outcome = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    except ValueError:
        return None
    if outcome.get("ending") != "exited" or outcome.get("exit_code") not in (0, 1):
        return None
    return outcome["exit_code"] == 0


def worked_out(graft: Path, sets: Path, bug: Bug, scratch: Path) -> Bug | None:
    correct, broken = scratch / "correct", scratch / "broken"
    for folder, is_broken in ((correct, False), (broken, True)):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            lay_out(sets, bug, folder, is_broken)
        except subprocess.CalledProcessError:  # the file is new in this commit
            return None
    check = check_of(sets, bug, False)
    if passes(graft, correct, check, FILE_SECONDS) is not True or passes(graft, broken, check, FILE_SECONDS) is not False:
        return None
    return replace(bug, whole=passes(graft, correct, check_of(sets, bug, True), WHOLE_SECONDS) is True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graft", type=Path, required=True)
    parser.add_argument("--sets", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--each", type=int, default=8, help="bugs of one repository")
    parser.add_argument("--tries", type=int, default=60, help="commits looked at in one repository")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    args = parser.parse_args()
    queues = {}
    for path in sorted((args.sets / "histories").glob("*.git")):
        repository = path.stem.replace("+", "/", 1)
        queues[repository] = small_corrections(git_folder(args.sets, repository), repository)[: args.tries]
        print(f"{repository}: {len(queues[repository])} small corrections", file=sys.stderr)
    found: dict[str, list[Bug]] = {repository: [] for repository in queues}
    deadline = time.monotonic() + args.seconds
    with tempfile.TemporaryDirectory() as scratch:
        while any(queues.values()) and time.monotonic() < deadline:
            for repository, queue in queues.items():
                if not queue or len(found[repository]) >= args.each:
                    queue.clear()
                    continue
                bug = worked_out(args.graft, args.sets, queue.pop(0), Path(scratch))
                if bug is None:
                    continue
                found[repository].append(bug)
                print(bug.key, bug.source, *bug.tests, "whole" if bug.whole else "", file=sys.stderr, flush=True)
                write_list([b for bugs in found.values() for b in bugs], args.out)


if __name__ == "__main__":
    main()
