#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the session files beside it from docs/session-files.md alone: a second hand at the same format.

python3 make.py; uses nothing but the standard library. Last run: 2026-11.
"""
import struct
from pathlib import Path

HERE = Path(__file__).parent
MASK = (1 << 64) - 1


def rotate_left(word, n):
    return ((word << n) | (word >> (64 - n))) & MASK


def word_hash(data):
    state = 0

    def step(state, word):
        return rotate_left(((state ^ word) * 0x9E3779B97F4A7C15) & MASK, 29)

    whole = len(data) // 8 * 8
    for (word,) in struct.iter_unpack("<Q", data[:whole]):
        state = step(state, word)
    state = step(state, int.from_bytes(data[whole:], "little"))
    state = step(state, len(data))
    return state ^ (state >> 32)


def padded(data):
    return data + bytes(-len(data) % 8)


def session(layout, fingerprint, n_ctx, n_vocab, tokens, logits, cache, adapter=0):
    data = b"graftses" + struct.pack("<IIQQQ", 2 if adapter else 1, len(layout), fingerprint, len(tokens), len(cache))
    data += struct.pack("<IIII", n_ctx, n_vocab, len(logits), 0)
    data += struct.pack("<Q", adapter) if adapter else b""
    data += padded(layout.encode()) + padded(struct.pack(f"<{len(tokens)}i", *tokens))
    data += padded(struct.pack(f"<{len(logits)}f", *logits)) + padded(cache)
    return data + struct.pack("<Q", word_hash(data))


def main():
    rows = struct.pack("<6f", 0.5, -1, 2, 3, 4, 5)
    two = session("f32 rows of 3 in 1 layers", 0x0123456789ABCDEF, 16, 5, [4, 1], [0.25, -2, 0, 1, 8], rows)
    (HERE / "two_tokens.session").write_bytes(two)
    adapted = session("f32 rows of 3 in 1 layers", 7, 16, 5, [4, 1], [0.25, -2, 0, 1, 8], rows, adapter=0xFEDCBA9876543210)
    (HERE / "adapted.session").write_bytes(adapted)
    (HERE / "empty.session").write_bytes(session("f32 rows of 3 in 1 layers", 7, 1, 5, [], [], b""))


if __name__ == "__main__":
    main()
