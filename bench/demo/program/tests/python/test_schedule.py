# SPDX-License-Identifier: Apache-2.0
import pytest

from kitchen.recipe import Step
from kitchen.schedule import (
    CycleError,
    Slot,
    busiest,
    clock,
    critical_path,
    earliest,
    latest,
    order,
)


def step(name, minutes, *after):
    return Step(name, minutes, name, after)


BREAD = [
    step("bake", 8, "rest", "heat"),
    step("heat", 5),
    step("mix", 10),
    step("rest", 30, "mix"),
]


def starts(slots):
    return {slot.step.name: slot.start for slot in slots}


def test_steps_come_after_what_they_wait_for():
    assert [s.name for s in order(BREAD)] == ["heat", "mix", "rest", "bake"]


def test_a_step_named_twice_is_waited_for_once():
    assert [s.name for s in order([step("b", 1, "a", "a"), step("a", 1)])] == ["a", "b"]


def test_a_circle_names_its_steps():
    with pytest.raises(CycleError, match="each other: a, b$"):
        order([step("a", 1, "b"), step("b", 1, "a"), step("c", 1)])


def test_as_early_as_possible():
    assert starts(earliest(BREAD)) == {"heat": 0, "mix": 0, "rest": 10, "bake": 40}
    assert [slot.step.name for slot in earliest(BREAD)] == ["heat", "mix", "rest", "bake"]


def test_as_late_as_possible():
    assert starts(latest(BREAD)) == {"mix": 0, "rest": 10, "heat": 35, "bake": 40}
    assert [slot.step.name for slot in latest(BREAD)] == ["mix", "rest", "heat", "bake"]
    fan = [step("stock", 5), step("soup", 20, "stock"), step("sauce", 10, "stock")]
    assert starts(latest(fan)) == {"stock": 0, "soup": 5, "sauce": 15}


def test_nothing_to_do_takes_no_time():
    assert earliest([]) == []
    assert latest([]) == []


def test_the_critical_path_has_no_slack():
    assert critical_path(BREAD) == ["mix", "rest", "bake"]


def test_hands_are_free_when_a_step_ends():
    one_after_the_other = [Slot(step("a", 10), 0), Slot(step("b", 10), 10)]
    assert busiest(one_after_the_other) == 1
    assert busiest(earliest(BREAD)) == 2
    assert busiest([]) == 0


@pytest.mark.parametrize(
    "minutes, dinner, finish, text",
    [(0, "19:00", 48, "18:12"), (48, "19:00", 48, "19:00"), (0, "00:20", 30, "23:50")],
)
def test_the_clock_counts_back_from_dinner(minutes, dinner, finish, text):
    assert clock(minutes, dinner, finish) == text
