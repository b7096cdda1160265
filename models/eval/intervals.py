# SPDX-License-Identifier: Apache-2.0
"""95 % intervals: of a share (Wilson 1927), and of a ratio of sums over items (bootstrap, fixed seed)."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence


def wilson(hits: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """The interval of the share hits / n; everything where nothing was tried."""
    if n == 0:
        return 0.0, 1.0
    share, scale = hits / n, 1 + z * z / n
    centre = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def bootstrap_ratio(
    parts: Sequence[tuple[float, float]], rounds: int = 1000, seed: int = 1
) -> tuple[float, float]:
    """The interval of sum(a) / sum(b) when the items (a, b) are drawn anew with replacement.

    Items are what was drawn: files of a package, problems of a set. With fewer than two, or with no b at all, there is
    nothing to say: both ends are nan.
    """
    if len(parts) < 2 or not any(b for _, b in parts):
        return math.nan, math.nan
    rng, ratios = random.Random(seed), []
    for _ in range(rounds):
        drawn = rng.choices(parts, k=len(parts))
        below = sum(b for _, b in drawn)
        if below:
            ratios.append(sum(a for a, _ in drawn) / below)
    ratios.sort()
    return ratios[int(0.025 * len(ratios))], ratios[min(len(ratios) - 1, int(0.975 * len(ratios)))]
