// SPDX-License-Identifier: Apache-2.0
// engine/kernels/simd_amx.h: simd_avx512_bf16.h with products of whole tiles of bf16 (Intel AMX).
//
// A tile is a register of 16 rows of 64 bytes; there are eight. Before its first use the process has to ask the system for
// them (fast_kernels.cc), and a thread says what shape they have: `Tiles` does, for as long as it lives.
// Only for translation units compiled with simd_avx512_bf16.h's flags.
// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18.
#pragma once
#include "engine/kernels/simd_avx512_bf16.h"

namespace engine {
namespace {

struct AmxBf16 : Avx512Bf16 {
  static constexpr bool kTileProducts = true;

  class Tiles {
   public:
    Tiles() {
      struct alignas(64) {
        uint8_t palette = 1, start_row = 0, reserved[14] = {};
        uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
        uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
      } shape;
      asm volatile("ldtilecfg %0" : : "m"(shape));
    }
    ~Tiles() { asm volatile("tilerelease" : : : "memory"); }
    Tiles(const Tiles&) = delete;
    Tiles& operator=(const Tiles&) = delete;

    // Tile `kTile`: rows of 64 bytes, `stride` bytes from one to the next.
    template <int kTile>
    void load(const void* from, int64_t stride) {
      asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(stride), "i"(kTile) : "memory");
    }
    template <int kTile>
    void store(void* to, int64_t stride) {
      asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(stride), "i"(kTile) : "memory");
    }
    template <int kTile>
    void zero() {
      asm volatile("tilezero %%tmm%c0" : : "i"(kTile));
    }
    // Sums in f32, [16, 16]: kSums[m, n] += sum over 32 values i of kRows[m, i] * kPairs[i, n], where a row of kPairs holds
    // values 2j and 2j + 1 of each column n side by side. Subnormal operands and sums count as zero.
    template <int kSums, int kRows, int kPairs>
    void add_product() {
      asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSums), "i"(kRows), "i"(kPairs));
    }
  };

  // [16, 16] values of 32 bits, rows to columns.
  static void transpose(__m512i (&a)[16]) {
    __m512i b[16];
    for (int i = 0; i < 16; i += 4) {
      const __m512i low0 = _mm512_unpacklo_epi32(a[i], a[i + 1]), high0 = _mm512_unpackhi_epi32(a[i], a[i + 1]);
      const __m512i low1 = _mm512_unpacklo_epi32(a[i + 2], a[i + 3]), high1 = _mm512_unpackhi_epi32(a[i + 2], a[i + 3]);
      b[i] = _mm512_unpacklo_epi64(low0, low1), b[i + 1] = _mm512_unpackhi_epi64(low0, low1);
      b[i + 2] = _mm512_unpacklo_epi64(high0, high1), b[i + 3] = _mm512_unpackhi_epi64(high0, high1);
    }
    // b[4 * i + j] holds columns j, j + 4, j + 8, j + 12 of rows 4 * i to 4 * i + 3, a quarter each.
    for (int j = 0; j < 4; ++j) {
      const __m512i even_low = _mm512_shuffle_i32x4(b[j], b[4 + j], 0x88),
                    odd_low = _mm512_shuffle_i32x4(b[j], b[4 + j], 0xDD);
      const __m512i even_high = _mm512_shuffle_i32x4(b[8 + j], b[12 + j], 0x88),
                    odd_high = _mm512_shuffle_i32x4(b[8 + j], b[12 + j], 0xDD);
      a[j] = _mm512_shuffle_i32x4(even_low, even_high, 0x88),
      a[j + 8] = _mm512_shuffle_i32x4(even_low, even_high, 0xDD);
      a[j + 4] = _mm512_shuffle_i32x4(odd_low, odd_high, 0x88),
            a[j + 12] = _mm512_shuffle_i32x4(odd_low, odd_high, 0xDD);
    }
  }
};

}  // namespace
}  // namespace engine
