# SPDX-License-Identifier: Apache-2.0
"""A model that has read nothing: order-5 bytes, learning the text as it goes. What any trained model has to beat.

p_0 is uniform; p_n = (max(c - d, 0) + d * kinds * p_{n-1}) / total over the counts after the last n bytes (absolute discounting;
Ney, Essen, Kneser 1994), each byte counted after it was predicted.
"""

from __future__ import annotations

import math

ORDER, DISCOUNT = 5, 0.5


def text_bits(text: bytes) -> float:
    """Bits for the whole text, read from its start."""
    counts: list[dict[bytes, dict[int, int]]] = [{} for _ in range(ORDER + 1)]
    totals: list[dict[bytes, int]] = [{} for _ in range(ORDER + 1)]
    bits = 0.0
    for at, byte in enumerate(text):
        p, seen = 1 / 256, []
        for n in range(min(ORDER, at) + 1):
            context = text[at - n : at]
            followers = counts[n].get(context)
            if followers is not None:
                total = totals[n][context]
                p = (max(followers.get(byte, 0) - DISCOUNT, 0) + DISCOUNT * len(followers) * p) / total
            seen.append(context)
        bits -= math.log2(p)
        for n, context in enumerate(seen):
            followers = counts[n].setdefault(context, {})
            followers[byte] = followers.get(byte, 0) + 1
            totals[n][context] = totals[n].get(context, 0) + 1
    return bits
