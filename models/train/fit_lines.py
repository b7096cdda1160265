# SPDX-License-Identifier: Apache-2.0
"""Fit what the file says of a completed line (agent/complete/line_evidence.h): logistic regression of "this is the line" on the facts that the program reports.

    fit_lines.py --corpus DIR --graft build/release/graft --out ../../agent/complete/line_weights.inc [--cache FILE] [--places N]

Places come from the packages that no model was trained on and nothing is measured on (role `gate` of sources.tsv). Half of them are as the file is.
A person who writes has not written so much: of a quarter the rest of the block is cut, as where one writes from top to bottom; of a quarter what the
cursor's line opens, as where one writes something new between two lines. There a line that opens a block has no block yet. Printed: of eight parts, each judged by the weights of the other seven, lines that are right and right among the surer half.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench" / "completion"))
from rest_of_line import places  # noqa: E402

LINES = 4  # that are compared, as the program does
PARTS, STEPS, RIDGE = 8, 30, 1.0
WORKERS = 16  # runs of the program


def indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def as_it_is(prefix: str, suffix: str) -> str:
    return suffix


def without_rest_of_block(prefix: str, suffix: str) -> str:
    here = indent(prefix[prefix.rfind("\n") + 1 :])
    rest, *lines = suffix.split("\n")
    while lines and (not lines[0].strip() or indent(lines[0]) >= here):
        lines.pop(0)
    return "\n".join([rest, *lines])


def without_own_block(prefix: str, suffix: str) -> str:
    here = indent(prefix[prefix.rfind("\n") + 1 :])
    rest, *lines = suffix.split("\n")
    if not lines or not lines[0].strip() or indent(lines[0]) <= here:  # opens nothing
        return suffix
    while lines and (not lines[0].strip() or indent(lines[0]) > here):
        lines.pop(0)
    if lines and indent(lines[0]) == here and lines[0].strip()[0] in ")]}":
        lines.pop(0)
    return "\n".join([rest, *lines])


KINDS = {"as it is": as_it_is, "without the rest of the block": without_rest_of_block, "without its own block": without_own_block}
IN_TURN = ("as it is", "without the rest of the block", "as it is", "without its own block")


def ask(graft: Path, corpus: Path, count: int) -> list[dict[str, Any]]:
    """Of each place its kind, and of each line the facts and whether it is the right one."""
    with (corpus / "gate.jsonl").open() as rows:
        files = [(row["lang"], row["text"]) for row in map(json.loads, rows)]
    asked = []
    for language, found in places(files, count, 7).items():
        for number, (prefix, rest, suffix, _) in enumerate(found):
            kind = IN_TURN[number % len(IN_TURN)]
            shown = KINDS[kind](prefix, suffix)
            line = {"id": len(asked), "prefix": prefix, "suffix": shown, "language": language, "stop": ["\n"], "as_shown": True, "facts": True, "n": LINES}
            asked.append((kind, rest, line))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        answers = [answer for part in pool.map(lambda part: answers_to(graft, part), (asked[i::WORKERS] for i in range(WORKERS))) for answer in part]
    places_of = []
    for answer in sorted(answers, key=lambda answer: answer["id"]):
        kind, rest, _ = asked[answer["id"]]
        lines = [{"facts": dict(item["facts"]), "right": item["text"].rstrip() == rest} for item in answer["completions"] if "facts" in item]
        places_of.append({"kind": kind, "lines": lines})
    return places_of


def answers_to(graft: Path, asked: list[tuple[str, str, dict[str, Any]]]) -> list[dict[str, Any]]:
    lines = "".join(json.dumps(line) + "\n" for *_, line in asked)
    done = subprocess.run([str(graft), "complete", "--batch"], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def regression(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Weights, the bias last, by Newton's method."""
    x = np.hstack([x, np.ones((len(x), 1))])
    w = np.zeros(x.shape[1])
    ridge = np.diag([RIDGE] * (x.shape[1] - 1) + [0.0])
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-x @ w))
        w += np.linalg.solve((x.T * (p * (1 - p))) @ x + ridge, x.T @ (y - p) - ridge @ w)
    return w


def report(name: str, chosen: list[tuple[float, bool]]) -> None:
    """`chosen`: of each place the score of its best line and whether that is right."""
    surer = sorted(chosen, reverse=True)[: len(chosen) // 2]
    share = [100 * sum(right for _, right in part) / max(1, len(part)) for part in (chosen, surer)]
    print(f"{name:48} {len(chosen):6} places  {share[0]:5.1f} % right  {share[1]:5.1f} % of the surer half")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--graft", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="the program's answers, kept")
    parser.add_argument("--places", type=int, default=1000, help="of each language")
    options = parser.parse_args()
    if options.cache and options.cache.exists():
        rows = json.loads(options.cache.read_text())
    else:
        rows = ask(options.graft, options.corpus, options.places)
        if options.cache:
            options.cache.write_text(json.dumps(rows))

    names = list(next(line["facts"] for row in rows for line in row["lines"]))
    place = np.array([number for number, row in enumerate(rows) for _ in row["lines"]])
    x = np.array([[line["facts"][name] for name in names] for row in rows for line in row["lines"]])
    y = np.array([float(line["right"]) for row in rows for line in row["lines"]])
    scores = np.zeros(len(y))
    for part in range(PARTS):
        mine = place % PARTS == part
        w = regression(x[~mine], y[~mine])
        scores[mine] = x[mine] @ w[:-1] + w[-1]
    for kind in KINDS:
        for what, by in (("by the model", x[:, names.index("logprob")]), ("by model and file", scores)):
            best = {int(p): (-np.inf, False) for p in range(len(rows)) if rows[p]["kind"] == kind}
            for p, score, right in zip(place, by, y):
                if p in best and score > best[p][0]:
                    best[p] = (float(score), bool(right))
            report(f"{kind}, {what}", list(best.values()))

    w = regression(x, y)
    for name, weight in zip([*names, "bias"], w):
        print(f"{name:14} {weight:7.3f}")
    numbers = ", ".join(f"{weight:.4f}f" for weight in w[:-1])
    options.out.write_text(
        "// SPDX-License-Identifier: Apache-2.0\n// Written by models/train/fit_lines.py, for agent/complete/line_evidence.cc: a weight for each LineFact, in order.\n// clang-format off\n"
        f"constexpr float kLineBias = {w[-1]:.4f}f;\nconstexpr float kLineWeights[kLineFacts] = {{{numbers}}};\n")


if __name__ == "__main__":
    main()
