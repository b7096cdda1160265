#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Golden values of the stored types: random bytes, and what gguf-py's dequantisers make of them, bit for bit.

    pip install gguf numpy
    python3 tests/data/engine/make_dequantize.py      # writes dequantize.bin beside this file

dequantize.bin: for F16, BF16, Q8_0, Q4_0 in this order, 64 blocks as stored, then their values in f32. The scales cover
subnormal, negative and largest halves; infinities and NaNs are left to a test of their own.
"""
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType as Q
from gguf.quants import dequantize

N_BLOCKS = 64


def main():
    random = np.random.default_rng(1)
    out = bytearray()
    for kind, block_bytes in ((Q.F16, 2), (Q.BF16, 2), (Q.Q8_0, 34), (Q.Q4_0, 18)):
        blocks = random.integers(0, 256, (N_BLOCKS, block_bytes), dtype=np.uint8)
        halves = blocks[:, :2].copy().view(np.uint16)[:, 0]
        special = np.array([0, 1, 0x3FF, 0x400, 0x7BFF, 0x8000, 0x8001, 0xFBFF], dtype=np.uint16)
        halves[: len(special)] = special
        top = 0x7C00 if kind != Q.BF16 else 0x7F80
        halves[(halves & top) == top] &= np.uint16(0xFFFF ^ 0x0400 if kind != Q.BF16 else 0xFFFF ^ 0x0080)  # keep it finite
        blocks[:, :2] = halves[:, None].view(np.uint8)
        values = blocks[:, :2].copy().view(np.float16).astype(np.float32) if kind == Q.F16 else dequantize(blocks, kind)
        out += blocks.tobytes() + np.ascontiguousarray(values, dtype="<f4").tobytes()
    (Path(__file__).parent / "dequantize.bin").write_bytes(out)


if __name__ == "__main__":
    main()
