// SPDX-License-Identifier: Apache-2.0
// engine/kernels/fast_matmul_steps.h: products with types whose scales are steps of a unit (Q2_K to Q6_K), where `V` adds up
// products of few bits in 16 bits.
//
// A step multiplies the whole sum of its 16 or 32 products as that is widened, and the unit once for all 256 inputs that share
// it. Offsets follow behind these, times the sums of the inputs. With scales of its own each block would take more instructions
// for them than for a fourth of its products.
#pragma once
#include "engine/kernels/fast_matmul_blocks.h"

namespace engine {
namespace {

template <class V>
struct StepMatmul {
  using F = typename V::F;
  static constexpr int kVectors = kPanelRows / V::kWidth;  // per panel

  // Rows of vectors [first, first + NV), counted over all panels, as QuantizedMatmul::tile().
  template <PanelForm kForm, int T, int NV>
  static void tile(const uint8_t* panels, int64_t panel_bytes, int first, int64_t n_blocks, const MatmulRows<T>& rows) {
    using Block = PanelBlock<V, kForm>;
    constexpr int kParts = Block::kNibbles ? 1 : 2;  // of a block, whose sums are kept apart
    const uint8_t* block[NV];
    int lane[NV];
    for (int v = 0; v < NV; ++v) {
      block[v] = panels + (first + v) / kVectors * panel_bytes;
      lane[v] = (first + v) % kVectors * V::kWidth;
    }
    F acc[T][NV];
    for (int t = 0; t < T; ++t)
      for (int v = 0; v < NV; ++v) acc[t][v] = V::zero();
    for (int64_t b = 0; b < n_blocks; b += 8) {
      const uint8_t* units[NV];
      for (int v = 0; v < NV; ++v) {
        units[v] = block[v] + lane[v] * 2;
        block[v] += Block::kUnitBytes;
      }
      F part[T][NV];
      for (int t = 0; t < T; ++t)
        for (int v = 0; v < NV; ++v) part[t][v] = V::zero();
      for (int64_t i = b; i < b + 8; ++i) {
#pragma GCC unroll 2
        for (int h = 0; h < kParts; ++h) {
          typename V::Sum4 sum[T][NV];
#pragma GCC unroll 8
          for (int t = 0; t < T; ++t)
            for (int v = 0; v < NV; ++v) sum[t][v] = V::start4(0);
#pragma GCC unroll 4
          for (int g = 0; g < 4; ++g) {
            const uint8_t* at[NV];
            for (int v = 0; v < NV; ++v) at[v] = block[v] + Block::kHeadBytes + lane[v] * 4 + (h * 4 + g) * 64;
            products<kForm, T, NV>(at, i * kBlockValues + h * kHalfBlock + g * 4, rows, sum);
          }
          park<V>(part);
          typename V::Steps steps[NV];
          for (int v = 0; v < NV; ++v) steps[v] = V::load_steps(block[v] + (Block::kScales == 2 ? h : 0) * kPanelRows + lane[v]);
#pragma GCC unroll 8
          for (int t = 0; t < T; ++t) {
            const F x_scale = V::set1(rows.scales[t][i]);
            for (int v = 0; v < NV; ++v) part[t][v] = V::fma(V::times_steps(sum[t][v], steps[v]), x_scale, part[t][v]);
          }
          park<V>(part);
        }
        for (int v = 0; v < NV; ++v) block[v] += Block::kBlockBytes;
      }
      for (int v = 0; v < NV; ++v) {
        const F unit = V::load_f16(units[v]);
        for (int t = 0; t < T; ++t) acc[t][v] = V::fma(part[t][v], unit, acc[t][v]);
      }
      if constexpr (Block::kOffset) add_offsets<kForm, T, NV>(block, units, lane, b, rows, acc);
      park<V>(acc);
    }
    for (int t = 0; t < T; ++t)
      for (int v = 0; v < NV; ++v) V::store(rows.y[t] + (first + v) * V::kWidth, acc[t][v]);
  }

  // Of the eight blocks that end at `block`, inputs from block `b` on: offset = -(least_unit * least).
  template <PanelForm kForm, int T, int NV>
  static void add_offsets(const uint8_t* const (&block)[NV], const uint8_t* const (&units)[NV], const int (&lane)[NV], int64_t b,
                          const MatmulRows<T>& rows, F (&acc)[T][NV]) {
    using Block = PanelBlock<V, kForm>;
    F sum[T][NV];
    for (int t = 0; t < T; ++t)
      for (int v = 0; v < NV; ++v) sum[t][v] = V::zero();
    for (int64_t i = 0; i < 8; ++i) {
      F least[NV], more[NV];  // of the block, and what its second half has beyond it
      for (int v = 0; v < NV; ++v) {
        const uint8_t* at = block[v] - (8 - i) * Block::kBlockBytes + Block::kScales * kPanelRows + lane[v];
        least[v] = V::load_i8(at);
        if constexpr (Block::kScales == 2) more[v] = V::sub(V::load_i8(at + kPanelRows), least[v]);
      }
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
        const float* sums = rows.scaled_sums[t] + 2 * (b + i);
        const F whole = V::set1(sums[0]);
        for (int v = 0; v < NV; ++v) sum[t][v] = V::fma(least[v], whole, sum[t][v]);
        if constexpr (Block::kScales == 2) {
          const F second = V::set1(sums[1]);
          for (int v = 0; v < NV; ++v) sum[t][v] = V::fma(more[v], second, sum[t][v]);
        }
      }
    }
    for (int v = 0; v < NV; ++v) {
      const F unit = V::sub(V::zero(), V::load_f16(units[v] + kPanelRows * 2));
      for (int t = 0; t < T; ++t) acc[t][v] = V::fma(sum[t][v], unit, acc[t][v]);
    }
  }

  // Products of four numbers of a row (eight, where they are halves of bytes) with inputs from `i` on, added up in 16 bits.
  template <PanelForm kForm, int T, int NV>
  static void products(const uint8_t* const* at, int64_t i, const MatmulRows<T>& rows, typename V::Sum4 (&sum)[T][NV]) {
    using Block = PanelBlock<V, kForm>;
    if constexpr (Block::kNibbles) {
      typename V::W4 w[NV];
      for (int v = 0; v < NV; ++v) w[v] = V::load_w4(at[v]);
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
        const typename V::X4 low = V::repeat4(rows.quants[t] + i), high = V::repeat4(rows.quants[t] + i + kHalfBlock);
        for (int v = 0; v < NV; ++v) sum[t][v] = V::dot4(sum[t][v], w[v].low, low);
        for (int v = 0; v < NV; ++v) sum[t][v] = V::dot4(sum[t][v], w[v].high, high);
      }
    } else if constexpr (Block::kOffset) {
      decltype(V::load_unsigned(at[0])) w[NV];
      for (int v = 0; v < NV; ++v) w[v] = V::load_unsigned(at[v]);
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
        const typename V::X4 x = V::repeat4(rows.quants[t] + i);
        for (int v = 0; v < NV; ++v) sum[t][v] = V::dot4(sum[t][v], w[v], x);
      }
    } else {
      typename V::W8 w[NV];
      for (int v = 0; v < NV; ++v) w[v] = V::load_w8(at[v]);
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
        const typename V::X4 x = V::repeat4(rows.quants[t] + i);
        for (int v = 0; v < NV; ++v) sum[t][v] = V::dot_few(sum[t][v], w[v], x);
      }
    }
  }
};

}  // namespace
}  // namespace engine
