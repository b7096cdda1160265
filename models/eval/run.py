#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Evaluate the built program and its model, each figure beside a baseline; prints one table. See docs/evaluation.md.

    run.py --graft build/release/graft [--sets DIR] [--only NAME]... [--count N] [--json FILE] [--resume FILE] [--seconds S]

What is missing (a set, a toolchain) is said, with how to get it, and takes a row of the table; nothing is downloaded. Exit code 0
when the table was printed, 1 when a measure failed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from measure import ROOT, Figure, Kit, Measure, Results, digest, run_items, say  # first: says where modules of other folders are

import bits
import compile_errors
import completions
import damaged_programs
import history_fixes
import infilling
import overlap
import ranks
import repairs
import repeated_edits
import sets
import table
import trainer
import written_tests


def all_measures() -> list[Measure]:
    fixes = [
        repairs.QuixBugs(),
        repairs.PackFix("python", ("python3",), 164),
        repairs.PackFix("js", ("node",), 30),
        repairs.PackFix("cpp", ("g++",), 30),
        repairs.PackFix("go", ("go",), 30),
        repairs.PackFix("rust", ("rustc",), 30),
        repairs.PackFix("java", ("javac", "java"), 30),
    ]
    return [
        bits.Bits(),
        bits.Quantised(),
        trainer.TrainerLogits(),
        completions.RestOfLine(),
        completions.RestOfLineAround(),
        infilling.Infilling(),
        *fixes,
        *(ranks.Ranks(each) for each in fixes if isinstance(each, repairs.PackFix)),  # QuixBugs corrects comments as well
        history_fixes.HistoryFixes(False),
        history_fixes.HistoryFixes(True),
        damaged_programs.WrongLiterals(),
        damaged_programs.MissingChecks(),
        damaged_programs.MissingConversions(),
        damaged_programs.WrongOperators(),
        *(compile_errors.CompileErrors(suite, 40) for suite in compile_errors.SUITES),
        written_tests.WrittenTests(),
        repeated_edits.RepeatedEdits(),
        overlap.Overlap(),
    ]


def parse_arguments(names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graft", type=Path, default=ROOT / "build" / "release" / "graft", help="the program to evaluate")
    parser.add_argument("--model", type=Path, help="as graft takes it; default: the shipped one")
    parser.add_argument("--sets", type=Path, default=ROOT / "build" / "eval-sets", help="folder with the public sets; --list says how they get there")
    parser.add_argument("--only", action="append", nargs="+", choices=names, metavar="NAME", help="these measures: " + ", ".join(names))
    parser.add_argument("--count", type=int, help="items of each measure; default: each measure's own")
    parser.add_argument("--seed", type=int, default=1, help="of samples")
    parser.add_argument("--budget", type=int, default=60, help="runs of the check for each repair")
    parser.add_argument("--timeout", type=int, default=90, help="seconds for each repair")
    parser.add_argument("--half", choices=("first", "second", "both"), default="both",
                        help="of the repair tasks' fixed order: weights are chosen by the first, the second is reported")
    parser.add_argument("--ways", nargs="+", choices=("model", "no-model"), default=("model", "no-model"), help="repairs with, without the model")
    parser.add_argument("--jobs", type=int, default=1, help="items at a time; more make seconds unfair")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no item after so many seconds")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="keep every item's result there, and go on from it")
    parser.add_argument("--torch-python", default=sys.executable, help="a Python with torch, for the trainer's logits")
    parser.add_argument("--corpus", type=Path, help="train.jsonl of models/train/corpus.py, to look for overlap")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write figures and items there")
    parser.add_argument("--markdown", action="store_true", help="the table as Markdown")
    parser.add_argument("--list", action="store_true", help="only say what can run here, and what is missing")
    args = parser.parse_args()
    args.only = [name for group in args.only or [] for name in group]
    if not args.graft.is_file():
        sys.exit(f"{args.graft} is not there: build it with ./scripts/build, or name one with --graft.")
    args.graft, args.sets = args.graft.resolve(), args.sets.resolve()
    return args


def list_measures(measures: list[Measure], kit: Kit) -> None:
    for each in sets.ALL:
        print(f"{each.name} ({each.licence}): " + ("there" if each.here(kit.sets) else f"missing. {each.get.format(sets=kit.sets)}"))
    for measure in measures:
        print(f"{measure.name}: " + ("; ".join(measure.missing(kit)) or "can run"))


def evaluate(measures: list[Measure], kit: Kit, args: argparse.Namespace, results: Results) -> list[Figure]:
    figures, deadline = [], time.monotonic() + args.seconds
    for measure in measures:
        absent = measure.missing(kit)
        for sentence in absent:
            say(f"{measure.name}: {sentence}")
        if absent:
            figures.append(Figure(measure.title, getattr(measure, "of_set", ""), 0, None, note="not measured: " + absent[0].split(". Get it")[0]))
            continue
        try:
            done = run_items(kit, measure, results, args.jobs, deadline)
        except RuntimeError as error:  # the program did not do what the measure asked of it
            say(f"{measure.name}: {error}")
            figures.append(Figure(measure.title, getattr(measure, "of_set", ""), 0, None, note=f"FAILED: {error}"))
            continue
        if done:
            figures += measure.figures(kit, done)
        else:
            figures.append(Figure(measure.title, getattr(measure, "of_set", ""), 0, None, note="not measured: no item was run"))
    return figures


def main() -> int:
    measures = all_measures()
    args = parse_arguments([m.name for m in measures])
    measures = [m for m in measures if not args.only or m.name in args.only]
    with tempfile.TemporaryDirectory(prefix="graft-eval-") as scratch:
        kit = Kit(args.graft, args.sets, Path(scratch), args.model, args.count, args.seed, args.torch_python, args.corpus, args.budget, args.timeout,
                  args.half, tuple(args.ways))
        if args.list:
            list_measures(measures, kit)
            return 0
        results = Results(args.resume, kit)
        figures = evaluate(measures, kit, args, results)
    print(table.markdown(figures) if args.markdown else table.text(figures))
    if args.json:
        version = subprocess.run([args.graft, "version"], capture_output=True, text=True, check=False).stdout.strip()
        document = {"graft": version, "graft_sha256": digest(args.graft), "model_sha256": digest(kit.model_file()),
                    "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores", "seed": args.seed,
                    "figures": [asdict(f) for f in figures], "items": results.by_measure}
        args.json.write_text(json.dumps(document, indent=1) + "\n")
    return 1 if any(f.note.startswith("FAILED") for f in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
