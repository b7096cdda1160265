# SPDX-License-Identifier: Apache-2.0
import asyncio

from kitchen.quotes import Policy, Quote, QuoteDesk, ShopError, UnknownItem


class FakeShop:
    """Answers from a list; an exception in the list is raised instead."""

    def __init__(self, name, **answers):
        self.name = name
        self.answers = {item: list(values) for item, values in answers.items()}
        self.asked = []
        self.open = 0
        self.most_open = 0

    async def quote(self, item):
        self.asked.append(item)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        await asyncio.sleep(0)
        self.open -= 1
        if item not in self.answers:
            raise UnknownItem(item)
        answer = self.answers[item].pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class StuckShop:
    name = "stuck"

    async def quote(self, item):
        await asyncio.Event().wait()


class Pauses(list):
    async def __call__(self, seconds):
        self.append(seconds)


def test_the_cheapest_shop_wins_and_ties_go_by_name():
    shops = [FakeShop("b", tea=[300]), FakeShop("a", tea=[300]), FakeShop("c", tea=[310])]
    desk = QuoteDesk(shops)
    assert asyncio.run(desk.best("tea")) == Quote("a", "tea", 300)


def test_an_item_that_nobody_sells_has_no_quote_and_is_asked_for_once():
    shop = FakeShop("a", tea=[300])
    desk = QuoteDesk([shop])
    assert asyncio.run(desk.best_of_all(["tea", "soap", "tea"])) == {"tea": Quote("a", "tea", 300)}
    assert shop.asked == ["tea", "soap"]
    assert desk.failures == []


def test_a_failing_shop_is_asked_again_after_longer_and_longer_pauses():
    shop = FakeShop("a", tea=[ShopError(), ShopError(), ShopError(), ShopError(), 250])
    pauses = Pauses()
    desk = QuoteDesk([shop], Policy(attempts=5, first_pause=0.2, longest_pause=0.5), pauses)
    assert asyncio.run(desk.best("tea")) == Quote("a", "tea", 250)
    assert pauses == [0.2, 0.4, 0.5, 0.5]
    assert desk.failures == []


def test_after_the_last_attempt_the_failure_is_noted_without_another_pause():
    shop = FakeShop("a", tea=[ShopError(), ShopError(), 250])
    pauses = Pauses()
    desk = QuoteDesk([shop], Policy(attempts=2), pauses)
    assert asyncio.run(desk.best("tea")) is None
    assert len(shop.asked) == 2
    assert pauses == [0.1]
    assert desk.failures == ["a: no answer for tea"]


def test_a_shop_that_never_answers_runs_into_the_time_limit():
    desk = QuoteDesk([StuckShop(), FakeShop("a", tea=[9])], Policy(attempts=1, timeout=0.01))
    assert asyncio.run(desk.best("tea")) == Quote("a", "tea", 9)
    assert desk.failures == ["stuck: no answer for tea"]


def test_answers_are_remembered_until_forgotten():
    shop = FakeShop("a", tea=[300, 280], salt=[90])
    desk = QuoteDesk([shop])

    async def scenario():
        first = await desk.best("tea")
        again = await desk.best("tea")
        await desk.best("salt")
        desk.forget("tea")
        later = await desk.best("tea")
        await desk.best("salt")
        return first.cents, again.cents, later.cents

    assert asyncio.run(scenario()) == (300, 300, 280)
    assert shop.asked == ["tea", "salt", "tea"]


def test_a_shop_is_never_asked_too_much_at_once():
    items = [f"item{i}" for i in range(6)]
    shop = FakeShop("a", **{item: [i + 1] for i, item in enumerate(items)})
    desk = QuoteDesk([shop], Policy(per_shop=2))
    found = asyncio.run(desk.best_of_all(items))
    assert [quote.cents for quote in found.values()] == [1, 2, 3, 4, 5, 6]
    assert shop.most_open == 2
