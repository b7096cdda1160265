# SPDX-License-Identifier: Apache-2.0
"""The next edit, as `graft next-edit` offers it: where and what after one or two changes of a kind, and silence where nothing repeats."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from typing import Any

import sets
from edit_windows import Site, Window, windows
from intervals import wilson
from measure import Figure, Item, Kit, Measure

AT_ONCE = 25  # windows of one run of graft


def applied(text: str, site: Site) -> str:
    return text[: site.begin] + site.new + text[site.end :]


def replace_all(window: Window) -> list[Site]:
    """The baseline: the old text with the words around it, replaced wherever it stands as whole words, the next after the cursor first."""
    found, at = [], window.now.find(window.old) if window.old.strip() else -1
    while at >= 0:
        end = at + len(window.old)
        whole = not (at > 0 and is_word(window.now[at - 1]) and is_word(window.old[0])) and not (
            end < len(window.now) and is_word(window.now[end]) and is_word(window.old[-1])
        )
        done = window.now.startswith(window.new, at) or window.now[: at + len(window.old)].endswith(window.new)
        if whole and not done:
            found.append(Site(at, end, window.new))
        at = window.now.find(window.old, at + 1)
    return sorted(found, key=lambda s: (s.begin < window.cursor, s.begin))


def is_word(c: str) -> bool:
    return c.isalnum() or c == "_"


def judge(window: Window, offers: list[Site]) -> dict[str, Any]:
    """Of a window with a next place: `exact`, the first offer makes the text that the next place's change makes; `there`, it meets that place; `any`, it
    is exact for one of the remaining places; `places`/`right`, offers and those of them that are right. Without one: `offered`."""
    result: dict[str, Any] = {"kind": window.kind, "language": window.language, "next": bool(window.rest), "offered": bool(offers)}
    if window.rest:
        wanted = [applied(window.now, s) for s in window.rest]
        made = [applied(window.now, s) for s in offers]
        first = made[0] if made else None
        here = window.rest[0]
        result["exact"] = first == wanted[0]
        result["any"] = first in wanted
        result["there"] = bool(offers) and (first == wanted[0] or (offers[0].begin <= here.end and here.begin <= offers[0].end))
        result["sites"], result["places"] = len(wanted), len(made)
        result["right"] = sum(m in wanted for m in made)
    return result


def ask(graft: list[str], asked: list[Window]) -> list[list[Site]]:
    lines = []
    for n, window in enumerate(asked):
        text, changes = window.text, []
        for begin, end, new, seconds in window.changes:
            head = len(text[:begin].encode())
            changes.append({"begin": head, "end": head + len(text[begin:end].encode()), "text": new, "seconds": seconds})
            text = text[:begin] + new + text[end:]
        if text != window.now:
            raise RuntimeError(f"window of kind {window.kind}: its changes do not lead to its text")
        lines.append(json.dumps({"id": n, "text": window.text, "language": window.language, "changes": changes, "cursor": len(text[: window.cursor].encode())}))
    run = subprocess.run([*graft, "next-edit"], input="\n".join(lines) + "\n", capture_output=True, text=True, check=False)
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    if len(answers) != len(asked) or any("error" in a for a in answers):
        wrong = next((a["error"] for a in answers if "error" in a), run.stderr.strip())
        raise RuntimeError(f"graft next-edit: {len(answers)} of {len(asked)} answers: {wrong}")
    offers = []
    for window, answer in zip(asked, answers):
        data = window.now.encode()
        offers.append([Site(len(data[: e["begin"]].decode()), len(data[: e["end"]].decode()), e["text"]) for e in answer["edits"]])
    return offers


class RepeatedEdits(Measure):
    name, title, of_set = "repeated-edits", "repeated edits", "held-out packages"

    def missing(self, kit: Kit) -> list[str]:
        return sets.HELD_OUT.missing(kit.sets)

    def items(self, kit: Kit) -> list[Item]:
        files = [(language, row["text"]) for language, rows in sorted(sets.held_out(kit.sets).items()) for row in rows if len(row["text"]) < 200_000]
        found = windows(files, kit.counted(400), kit.seed)
        return [Item(f"windows {at}", found[at : at + AT_ONCE]) for at in range(0, len(found), AT_ONCE)]

    def run(self, kit: Kit, item: Item) -> dict[str, Any]:
        rows = [judge(w, offers) for w, offers in zip(item.thing, ask([str(kit.graft)], item.thing))]
        plain = [judge(w, replace_all(w)) for w in item.thing]
        return {"rows": rows, "baseline": plain, "right": sum(r.get("exact", not r["offered"]) for r in rows), "places": len(rows)}

    def figures(self, kit: Kit, results: dict[str, dict[str, Any]]) -> list[Figure]:
        rows, plain = ([row for r in results.values() for row in r[which]] for which in ("rows", "baseline"))
        figures = []
        base = "replace all of the same text"

        def share(name: str, of: list[dict[str, Any]], beside: list[dict[str, Any]], key: str, note: str = "", **targets: float) -> None:
            if of:
                hits = sum(bool(r[key]) for r in of)
                figures.append(Figure(f"{self.title}, {name}", self.of_set, len(of), hits / len(of), *wilson(hits, len(of)), baseline=base,
                                      baseline_value=sum(bool(r[key]) for r in beside) / len(beside), note=note, **targets))

        def of_kind(of: list[dict[str, Any]], key: str, value: bool) -> str:
            counts, n = Counter(r["kind"] for r in of if bool(r[key]) == value), Counter(r["kind"] for r in of)
            return ", ".join(f"{kind} {c} of {n[kind]}" for kind, c in counts.most_common())

        again, plain_again = ([r for r in of if r["next"]] for of in (rows, plain))
        quiet, plain_quiet = ([r for r in of if not r["next"]] for of in (rows, plain))
        share("the next one, content exact", again, plain_again, "exact", "missed: " + of_kind(again, "exact", False) if again else "", good=0.80, excellent=0.90)
        share("the next one, place", again, plain_again, "there", good=0.80, excellent=0.90)
        share("any of the remaining, exact", again, plain_again, "any")
        n_offers, right = sum(r["places"] for r in again), sum(r["right"] for r in again)
        if n_offers:
            n_plain = sum(r["places"] for r in plain_again)
            figures.append(Figure(f"{self.title}, offers that are right", self.of_set, n_offers, right / n_offers, *wilson(right, n_offers), baseline=base,
                                  baseline_value=sum(r["right"] for r in plain_again) / max(1, n_plain),
                                  note=f"all places offered at once; found {right} of {sum(r['sites'] for r in again)}"))
        share("offered where nothing repeats", quiet, plain_quiet, "offered", "kinds: " + of_kind(quiet, "offered", True) if quiet else "", good=0.05, excellent=0.02)
        return figures
