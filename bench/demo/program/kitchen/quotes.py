# SPDX-License-Identifier: Apache-2.0
"""Asks several shops for their prices at once, politely.

A shop is any object with a ``name`` and ``async def quote(item) -> int`` (cents). Shops are slow
and fail now and then: each question has a time limit and is asked again after a pause that
doubles, and no shop is asked more than ``per_shop`` questions at the same time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Protocol


class ShopError(Exception):
    """A shop that could not answer this time; asking again may help."""


class UnknownItem(Exception):
    """An item that this shop does not sell; asking again is of no use."""


class Shop(Protocol):
    name: str

    async def quote(self, item: str) -> int: ...


@dataclass(frozen=True)
class Quote:
    shop: str
    item: str
    cents: int


@dataclass
class Policy:
    attempts: int = 3
    timeout: float = 2.0
    first_pause: float = 0.1
    longest_pause: float = 1.0
    per_shop: int = 2


class QuoteDesk:
    """Collects quotes; remembers answers until ``forget``."""

    def __init__(
        self,
        shops: Iterable[Shop],
        policy: Policy | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.shops = list(shops)
        self.policy = policy or Policy()
        self.failures: list[str] = []
        self._sleep = sleep
        self._known: dict[tuple[str, str], Quote | None] = {}
        self._limits: dict[str, asyncio.Semaphore] = {}

    async def ask(self, shop: Shop, item: str) -> Quote | None:
        """The quote of one shop; None where it does not sell the item or keeps failing."""
        key = (shop.name, item)
        if key not in self._known:
            limit = self._limits.setdefault(shop.name, asyncio.Semaphore(self.policy.per_shop))
            async with limit:
                answer = await self._ask_again(shop, item)
            self._known[key] = answer
        return self._known[key]

    async def best(self, item: str) -> Quote | None:
        """The cheapest quote of all shops, ties by the name of the shop."""
        answers = await asyncio.gather(*(self.ask(shop, item) for shop in self.shops))
        quotes = [quote for quote in answers if quote is not None]
        if not quotes:
            return None
        return min(quotes, key=lambda quote: (quote.cents, quote.shop))

    async def best_of_all(self, items: Iterable[str]) -> dict[str, Quote]:
        """The cheapest quote for each item that anyone sells."""
        names = list(dict.fromkeys(items))
        answers = await asyncio.gather(*(self.best(name) for name in names))
        return {name: quote for name, quote in zip(names, answers) if quote is not None}

    def forget(self, item: str | None = None) -> None:
        """Drop what is known about one item, or everything."""
        if item is None:
            self._known.clear()
            return
        for key in [key for key in self._known if key[1] == item]:
            del self._known[key]

    async def _ask_again(self, shop: Shop, item: str) -> Quote | None:
        pause = self.policy.first_pause
        for attempt in range(1, self.policy.attempts + 1):
            try:
                cents = await asyncio.wait_for(shop.quote(item), self.policy.timeout)
            except UnknownItem:
                return None
            except (ShopError, asyncio.TimeoutError):
                if attempt == self.policy.attempts:
                    break
                await self._sleep(pause)
                pause = min(pause * 2, self.policy.longest_pause)
            else:
                return Quote(shop.name, item, cents)
        self.failures.append(f"{shop.name}: no answer for {item}")
        return None
