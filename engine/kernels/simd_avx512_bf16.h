// SPDX-License-Identifier: Apache-2.0
// engine/kernels/simd_avx512_bf16.h: simd_avx512.h with products of pairs of bf16, summed in f32 (fast_attention.h).
//
// Only for translation units compiled with simd_avx512.h's flags and -mavx512bf16.
#pragma once
#include "engine/kernels/simd_avx512.h"

namespace engine {
namespace {

struct Avx512Bf16 : Avx512 {
  static constexpr bool kPairProducts = true;

  using P = __m512i;  // 32 values in bf16: 16 pairs of neighbours
  static P load_pairs(const void* p) { return _mm512_loadu_si512(p); }
  static P load_half(const void* p) {
    return _mm512_zextsi256_si512(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
  }
  static P repeat_pair(const void* p) {
    int32_t pair;
    std::memcpy(&pair, p, 4);
    return _mm512_set1_epi32(pair);
  }
  // sum + the two products of each pair; subnormal operands count as zero.
  static F dot_pairs(F sum, P a, P b) { return _mm512_dpbf16_ps(sum, bh(a), bh(b)); }

  // Pairs (a_i, b_i) of 32 columns; `low` has columns 0 to 3, 8 to 11, 16 to 19, 24 to 27, `high` the others. spread()
  // puts sums of 32 columns in that order, gather() in order again.
  static void interleave(P a, P b, P& low, P& high) {
    low = _mm512_unpacklo_epi16(a, b);
    high = _mm512_unpackhi_epi16(a, b);
  }
  static void spread(F a, F b, F& low, F& high) {
    low = _mm512_shuffle_f32x4(a, b, 0x88);
    high = _mm512_shuffle_f32x4(a, b, 0xDD);
  }
  static void gather(F low, F high, F& a, F& b) {
    const F first = _mm512_shuffle_f32x4(low, high, 0x44), second = _mm512_shuffle_f32x4(low, high, 0xEE);
    a = _mm512_shuffle_f32x4(first, first, 0xD8);
    b = _mm512_shuffle_f32x4(second, second, 0xD8);
  }

  // Rounds 16 values to bf16, to nearest, ties to even; NaN stays NaN.
  static void store_bf16(void* p, F x) {
    const __m256bh rounded = _mm512_cvtneps_pbh(x);
    std::memcpy(p, &rounded, sizeof rounded);
  }

 private:
  static __m512bh bh(P x) {
    __m512bh out;
    std::memcpy(&out, &x, sizeof out);
    return out;
  }
};

}  // namespace
}  // namespace engine
