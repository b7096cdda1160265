#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Let `graft fix` repair every bug of the collection, and count.

    run.py [--graft PATH] [--variant both|model|no-model] [--only NAME]... [--language python|cpp]
           [--budget 60] [--timeout 120] [--jobs 1] [--json FILE]

A bug counts as fixed only after a check of our own: the patch that graft returned applies with
`git apply` to a second copy, the check passes there outside of graft, no test was edited, and the
work tree that graft was given is unchanged, byte for byte. Exit code 0 when the benchmark ran.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path

from collection import (
    CHECKS,
    HERE,
    Bug,
    apply_patch,
    copy_program,
    git,
    load_bugs,
    run_shell,
)
from proof import run_graft, snapshot

BUILD_SECONDS = 600
VERIFY_SECONDS = 300
GRACE_SECONDS = 30  # beyond --timeout before graft is killed and counted as failed


@dataclass
class Result:
    """What came of one bug in one variant."""

    bug: str
    language: str
    kind: str
    variant: str  # "model" or "no-model"
    with_git: bool
    fixed: bool = False
    restored: bool = False  # the repaired file equals the one before the bug, byte for byte
    status: str = ""  # what graft said: "verified", "none", or our word for how it failed
    problems: list[str] = field(default_factory=list)  # broken promises; empty for an honest "none"
    proposer: str = ""
    candidates: int = 0
    checks: int = 0
    seconds: float = 0.0
    patch: str = ""


def find_graft() -> Path | None:
    root = HERE.parent.parent
    for preset in ("release", "dev"):
        binary = root / "build" / preset / "graft"
        if binary.exists():
            return binary
    found = shutil.which("graft")
    return Path(found) if found else None


def make_scratch(folder: Path, template: Path, bug: Bug, with_git: bool) -> None:
    """The program with the bug in it. The history, where there is one, knows only that state."""
    shutil.copytree(template, folder)  # keeps file times, so that the template's objects stay valid
    wrong = apply_patch(folder, bug.patch)
    if wrong:
        sys.exit(f"{bug.name}: the patch does not apply: {wrong}")
    if not with_git:
        return
    identity = ("-c", "user.name=demo", "-c", "user.email=demo@example.invalid")
    steps = (
        ("init", "-q", "-b", "main"),
        ("add", "-A"),
        (*identity, "commit", "-q", "-m", "State of the work"),
    )
    for arguments in steps:
        result = git(folder, *arguments)
        if result.returncode != 0:
            sys.exit(f"git {arguments[0]} failed in {folder}: {result.stderr.strip()}")


def judge(result: Result, bug: Bug, scratch: Path, template: Path, patch: str) -> None:
    """Apply the returned patch to a fresh copy of the buggy program and run the check there."""
    copy = scratch.with_name(scratch.name + "-judged")
    make_scratch(copy, template, bug, with_git=False)
    patch_file = scratch.with_name(scratch.name + ".patch")
    patch_file.write_text(patch)
    wrong = apply_patch(copy, patch_file)
    if wrong:
        result.problems.append(f"the patch does not apply: {wrong.splitlines()[0]}")
        return
    clean, repaired = snapshot(template), snapshot(copy)
    changed = sorted(name for name in clean | repaired if clean.get(name) != repaired.get(name))
    if any(name.startswith("tests/") for name in changed):
        result.problems.append("the patch edits the tests")
        return
    outcome = run_shell(bug.check, copy, VERIFY_SECONDS)
    if outcome.code != 0:
        result.problems.append("the check fails with the patch")
        return
    result.fixed = True
    result.restored = not changed
    shutil.rmtree(copy)


def repair(
    bug: Bug, variant: str, with_git: bool, folder: Path, template: Path, args: argparse.Namespace
) -> Result:
    result = Result(bug.name, bug.language, bug.kind, variant, with_git)
    scratch = folder / f"{bug.name}-{variant}"
    make_scratch(scratch, template, bug, with_git)
    before = snapshot(scratch)

    command = [str(args.graft), "fix", "--check", bug.check, "-C", str(scratch), "--json"]
    if args.jobs > 1:  # they share the cores already
        command += ["--jobs", "1"]
    command += ["--budget", str(args.budget), "--timeout", str(args.timeout)]
    if variant == "no-model":
        command.append("--no-model")
    elif args.model:
        command += ["--model", args.model]
    start = time.monotonic()
    code, out, err = run_graft(command, args.timeout + GRACE_SECONDS)
    result.seconds = time.monotonic() - start

    if snapshot(scratch) != before:
        result.problems.append("the work tree was changed")
    if code is None:
        result.status = "killed"
        result.problems.append(f"still running {GRACE_SECONDS} s after its time limit")
        return result
    try:
        report = json.loads(out)
    except ValueError:
        result.status = f"exit {code}"
        last = err.strip().splitlines()[-1:] or ["nothing on stderr"]
        result.problems.append(f"no JSON on stdout: {last[0]}")
        return result

    result.status = str(report.get("status", report.get("error", "no status")))
    result.candidates = int(report.get("candidates", 0))
    result.checks = int(report.get("checks", 0))
    result.patch = report.get("patch") or ""
    evidence = report.get("evidence")
    result.proposer = str(
        report.get("proposer") or (evidence.get("proposer") if isinstance(evidence, dict) else "") or ""
    )
    if (result.status == "verified") != (code == 0):
        result.problems.append(f"status {result.status} with exit code {code}")
    if result.checks > args.budget:
        result.problems.append(f"{result.checks} checks are over the budget")
    if result.status == "verified" and not result.problems:
        judge(result, bug, scratch, template, result.patch)
    shutil.rmtree(scratch)
    return result


def build_templates(folder: Path, languages: set[str]) -> dict[str, Path]:
    """The clean program once for each language, built as a developer at work would have it."""
    templates = {}
    for language in sorted(languages):
        template = folder / f"clean-{language}"
        copy_program(template)
        print(f"{language}: building and checking the clean program", file=sys.stderr, flush=True)
        outcome = run_shell(CHECKS[language], template, BUILD_SECONDS)
        if outcome.code != 0:
            sys.exit(f"{language}: the clean program does not pass:\n{outcome.output[-2000:]}")
        templates[language] = template
    return templates


def table(rows: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in rows
    )


def summary_row(first: str, second: str, results: list[Result]) -> list[str]:
    fixed = [result for result in results if result.fixed]
    checks = f"{statistics.median(result.checks for result in fixed):g}" if fixed else "-"
    seconds = f"{statistics.median(result.seconds for result in fixed):.1f}" if fixed else "-"
    restored = str(sum(result.restored for result in fixed))
    total = f"{sum(result.seconds for result in results):.0f}"
    return [first, second, f"{len(fixed)}/{len(results)}", restored, checks, seconds, total]


def report_text(results: list[Result]) -> str:
    """Per language and kind; then who proposed the fixes; then every promise that was broken."""
    parts = []
    for variant in sorted({result.variant for result in results}):
        mine = [result for result in results if result.variant == variant]
        rows = [["language", "kind", "fixed", "restored", "checks", "seconds", "all seconds"]]
        for language in sorted({result.language for result in mine}):
            of_language = [result for result in mine if result.language == language]
            for kind in sorted({result.kind for result in of_language}):
                of_kind = [result for result in of_language if result.kind == kind]
                rows.append(summary_row(language, kind, of_kind))
            rows.append(summary_row(language, "(all)", of_language))
        rows.append(summary_row("all", "(all)", mine))
        parts.append(f"== {variant}\n{table(rows)}")

        winners: dict[str, int] = {}
        for result in mine:
            if result.fixed:
                name = result.proposer or "(not said)"
                winners[name] = winners.get(name, 0) + 1
        ordered = sorted(winners.items(), key=lambda item: (-item[1], item[0]))
        parts.append("fixed by: " + (", ".join(f"{name} {n}" for name, n in ordered) or "nobody"))

    broken = [f"{r.bug} ({r.variant}): {problem}" for r in results for problem in r.problems]
    if broken:
        parts.append("promises broken:\n" + "\n".join("  " + line for line in broken))
    note = "checks and seconds: medians of the fixed ones; restored: byte for byte as before the bug"
    return "\n\n".join([*parts, note])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graft", type=Path, default=find_graft(), help="the binary to measure")
    parser.add_argument("--variant", choices=("both", "model", "no-model"), default="both")
    parser.add_argument("--model", help="passed on to graft; default: its own default")
    parser.add_argument("--only", action="append", metavar="NAME")
    parser.add_argument("--language", choices=sorted(CHECKS))
    parser.add_argument("--budget", type=int, default=60, help="checks for each bug")
    parser.add_argument("--timeout", type=int, default=120, help="seconds for each bug")
    parser.add_argument("--jobs", type=int, default=1, help="more than 1 makes the times unfair")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all results there")
    args = parser.parse_args()
    if args.graft is None or not args.graft.exists():
        sys.exit("No graft binary: build it with ./scripts/build, or name one with --graft.")

    variants = ("model", "no-model") if args.variant == "both" else (args.variant,)
    bugs = load_bugs(args.only, args.language)
    all_names = [bug.name for bug in load_bugs()]  # so that --only keeps who gets a repository
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="graft-demo-") as temporary:
        folder = Path(temporary)
        templates = build_templates(folder, {bug.language for bug in bugs})
        jobs = [(bug, variant) for variant in variants for bug in bugs]
        pool = ThreadPoolExecutor(max_workers=max(args.jobs, 1))
        try:
            futures = [
                pool.submit(
                    repair, bug, variant, all_names.index(bug.name) % 2 == 0, folder,
                    templates[bug.language], args,
                )
                for bug, variant in jobs
            ]
            for done in as_completed(futures):
                result = done.result()
                results.append(result)
                verdict = "fixed" if result.fixed else result.status
                trouble = "; ".join(result.problems)
                print(
                    f"[{len(results)}/{len(jobs)}] {result.bug} ({result.variant}): {verdict}, "
                    f"{result.checks} checks, {result.seconds:.1f} s"
                    + (f", {result.proposer}" if result.fixed else "")
                    + (f" !! {trouble}" if trouble else ""),
                    file=sys.stderr,
                    flush=True,
                )
        except KeyboardInterrupt:
            print("interrupted: what follows is not the whole collection", file=sys.stderr)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    if results:
        print(report_text(results))
    if args.json:
        document = {
            "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
            "budget": args.budget,
            "timeout_s": args.timeout,
            "results": [asdict(result) for result in results],
        }
        args.json.write_text(json.dumps(document, indent=1) + "\n")
    return 0 if len(results) == len(bugs) * len(variants) else 130


if __name__ == "__main__":
    sys.exit(main())
