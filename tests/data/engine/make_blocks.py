#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/data/engine/blocks.bin: random blocks of every quantised type with the values that gguf-py decodes from them;
with --grids also engine/formats/iq_grids.cc, from gguf-py's tables.

Per type: 4 blocks of bytes, then their values in f32. Scales are finite f16 numbers; one block has a subnormal scale and one
a scale of 0.  Needs numpy and gguf (PyPI); run once, the result is committed.
"""
import sys
from pathlib import Path

import gguf
import numpy as np

HERE = Path(__file__).resolve().parent
Q = gguf.GGMLQuantizationType
# Type, and where its f16 scales stand in a block.
TYPES = [(Q.Q8_0, (0,)), (Q.Q4_0, (0,)), (Q.Q4_1, (0, 2)), (Q.Q5_0, (0,)), (Q.Q5_1, (0, 2)), (Q.Q2_K, (80, 82)), (Q.Q3_K, (108,)),
         (Q.Q4_K, (0, 2)), (Q.Q5_K, (0, 2)), (Q.Q6_K, (208,)), (Q.IQ2_XXS, (0,)), (Q.IQ3_XXS, (0,)), (Q.IQ4_NL, (0,)),
         (Q.IQ4_XS, (0,)), (Q.MXFP4, ())]
N_BLOCKS = 4


def packed_grid(cls, bits):
    cls.init_grid()
    place = {value: i for i, value in enumerate(cls.grid_map)}
    return [sum(place[int(v)] << bits * i for i, v in enumerate(row)) for row in np.array(cls.grid).reshape(256, -1)]


def write_grids():
    def rows(values):
        return ",\n".join("    " + ", ".join(f"0x{v:04x}" for v in values[i : i + 16]) for i in range(0, 256, 16))
    two, three = packed_grid(gguf.quants.IQ2_XXS, 2), packed_grid(gguf.quants.IQ3_XXS, 4)
    (HERE.parents[2] / "engine/formats/iq_grids.cc").write_text(f"""// SPDX-License-Identifier: Apache-2.0
// The lattice points of IQ2_XXS and IQ3_XXS, packed: written by tests/data/engine/make_blocks.py from gguf-py's tables.
#include "engine/formats/iq_grids.h"

namespace engine {{

// clang-format off
const uint16_t kIq2XxsGrid[256] = {{
{rows(two)}}};

const uint16_t kIq3XxsGrid[256] = {{
{rows(three)}}};
// clang-format on

}}  // namespace engine
""")


def main():
    random = np.random.default_rng(5)
    out = b""
    for kind, scales in TYPES:
        size = gguf.GGML_QUANT_SIZES[kind][1]
        blocks = random.integers(0, 256, (N_BLOCKS, size), dtype=np.uint8)
        for at in scales:
            values = random.normal(0, 0.02, N_BLOCKS).astype(np.float16)
            values[1], values[2] = 3e-7, 0
            blocks[:, at : at + 2] = values.view(np.uint8).reshape(N_BLOCKS, 2)
        if kind == Q.MXFP4:
            blocks[:, 0] = (0, 1, 127, 254)
        out += blocks.tobytes() + gguf.quants.dequantize(blocks, kind).astype("<f4").tobytes()
    (HERE / "blocks.bin").write_bytes(out)
    if "--grids" in sys.argv:
        write_grids()


main()
