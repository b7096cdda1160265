#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How often a completion is what the file really says: the rest of a line, cut at a random character, exact match.

    bench/completion/run.py --graft build/release/graft FILES.jsonl           one {"lang", "text"} a line (models/train/corpus.py)
    bench/completion/run.py --graft build/release/graft FOLDER                source files of a folder

The model sees the whole file around the cut, as an editor gives it, through `graft complete --batch`. A CSV row a language: places,
exact matches with a 95 % Wilson interval, precision among the surest third and half (by the program's sureness), the least of that
figure in the third, seconds a completion.
"""
import argparse
import pathlib
import sys
import time

from rest_of_line import complete, files_of, places

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "models" / "eval"))
from intervals import wilson


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=pathlib.Path)
    parser.add_argument("--graft", required=True)
    parser.add_argument("--model", help="as graft complete takes it; default: the shipped one")
    parser.add_argument("--count", type=int, default=200, help="places a language")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=0, help="print so many completions a language to stderr")
    args = parser.parse_args()
    command = [args.graft, "complete", "--batch"] + (["--model", args.model] if args.model else [])
    print("language,places,exact,low,high,precision_of_surest_third,of_surer_half,least_of_third,seconds_each")
    everything = []
    for language, found in places(files_of(args.path), args.count, args.seed).items():
        if not found:
            continue
        start = time.monotonic()
        answers = complete(command, found, language)
        seconds = (time.monotonic() - start) / len(found)
        for (prefix, rest, _, _), answer in list(zip(found, answers))[: args.show]:
            print(f"{prefix.splitlines()[-1]}[{answer[2]}] wanted [{rest}] {answer[:2]}", file=sys.stderr)
        rows = [answer[:2] for answer in answers]
        everything += rows
        report(language, rows, seconds)
    report("all", everything, float("nan"))


def report(name, rows, seconds):
    hits = sum(hit for _, hit in rows)
    rows = sorted(rows, reverse=True)
    third, half = rows[: max(1, len(rows) // 3)], rows[: max(1, len(rows) // 2)]
    low, high = wilson(hits, len(rows))
    precision = [sum(hit for _, hit in part) / len(part) for part in (third, half)]
    print(f"{name},{len(rows)},{hits / len(rows):.3f},{low:.3f},{high:.3f},{precision[0]:.3f},{precision[1]:.3f},{third[-1][0]:.2f},{seconds:.3f}", flush=True)


if __name__ == "__main__":
    main()
