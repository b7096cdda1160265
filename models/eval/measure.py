# SPDX-License-Identifier: Apache-2.0
"""The frame that every measure fits into: items are run one by one, kept as they come, and summed up into figures.

A run may be stopped at any time. With --resume FILE every item's result is appended there as one line of JSON, and the next run
goes on with the items that are missing; results of another program or model are refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import sys
import time
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "models" / "graft-tiny.gguf"
# collection.py and proof.py: checks, patches and their judge; rest_of_line.py; held_out.py: the card's samples
sys.path += [str(ROOT / folder) for folder in ("bench/demo", "bench/completion", "models/train")]


@dataclass(frozen=True)
class Figure:
    """One row of the table. Shares are from 0 to 1; `unit` "%" prints them as per cent."""

    measure: str
    set: str
    n: int
    value: float | None  # None: not measured, `note` says why
    low: float = float("nan")
    high: float = float("nan")
    unit: str = "%"
    baseline: str = ""
    baseline_value: float | None = None
    good: float | None = None
    excellent: float | None = None
    note: str = ""


@dataclass
class Kit:
    """What measures work with."""

    graft: Path
    sets: Path  # folder of the public sets, see sets.py
    scratch: Path  # an empty folder of this run
    model: Path | None = None  # None: the shipped one
    count: int | None = None  # items a measure and group; None: each measure's own choice
    seed: int = 1
    torch_python: str = sys.executable
    corpus: Path | None = None  # train.jsonl of models/train/corpus.py
    budget: int = 60  # runs of the check for each repair
    timeout: int = 90  # seconds for each repair
    half: str = "both"  # of the repair tasks: "first" (to choose weights by), "second" (to report), "both"
    ways: tuple[str, ...] = ("model", "no-model")  # of the repairs

    def halved(self, order: list[Any]) -> list[Any]:
        """The half of a fixed order that was asked for."""
        middle = len(order) // 2
        return {"first": order[:middle], "second": order[middle:], "both": order}[self.half]

    def model_file(self) -> Path:
        return self.model or MODEL

    def model_arguments(self) -> list[str]:
        return ["--model", str(self.model)] if self.model else []

    def counted(self, usual: int) -> int:
        return self.count if self.count is not None else usual


@dataclass(frozen=True)
class Item:
    key: str  # stable from run to run
    thing: Any = field(compare=False)


class Measure:
    """Subclasses say what is missing, list their items, run one, and sum up."""

    name = ""  # of --only
    title = ""

    def missing(self, kit: Kit) -> list[str]:
        """A sentence for each thing that is not there, with how to get it; empty: it can run."""
        return []

    def items(self, kit: Kit) -> list[Item]:
        raise NotImplementedError

    def run(self, kit: Kit, item: Item) -> dict[str, Any]:
        """JSON-able; runs on a thread of its own."""
        raise NotImplementedError

    def figures(self, kit: Kit, results: dict[str, dict[str, Any]]) -> list[Figure]:
        """`results` by key, of those items that were run: not empty."""
        raise NotImplementedError


def sampled(everything: list[Any], count: int, seed: int) -> list[Any]:
    """`count` of them in an order that the seed alone decides: a larger sample begins with the smaller one."""
    return random.Random(seed).sample(everything, len(everything))[:count]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


class Results:
    """Results by measure and key, in memory and, where a file is given, on disk."""

    def __init__(self, path: Path | None, kit: Kit) -> None:
        self.path = path
        self.by_measure: dict[str, dict[str, dict[str, Any]]] = {}
        conditions = {"budget": kit.budget, "timeout": kit.timeout, "seed": kit.seed}
        self.of = {"graft": digest(kit.graft), "model": digest(kit.model_file()), **conditions}
        if path is None:
            return
        if path.exists():
            self._read(path)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(self.of) + "\n")

    def _read(self, path: Path) -> None:
        lines = path.read_text().splitlines()
        try:
            head = json.loads(lines[0])
        except (IndexError, ValueError):
            sys.exit(f"{path} is no file of --resume.")
        if head != self.of:
            different = ", ".join(sorted(k for k in self.of if head.get(k) != self.of[k]))
            sys.exit(f"{path} holds results of a run with another {different}: name another file.")
        for line in lines[1:]:
            try:
                row = json.loads(line)
            except ValueError:  # the line that was being written when the run was stopped
                continue
            self.by_measure.setdefault(row["measure"], {})[row["key"]] = row["result"]

    def add(self, measure: str, key: str, result: dict[str, Any]) -> None:
        self.by_measure.setdefault(measure, {})[key] = result
        if self.path is not None:
            line = json.dumps({"measure": measure, "key": key, "result": result})
            with self.path.open("a") as stream:
                stream.write("\n" + line + "\n" if self._torn() else line + "\n")

    def _torn(self) -> bool:
        with self.path.open("rb") as stream:  # type: ignore[union-attr]
            stream.seek(-1, os.SEEK_END)
            return stream.read(1) != b"\n"


def run_items(
    kit: Kit, measure: Measure, results: Results, jobs: int, deadline: float
) -> dict[str, dict[str, Any]]:
    """Runs what is not there yet; -> the results of this run's items."""
    items = measure.items(kit)
    done = results.by_measure.get(measure.name, {})
    todo = [item for item in items if item.key not in done]
    n_done, start = len(items) - len(todo), time.monotonic()
    if n_done:
        say(f"{measure.name}: {n_done} of {len(items)} are there already")
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        waiting, queue = {}, iter(todo)
        for item in _upto(queue, jobs, deadline):
            waiting[pool.submit(measure.run, kit, item)] = item
        while waiting:
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                item = waiting.pop(future)
                result = future.result()
                results.add(measure.name, item.key, result)
                n_done += 1
                seconds = time.monotonic() - start
                say(f"{measure.name} [{n_done}/{len(items)}] {item.key}: {brief(result)}  {seconds:.0f} s")
                for more in _upto(queue, 1, deadline):
                    waiting[pool.submit(measure.run, kit, more)] = more
    if n_done < len(items):
        say(f"{measure.name}: stopped by --seconds after {n_done} of {len(items)} items")
    mine = results.by_measure.get(measure.name, {})
    return {item.key: mine[item.key] for item in items if item.key in mine}


def _upto(queue: Iterable[Item], count: int, deadline: float) -> Iterable[Item]:
    while count > 0 and time.monotonic() < deadline:
        item = next(iter(queue), None)  # an iterator is its own iterator
        if item is None:
            return
        yield item
        count -= 1


def brief(result: dict[str, Any]) -> str:
    """The short values of a result, for a progress line."""
    short = []
    for key, value in result.items():
        if isinstance(value, float):
            short.append(f"{key} {value:.3g}")
        elif isinstance(value, (bool, int)) or (isinstance(value, str) and value and len(value) <= 40):
            short.append(f"{key} {value}")
    return ", ".join(short[:9])


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
