// SPDX-License-Identifier: Apache-2.0
// engine/formats/iq_grids.h: the lattice points that IQ2_XXS and IQ3_XXS choose from.
//
// Source   ggml's tables iq2xxs_grid and iq3xxs_grid, as gguf-py gives them.
#pragma once
#include <cstdint>

namespace engine {

extern const uint16_t kIq2XxsGrid[256];  // 8 values of 2 bits, the first in the lowest: 0, 1, 2 stand for 8, 25, 43
extern const uint16_t kIq3XxsGrid[256];  // 4 values of 4 bits: 0 .. 7 stand for 4, 12, 20, 28, 36, 44, 52, 62

}  // namespace engine
