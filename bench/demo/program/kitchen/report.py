# SPDX-License-Identifier: Apache-2.0
"""Text that people read: plans, shopping lists, amounts of money."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence

from .schedule import Slot, clock
from .units import Quantity


def money(cents: int, currency: str = "EUR") -> str:
    """``1234567`` becomes ``12,345.67 EUR``; the sign comes first."""
    sign = "-" if cents < 0 else ""
    whole, rest = divmod(abs(cents), 100)
    return f"{sign}{whole:,}.{rest:02d} {currency}"


def columns(rows: Sequence[Sequence[str]], gap: int = 2) -> str:
    """Align rows of equal length; the last column is not padded."""
    if not rows:
        return ""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths)]
        lines.append((" " * gap).join(cells).rstrip())
    return "\n".join(lines)


def shopping_list(
    items: Mapping[str, Quantity], aisles: Mapping[str, Sequence[str]]
) -> str:
    """One block for each aisle, with a box to tick before each item."""
    blocks = []
    for aisle, names in aisles.items():
        rows = [(f"[ ] {name}", str(items[name])) for name in names if name in items]
        if rows:
            blocks.append(f"{aisle.upper()}\n{columns(rows)}")
    return "\n\n".join(blocks)


def plan(slots: Iterable[Slot], dinner: str, width: int = 60) -> str:
    """The steps with their times, long texts wrapped and indented."""
    slots = list(slots)
    finish = max((slot.end for slot in slots), default=0)
    lines = []
    for slot in slots:
        head = f"{clock(slot.start, dinner, finish)}  "
        body = f"{slot.step.text} ({duration(slot.step.minutes)})"
        lines.append(
            textwrap.fill(body, width, initial_indent=head, subsequent_indent=" " * len(head))
        )
    return "\n".join(lines)


def duration(minutes: int) -> str:
    """``95`` becomes ``1 h 35 min``; whole hours have no minutes."""
    hours, rest = divmod(minutes, 60)
    parts = []
    if hours:
        parts.append(f"{hours} h")
    if rest or not hours:
        parts.append(f"{rest} min")
    return " ".join(parts)


def bar_chart(values: Mapping[str, float], width: int = 20) -> str:
    """One bar per value, the longest ``width`` characters; a value above zero shows."""
    top = max(values.values(), default=0)
    rows = []
    for name, value in values.items():
        length = round(value / top * width) if top > 0 else 0
        if value > 0:
            length = max(length, 1)
        rows.append((name, "#" * length))
    return columns(rows)
