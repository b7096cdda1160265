// SPDX-License-Identifier: Apache-2.0
// engine/kernels/simd_avx512.h: the vector steps of simd_avx2.h with 512-bit registers and VNNI dot products.
//
// Only for translation units compiled with -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni.
#pragma once
#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace engine {
namespace {

struct Avx512 {
  static constexpr bool kPairProducts = false;  // of bf16 (simd_avx512_bf16.h)
  static constexpr bool kTileProducts = false;  // nor of whole tiles (simd_amx.h)
  static constexpr int kWidth = 16;
  static constexpr int kTileTokens = 6, kTileVectors = 2, kRowVectors = 1;  // of quantised products (fast_matmul.h)
  static constexpr int kHeldSums = 12;
  static constexpr bool kFewBits = false;  // added up in 16 bits (fast_matmul_steps.h)
  static constexpr int kWideTileTokens = 6;  // with 16 bits
  using F = __m512;

  static F zero() { return _mm512_setzero_ps(); }
  static F set1(float x) { return _mm512_set1_ps(x); }
  static F load(const float* p) { return _mm512_loadu_ps(p); }
  static void store(float* p, F x) { _mm512_storeu_ps(p, x); }
  static F load_f16(const uint8_t* p) { return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
  static F load_i8(const uint8_t* p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
  }
  static F load_bf16(const uint8_t* p) {
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
  }
  // E4M3 as an f16 with the same bits, whose exponent counts from 8 less: a 256th of the value, subnormals included. The code
  // of NaN becomes a number.
  static F load_e4m3(const uint8_t* p) {
    const __m256i wide = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    return _mm512_cvtph_ps(_mm256_and_si256(_mm256_slli_epi16(wide, 7), _mm256_set1_epi16(static_cast<int16_t>(0xBFFF))));
  }
  static F add(F a, F b) { return _mm512_add_ps(a, b); }
  static F sub(F a, F b) { return _mm512_sub_ps(a, b); }
  static F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static F div(F a, F b) { return _mm512_div_ps(a, b); }
  static F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  static F abs(F a) { return _mm512_abs_ps(a); }
  static F min(F a, F b) { return _mm512_min_ps(a, b); }
  static F max(F a, F b) { return _mm512_max_ps(a, b); }
  static F round(F a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  static F pow2(F n) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127)), 23));
  }
  static F zero_below(F value, F x, F limit) {
    return _mm512_mask_mov_ps(value, _mm512_cmp_ps_mask(x, limit, _CMP_LT_OQ), _mm512_setzero_ps());
  }
  // Pairs that are 8, 4, 2 and 1 lanes apart, in this order; sums() does the same for 16 vectors in a fifth of the steps.
  static float sum(F a) {
    const __m256 y = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    const __m128 x = _mm_add_ps(_mm256_castps256_ps128(y), _mm256_extractf128_ps(y, 1));
    const __m128 w = _mm_add_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_add_ss(w, _mm_shuffle_ps(w, w, 1)));
  }
  static constexpr int kDotTile = 16, kValueTile = 4;  // of attention (fast_attention.h)
  static void sums(const F (&a)[kDotTile], float* out) {
    const auto eight = [](F p, F q) { return _mm512_add_ps(_mm512_shuffle_f32x4(p, q, 0x44), _mm512_shuffle_f32x4(p, q, 0xEE)); };
    const auto four = [](F p, F q) { return _mm512_add_ps(_mm512_shuffle_f32x4(p, q, 0x88), _mm512_shuffle_f32x4(p, q, 0xDD)); };
    const auto two = [](F p, F q) { return _mm512_add_ps(_mm512_shuffle_ps(p, q, 0x44), _mm512_shuffle_ps(p, q, 0xEE)); };
    const auto one = [](F p, F q) { return _mm512_add_ps(_mm512_shuffle_ps(p, q, 0x88), _mm512_shuffle_ps(p, q, 0xDD)); };
    F column[4];  // vectors j, j + 4, j + 8, j + 12, a quarter each
    for (int j = 0; j < 4; ++j) column[j] = four(eight(a[j], a[j + 4]), eight(a[j + 8], a[j + 12]));
    _mm512_storeu_ps(out, one(two(column[0], column[1]), two(column[2], column[3])));
  }
  static F in_register(F x) { return x; }
  static float max_of(F a) { return _mm512_reduce_max_ps(a); }
  static void store_quants(int8_t* p, F x, int32_t& total) {
    const __m512i i = _mm512_cvtps_epi32(x);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtsepi32_epi8(i));
    total += _mm512_reduce_add_epi32(i);
  }

  static void store_quants(int16_t* p, F x, int32_t& total) {
    const __m512i i = _mm512_cvtps_epi32(x);
    const __m256i half = _mm512_cvtsepi32_epi16(i);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_shufflehi_epi16(_mm256_shufflelo_epi16(half, 0xD8), 0xD8));
    total += _mm512_reduce_add_epi32(i);
  }

  using X4 = __m512i;
  static X4 repeat4(const int8_t* p) {
    int32_t four;
    std::memcpy(&four, p, 4);
    return _mm512_set1_epi32(four);
  }

  // dpbusd wants unsigned weights: w + 128, and 128 * (sum of the block's activations) comes off first.
  using W8 = __m512i;
  using Sum8 = __m512i;
  static W8 load_w8(const uint8_t* p) { return _mm512_xor_si512(_mm512_loadu_si512(p), _mm512_set1_epi8(-128)); }
  static Sum8 start8(int32_t block_sum) { return _mm512_set1_epi32(-128 * block_sum); }
  static Sum8 dot8(Sum8 sum, W8 w, X4 x) { return _mm512_dpbusd_epi32(sum, w, x); }
  static F finish8(Sum8 sum) { return _mm512_cvtepi32_ps(sum); }

  struct W4 {
    __m512i low, high;
  };
  using Sum4 = __m512i;
  static W4 load_w4(const uint8_t* p) {
    const __m512i w = _mm512_loadu_si512(p), mask = _mm512_set1_epi8(15);
    return {_mm512_and_si512(w, mask), _mm512_and_si512(_mm512_srli_epi16(w, 4), mask)};
  }
  static Sum4 start4(int32_t block_sum) { return _mm512_set1_epi32(-8 * block_sum); }
  static Sum4 dot4(Sum4 sum, __m512i w, X4 x) { return _mm512_dpbusd_epi32(sum, w, x); }
  static F finish4(Sum4 sum, int32_t) { return _mm512_cvtepi32_ps(sum); }

  using Codes = __m512i;
  static Codes codes(const int8_t* values) {
    return _mm512_xor_si512(_mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(values))), _mm512_set1_epi8(-128));
  }
  static void load_codes(const uint8_t* p, Codes codes, W8& low, W8& high) {
    const W4 w = load_w4(p);
    low = _mm512_shuffle_epi8(codes, w.low);
    high = _mm512_shuffle_epi8(codes, w.high);
  }

  struct W16 {
    __m512i even, odd;
  };
  struct X16 {
    __m512i even, odd;
  };
  using Sum16 = __m512i;
  static X16 repeat_wide(const int16_t* p) {
    int32_t even, odd;
    std::memcpy(&even, p, 4);
    std::memcpy(&odd, p + 2, 4);
    return {_mm512_set1_epi32(even), _mm512_set1_epi32(odd)};
  }
  static W16 widened(__m512i w) { return {_mm512_srai_epi16(_mm512_slli_epi16(w, 8), 8), _mm512_srai_epi16(w, 8)}; }
  static W16 load_w16(const uint8_t* p) { return widened(_mm512_loadu_si512(p)); }
  template <bool kHigh>
  static W16 load_w16_nibbles(const uint8_t* p) {
    const __m512i w = _mm512_loadu_si512(p), mask = _mm512_set1_epi16(15);
    if constexpr (kHigh) return {_mm512_and_si512(_mm512_srli_epi16(w, 4), mask), _mm512_srli_epi16(w, 12)};
    return {_mm512_and_si512(w, mask), _mm512_and_si512(_mm512_srli_epi16(w, 8), mask)};
  }
  using WideCodes = __m512i;
  static WideCodes wide_codes(const int8_t* values) {
    return _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(values)));
  }
  template <bool kHigh>
  static W16 load_w16_codes(const uint8_t* p, WideCodes codes) {
    const __m512i w = _mm512_loadu_si512(p), mask = _mm512_set1_epi8(15);
    return widened(_mm512_shuffle_epi8(codes, _mm512_and_si512(kHigh ? _mm512_srli_epi16(w, 4) : w, mask)));
  }
  static Sum16 start16(int32_t first) { return _mm512_set1_epi32(first); }
  static Sum16 dot16(Sum16 sum, const W16& w, const X16& x) {
    return _mm512_dpwssd_epi32(_mm512_dpwssd_epi32(sum, w.even, x.even), w.odd, x.odd);
  }
  static F finish16(Sum16 sum) { return _mm512_cvtepi32_ps(sum); }
};

}  // namespace
}  // namespace engine
