# SPDX-License-Identifier: Apache-2.0
"""When each step of a meal starts, so that everything is ready at once."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass

from .recipe import Step


class CycleError(ValueError):
    """Steps that wait for each other; the message names them."""


@dataclass(frozen=True)
class Slot:
    """One step on the clock, in minutes from the start of cooking."""

    step: Step
    start: int

    @property
    def end(self) -> int:
        return self.start + self.step.minutes


def order(steps: Iterable[Step]) -> list[Step]:
    """Sort steps so that each comes after those it waits for, ties by name."""
    by_name = {step.name: step for step in steps}
    waiting = {name: len(set(step.after)) for name, step in by_name.items()}
    followers: dict[str, list[str]] = {name: [] for name in by_name}
    for step in by_name.values():
        for name in set(step.after):
            followers[name].append(step.name)

    ready = [name for name, count in waiting.items() if count == 0]
    heapq.heapify(ready)
    done = []
    while ready:
        name = heapq.heappop(ready)
        done.append(by_name[name])
        for follower in followers[name]:
            waiting[follower] -= 1
            if waiting[follower] == 0:
                heapq.heappush(ready, follower)
    if len(done) < len(by_name):
        stuck = sorted(name for name, count in waiting.items() if count > 0)
        raise CycleError("these steps wait for each other: " + ", ".join(stuck))
    return done


def earliest(steps: Iterable[Step]) -> list[Slot]:
    """Every step as early as possible, by start and name."""
    slots: dict[str, Slot] = {}
    for step in order(steps):
        start = max((slots[name].end for name in step.after), default=0)
        slots[step.name] = Slot(step, start)
    return sorted(slots.values(), key=lambda slot: (slot.start, slot.step.name))


def latest(steps: Iterable[Step]) -> list[Slot]:
    """Every step as late as possible, all of them done by the end of the meal."""
    sequence = order(steps)
    finish = max((slot.end for slot in earliest(sequence)), default=0)
    must_end = {step.name: finish for step in sequence}
    slots = []
    for step in reversed(sequence):
        start = must_end[step.name] - step.minutes
        slots.append(Slot(step, start))
        for name in step.after:
            must_end[name] = min(must_end[name], start)
    return sorted(slots, key=lambda slot: (slot.start, slot.step.name))


def critical_path(steps: Iterable[Step]) -> list[str]:
    """Names of the steps that cannot start a minute later, in order."""
    sequence = list(steps)
    late = {slot.step.name: slot.start for slot in latest(sequence)}
    return [
        slot.step.name for slot in earliest(sequence) if late[slot.step.name] == slot.start
    ]


def busiest(slots: Iterable[Slot]) -> int:
    """How many steps run at the same time at most; one that ends frees its hands first."""
    events = []
    for slot in slots:
        events.append((slot.start, 1))
        events.append((slot.end, -1))
    running = 0
    most = 0
    for _, change in sorted(events):
        running += change
        most = max(most, running)
    return most


def clock(minutes: int, dinner: str, finish: int) -> str:
    """Minute ``minutes`` of a plan of ``finish`` minutes that ends at ``dinner`` (HH:MM)."""
    hours, past = dinner.split(":")
    at = int(hours) * 60 + int(past) - (finish - minutes)
    hour, minute = divmod(at % (24 * 60), 60)
    return f"{hour:02d}:{minute:02d}"
