# SPDX-License-Identifier: Apache-2.0
"""The one table: measure, set, n, figure with its 95 % interval, baseline, targets. Plain text or Markdown."""

from __future__ import annotations

import math

from measure import Figure

HEAD = ("measure", "set", "n", "figure", "95 %", "baseline", "good / excellent", "note")


def number(value: float | None, unit: str) -> str:
    if value is None or math.isnan(value):
        return "-"
    if unit == "%":
        return f"{100 * value:.1f} %"
    if unit == "logit":
        return f"{value:.2g}"
    return f"{value:.3f}" if abs(value) < 100 else f"{value:,.0f}"


def cells(figure: Figure) -> list[str]:
    interval = "-"
    if not math.isnan(figure.low):
        scale, digits = (100, 0) if figure.unit == "%" else (1, 3)
        interval = f"{scale * figure.low:.{digits}f} to {scale * figure.high:.{digits}f}"
    baseline = figure.baseline
    if figure.baseline_value is not None:
        baseline = f"{figure.baseline} {number(figure.baseline_value, figure.unit)}"
    targets = "-"
    if figure.good is not None:
        targets = f"{number(figure.good, figure.unit)} / {number(figure.excellent, figure.unit)}"
    value = number(figure.value, figure.unit)
    if figure.value is not None and figure.unit not in ("%", ""):
        value += f" {figure.unit}"
    return [figure.measure, figure.set, str(figure.n) if figure.n else "-", value, interval, baseline or "-", targets, figure.note]


def markdown(figures: list[Figure]) -> str:
    rows = [list(HEAD), ["---"] * len(HEAD), *map(cells, figures)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


def text(figures: list[Figure]) -> str:
    rows = [list(HEAD), *map(cells, figures)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD) - 1)]
    lines = []
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths))
        lines.append(f"{line}  {row[-1]}".rstrip())
    return "\n".join(lines)
