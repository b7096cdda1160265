# SPDX-License-Identifier: Apache-2.0
"""HumanEval-Infilling, single line: one line of a function is missing, tests judge what the model puts there.

pass@1      the line that an editor would show
verified@8  the eight likeliest lines that it would show; the first that passes the examples of the problem's docstring (as HumanEvalPack
            has them as code) is what a user would be shown, and the hidden tests judge that one. Where none passes, nothing is shown: a miss.
Baselines   nothing in place of the line; and the eight nearest lines of the function itself, chosen in the same way.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

import sets
from intervals import wilson
from measure import Figure, Item, Kit, Measure, sampled
from sandboxed import which_end_well

AT_ONCE, TRIES = 5, 8


def program(row: dict[str, Any], line: str, test: str) -> str:
    return f"{row['prompt']}{line}\n{row['suffix']}\n{test}\n"


def hidden_test(row: dict[str, Any]) -> str:
    return f"{row['test']}\ncheck({row['entry_point']})"


def nearest_lines(row: dict[str, Any], count: int) -> list[str]:
    """Different lines of the function's body, those next to the gap first."""
    before = row["prompt"].rstrip("\n").split("\n")[::-1]
    after = row["suffix"].split("\n")
    lines: list[str] = []
    for i in range(max(len(before), len(after))):
        for side in (before, after):
            if i < len(side) and side[i].strip() and side[i] not in lines:
                lines.append(side[i])
    return lines[:count]


def first_verified(candidates: list[str], examples: dict[str, bool]) -> str | None:
    return next((line for line in candidates if examples[line]), None)


class Infilling(Measure):
    name, title, of_set = "infilling", "infilling", "HumanEval-Infilling single line"

    def missing(self, kit: Kit) -> list[str]:
        return sets.INFILLING.missing(kit.sets) + sets.HUMANEVALPACK.missing(kit.sets)

    def items(self, kit: Kit) -> list[Item]:
        rows = sampled(sets.infilling(kit.sets), kit.counted(1033), kit.seed)
        examples = {row["task_id"].split("/")[1]: row["example_test"] for row in sets.humanevalpack(kit.sets, "python")}
        groups = [rows[at : at + AT_ONCE] for at in range(0, len(rows), AT_ONCE)]
        return [Item(f"{group[0]['task_id']} and {len(group) - 1} more", [(row, examples[row["task_id"].split("/")[2]]) for row in group]) for group in groups]

    def run(self, kit: Kit, item: Item) -> dict[str, Any]:
        rows = item.thing
        asked = []
        for i, (row, _) in enumerate(rows):
            prompt = {"prefix": row["prompt"], "suffix": "\n" + row["suffix"], "language": "python", "stop": ["\n"], "max_tokens": 64, "as_shown": True}
            asked += [{"id": [i, "first"], **prompt}, {"id": [i, "likeliest"], **prompt, "n": TRIES}]
        command = [str(kit.graft), "complete", "--batch", *kit.model_arguments()]
        done = subprocess.run(command, input="".join(json.dumps(a) + "\n" for a in asked), capture_output=True, text=True, check=False)
        said: dict[tuple[int, str], list[str]] = {}
        for line in done.stdout.splitlines():
            answer = json.loads(line)
            if "error" in answer:
                raise RuntimeError(f"graft complete --batch: {answer['error']}")
            said[tuple(answer["id"])] = [c["text"] for c in answer["completions"]]
        result: dict[str, Any] = {"problems": len(rows), "pass1": 0, "verified8": 0, "any8": 0, "exact": 0, "empty": 0, "nearest8": 0, "shown_wrong": 0}
        for i, (row, examples) in enumerate(rows):
            first = said[i, "first"][0] if said[i, "first"] else ""
            self.judge(kit, row, examples, first, said[i, "likeliest"], result)
        return result

    @staticmethod
    def judge(kit: Kit, row: dict[str, Any], examples: str, first: str, likeliest: list[str], result: dict[str, Any]) -> None:
        near = nearest_lines(row, TRIES)
        lines = list(dict.fromkeys(["", first, *likeliest, *near]))
        shown = [program(row, line, examples) for line in lines]
        judged = which_end_well(kit, shown + [program(row, line, hidden_test(row)) for line in lines])
        passes_examples, passes = dict(zip(lines, judged)), dict(zip(lines, judged[len(lines) :]))
        result["pass1"] += passes[first]
        result["exact"] += first.strip() == row["canonical_solution"].strip()
        result["empty"] += passes[""]
        result["any8"] += any(passes[line] for line in likeliest)
        verified, verified_near = first_verified(likeliest, passes_examples), first_verified(near, passes_examples)
        result["verified8"] += verified is not None and passes[verified]
        result["shown_wrong"] += verified is not None and not passes[verified]
        result["nearest8"] += verified_near is not None and passes[verified_near]

    def figures(self, kit: Kit, results: dict[str, dict[str, Any]]) -> list[Figure]:
        total = {key: sum(r[key] for r in results.values()) for key in next(iter(results.values()))}
        n = total["problems"]

        def share(title: str, key: str, baseline: str, base_key: str, good: float | None, excellent: float | None, note: str = "") -> Figure:
            return Figure(title, self.of_set, n, total[key] / n, *wilson(total[key], n), baseline=baseline, baseline_value=total[base_key] / n,
                          good=good, excellent=excellent, note=note)

        return [
            share("infilling, pass@1", "pass1", "nothing in the line's place", "empty", 0.30, 0.42, f"exactly the published line: {total['exact']} of {n}"),
            share("infilling, verified@8", "verified8", "the 8 nearest lines", "nearest8", 0.50, 0.62,
                  f"shown after passing the examples but failing the tests: {total['shown_wrong']}; any of the 8 passes the tests: {total['any8']}"),
        ]
