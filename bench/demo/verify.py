#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prove the bug collection: the clean program passes, each bug applies and makes its check fail.

    verify.py [--language python|cpp] [--only NAME]... [--every N]

Exit code 0 when all of that holds, 1 when something does not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from collection import CHECKS, Bug, apply_patch, copy_program, load_bugs, run_shell, tail

BUILD_SECONDS = 600  # a first build on a busy machine
CHECK_SECONDS = 120


def verify_clean(folder: Path, language: str) -> str:
    outcome = run_shell(CHECKS[language], folder, BUILD_SECONDS)
    if outcome.code == 0:
        return ""
    return f"the clean program does not pass:\n{tail(outcome.output, 20)}"


def verify_bug(folder: Path, bug: Bug) -> str:
    """Empty, or what is wrong with the bug. The folder is clean again afterwards."""
    wrong = apply_patch(folder, bug.patch)
    if wrong:
        return f"the patch does not apply: {wrong}"
    outcome = run_shell(bug.check, folder, CHECK_SECONDS)
    wrong = apply_patch(folder, bug.patch, reverse=True)
    if wrong:
        return f"the patch cannot be taken back: {wrong}"
    if outcome.code == 0:
        return f"'{bug.check}' passes in spite of the bug"
    if outcome.code is None:
        return f"'{bug.check}' has no end of its own; let it stop itself with timeout(1)"
    return ""


def verify_files(bugs: list[Bug]) -> list[str]:
    """Every patch has its entry; names are unique."""
    names = [bug.name for bug in bugs]
    problems = [f"{name}: listed twice" for name in set(names) if names.count(name) > 1]
    on_disk = {path.stem for path in bugs[0].patch.parent.glob("*.patch")}
    problems += [f"{name}: no entry in bugs.json" for name in sorted(on_disk - set(names))]
    problems += [f"{name}: no patch file" for name in sorted(set(names) - on_disk)]
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--language", choices=sorted(CHECKS))
    parser.add_argument("--only", action="append", metavar="NAME")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each N-th bug")
    args = parser.parse_args()

    problems = verify_files(load_bugs())
    bugs = load_bugs(args.only, args.language)[:: max(args.every, 1)]
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="graft-demo-") as scratch:
        for language in sorted({bug.language for bug in bugs}):
            folder = Path(scratch, language)
            copy_program(folder)
            print(f"{language}: clean program ... ", end="", flush=True)
            wrong = verify_clean(folder, language)
            print(wrong or "passes", flush=True)
            if wrong:
                problems.append(f"{language}: {wrong}")
                continue
            for bug in (bug for bug in bugs if bug.language == language):
                wrong = verify_bug(folder, bug)
                print(f"  {bug.name}: {wrong or 'fails its check'}", flush=True)
                if wrong:
                    problems.append(f"{bug.name}: {wrong}")
            wrong = verify_clean(folder, language)
            if wrong:
                problems.append(f"{language}: after all bugs were taken back, {wrong}")

    for problem in problems:
        print(problem, file=sys.stderr)
    verdict = f"{len(problems)} problems" if problems else "all as described"
    print(f"{len(bugs)} bugs in {time.monotonic() - start:.0f} s: {verdict}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
