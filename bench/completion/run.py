#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How often a completion is what the file really says: the rest of a line, cut at a random character, exact match.

    bench/completion/run.py --graft build/release/graft FILES.jsonl           one {"lang", "text"} a line (models/train/corpus.py)
    bench/completion/run.py --graft build/release/graft FOLDER                source files of a folder

The model sees the whole file around the cut, as an editor gives it, through `graft complete --batch`. A CSV row a language: places,
exact matches with a 95 % Wilson interval, precision among the surest third and half (by logprob / sqrt(tokens)), the least of that
figure in the third, seconds a completion.
"""
import argparse
import collections
import json
import math
import pathlib
import random
import subprocess
import sys
import time

ENDINGS = {".py": "python", ".c": "c", ".h": "cpp", ".cc": "cpp", ".cpp": "cpp", ".hpp": "cpp", ".js": "javascript", ".ts": "typescript",
           ".rs": "rust", ".go": "go", ".java": "java", ".sh": "bash"}
NOT_CODE = ("#", "//", "/*", "*", '"""', ">>>", "...")


def files_of(path):
    if path.is_file():
        return [(f["lang"], f["text"]) for f in map(json.loads, path.open())]
    return [(ENDINGS[p.suffix], p.read_text()) for p in sorted(path.rglob("*")) if p.suffix in ENDINGS and p.is_file()]


def places(files, count, seed):
    """-> {language: [(prefix, rest of the line, suffix)]}, `count` each; comments, short and very long lines are left out."""
    by_language = collections.defaultdict(list)
    for language, text in files:
        if len(text) < 200_000:
            by_language[language].append(text)
    chosen = {}
    for language, texts in sorted(by_language.items()):
        rng, found = random.Random(f"{seed} {language}"), []
        for _ in range(200 * count):
            if len(found) == count:
                break
            text = rng.choice(texts)
            lines = text.split("\n")
            at = rng.randrange(len(lines))
            line = lines[at].rstrip()
            code = line.strip()
            if not 6 <= len(code) <= 90 or code.startswith(NOT_CODE) or sum(c.isalpha() for c in code) < 3:
                continue
            start = len(line) - len(line.lstrip())
            cut = rng.randint(start + 1, len(line) - 2)
            before = "\n".join(lines[:at] + [line[:cut]])
            found.append((before, line[cut:], "\n" + "\n".join(lines[at + 1:])))
        chosen[language] = found
    return chosen


def wilson(hits, n, z=1.96):
    p, d = hits / n, 1 + z * z / n
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (p + z * z / (2 * n) - half) / d, (p + z * z / (2 * n) + half) / d


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
        lines = [json.dumps({"id": i, "prefix": p, "suffix": s, "language": language, "stop": ["\n"]}) for i, (p, _, s) in enumerate(found)]
        start = time.monotonic()
        done = subprocess.run(command, input="\n".join(lines) + "\n", capture_output=True, text=True, check=True)
        seconds = (time.monotonic() - start) / len(found)
        rows = []
        for answer, (prefix, rest, _) in zip(map(json.loads, done.stdout.splitlines()), found):
            best = answer["completions"][0] if answer.get("completions") else {"text": "", "logprob": -99.0, "tokens": 1}
            rows.append((best["logprob"] / math.sqrt(max(1, best["tokens"])), best["text"].rstrip() == rest))
            if len(rows) <= args.show:
                print(f"{prefix.splitlines()[-1]}[{best['text']}] wanted [{rest}] {rows[-1]}", file=sys.stderr)
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
