// SPDX-License-Identifier: Apache-2.0
// engine/kernels/simd_avx2.h: the vector steps that fast_*.h is written in, for AVX2 with FMA and F16C.
//
// Only for translation units compiled with those flags; everything is in an unnamed namespace so that no copy of it can be
// linked into code that runs on older CPUs. A tile's 16 rows are two vectors here, one in simd_avx512.h.
#pragma once
#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace engine {
namespace {

struct Avx2 {
  static constexpr bool kPairProducts = false;  // of bf16 (simd_avx512_bf16.h)
  static constexpr bool kTileProducts = false;
  static constexpr int kWidth = 8;
  static constexpr int kTileTokens = 4, kTileVectors = 2, kRowVectors = 2;  // of quantised products (fast_matmul.h)
  static constexpr int kHeldSums = 4;  // of a tile, that registers hold beside a block's products
  static constexpr int kWideTileTokens = 4;  // with 16 bits
  using F = __m256;

  static F zero() { return _mm256_setzero_ps(); }
  static F set1(float x) { return _mm256_set1_ps(x); }
  static F load(const float* p) { return _mm256_loadu_ps(p); }
  static void store(float* p, F x) { _mm256_storeu_ps(p, x); }
  static F load_f16(const uint8_t* p) { return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
  static F load_i8(const uint8_t* p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
  }
  static F load_bf16(const uint8_t* p) {
    const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
  }
  // E4M3 as an f16 with the same bits, whose exponent counts from 8 less: a 256th of the value, subnormals included. The code
  // of NaN becomes a number.
  static F load_e4m3(const uint8_t* p) {
    const __m128i wide = _mm_cvtepi8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
    return _mm256_cvtph_ps(_mm_and_si128(_mm_slli_epi16(wide, 7), _mm_set1_epi16(static_cast<int16_t>(0xBFFF))));
  }
  static F add(F a, F b) { return _mm256_add_ps(a, b); }
  static F sub(F a, F b) { return _mm256_sub_ps(a, b); }
  static F mul(F a, F b) { return _mm256_mul_ps(a, b); }
  static F div(F a, F b) { return _mm256_div_ps(a, b); }
  static F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
  static F abs(F a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
  // Where an operand is NaN the second one is returned: callers put the value that must survive there.
  static F min(F a, F b) { return _mm256_min_ps(a, b); }
  static F max(F a, F b) { return _mm256_max_ps(a, b); }
  static F round(F a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  static F pow2(F n) {  // 2^n for whole n in [-126, 127]
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
  }
  static F zero_below(F value, F x, F limit) {  // x < limit ? 0 : value
    return _mm256_andnot_ps(_mm256_cmp_ps(x, limit, _CMP_LT_OQ), value);
  }
  static float sum(F a) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
  }
  static constexpr int kDotTile = 8, kValueTile = 2;  // of attention (fast_attention.h)
  // Lanes that are 4, 2 and 1 apart, in this order, as sum() adds them.
  static void sums(const F (&a)[kDotTile], float* out) {
    const auto four = [](F p, F q) { return _mm256_add_ps(_mm256_permute2f128_ps(p, q, 0x20), _mm256_permute2f128_ps(p, q, 0x31)); };
    const auto two = [](F p, F q) { return _mm256_add_ps(_mm256_shuffle_ps(p, q, 0x44), _mm256_shuffle_ps(p, q, 0xEE)); };
    const auto one = [](F p, F q) { return _mm256_add_ps(_mm256_shuffle_ps(p, q, 0x88), _mm256_shuffle_ps(p, q, 0xDD)); };
    const F low = two(four(a[0], a[4]), four(a[1], a[5])), high = two(four(a[2], a[6]), four(a[3], a[7]));
    _mm256_storeu_ps(out, one(low, high));
  }
  // What was loaded, to be used more than once: g++ 12 would read it from memory each time.
  static F in_register(F x) {
    asm("" : "+x"(x));
    return x;
  }
  static float max_of(F a) {
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_shuffle_ps(s, s, 1)));
  }
  // Stores kWidth whole numbers in [-127, 127] as bytes and returns their sum's parts through `total`.
  static void store_quants(int8_t* p, F x, int32_t& total) {
    const __m256i i = _mm256_cvtps_epi32(x);
    const __m128i half = _mm_packs_epi32(_mm256_castsi256_si128(i), _mm256_extracti128_si256(i, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(half, half));
    __m128i s = _mm_madd_epi16(half, _mm_set1_epi16(1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
    total += _mm_cvtsi128_si32(s);
  }

  // The same of whole numbers in [-32767, 32767], as quantize.h lays out wide ones.
  static void store_quants(int16_t* p, F x, int32_t& total) {
    const __m256i i = _mm256_cvtps_epi32(x);
    const __m128i half = _mm_packs_epi32(_mm256_castsi256_si128(i), _mm256_extracti128_si256(i, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_shufflehi_epi16(_mm_shufflelo_epi16(half, 0xD8), 0xD8));
    __m128i s = _mm_madd_epi16(half, _mm_set1_epi16(1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
    total += _mm_cvtsi128_si32(s);
  }

  // --- int8 dot products: kWidth rows, four values of each per step ------------------------------------------------
  using X4 = __m256i;  // four activations, repeated for every row
  static X4 repeat4(const int8_t* p) {
    int32_t four;
    std::memcpy(&four, p, 4);
    return _mm256_set1_epi32(four);
  }

  // Keeps the additions where they are written. g++ 12 collects all products of a block first and spills them: a third of
  // the speed of a tile.
  static __m256i in_order(__m256i sum) {
    asm volatile("" : "+x"(sum));
    return sum;
  }

  // Signed weights. maddubs wants one unsigned side: |w|, with w's sign moved to the activation. Two products fit 16 bits
  // (2 * 128 * 127 = 32,512), four do not, so every step widens.
  struct W8 {
    __m256i value, magnitude;
  };
  using Sum8 = __m256i;
  static W8 load_w8(const uint8_t* p) {
    const __m256i w = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return {w, _mm256_abs_epi8(w)};
  }
  static Sum8 start8(int32_t) { return _mm256_setzero_si256(); }
  static Sum8 dot8(Sum8 sum, const W8& w, X4 x) {
    const __m256i pairs = _mm256_maddubs_epi16(w.magnitude, _mm256_sign_epi8(x, w.value));
    return in_order(_mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))));
  }
  static F finish8(Sum8 sum) { return _mm256_cvtepi32_ps(sum); }

  using Codes = __m256i;
  static Codes codes(const int8_t* values) { return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(values))); }
  static void load_codes(const uint8_t* p, Codes codes, W8& low, W8& high) {
    const __m256i w = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)), mask = _mm256_set1_epi8(15);
    low.value = _mm256_shuffle_epi8(codes, _mm256_and_si256(w, mask));
    high.value = _mm256_shuffle_epi8(codes, _mm256_and_si256(_mm256_srli_epi16(w, 4), mask));
    low.magnitude = _mm256_abs_epi8(low.value);
    high.magnitude = _mm256_abs_epi8(high.value);
  }

  // Unsigned 4-bit weights. A whole block of 32 fits 16 bits (8 * 2 * 15 * 127 = 30,480), so widening waits for its end.
  struct W4 {
    __m256i low, high;
  };
  using Sum4 = __m256i;
  static W4 load_w4(const uint8_t* p) {
    const __m256i w = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)), mask = _mm256_set1_epi8(15);
    return {_mm256_and_si256(w, mask), _mm256_and_si256(_mm256_srli_epi16(w, 4), mask)};
  }
  static Sum4 start4(int32_t) { return _mm256_setzero_si256(); }
  static Sum4 dot4(Sum4 sum, __m256i w, X4 x) { return in_order(_mm256_add_epi16(sum, _mm256_maddubs_epi16(w, x))); }
  // The stored 4 bits are 8 above the weight: 8 * (sum of the block's activations) comes off.
  static F finish4(Sum4 sum, int32_t block_sum) {
    const __m256i wide = _mm256_madd_epi16(sum, _mm256_set1_epi16(1));
    return _mm256_cvtepi32_ps(_mm256_sub_epi32(wide, _mm256_set1_epi32(8 * block_sum)));
  }

  // Sums of a half block with bytes of few bits stay within 16 bits: 8 products of 32 * 127 are 32,512. A step of their type
  // (quant_blocks.h) multiplies them as they are widened.
  static constexpr bool kFewBits = true;
  using Steps = __m256i;
  static Steps load_steps(const uint8_t* p) {
    const __m256i wide = _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
    return _mm256_blend_epi16(wide, _mm256_slli_epi32(wide, 16), 0xAA);
  }
  static Steps one_step() { return _mm256_set1_epi16(1); }
  static Sum4 dot_few(Sum4 sum, const W8& w, X4 x) { return dot4(sum, w.magnitude, _mm256_sign_epi8(x, w.value)); }
  static __m256i load_unsigned(const uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
  static F times_steps(Sum4 sum, Steps steps) { return _mm256_cvtepi32_ps(_mm256_madd_epi16(sum, steps)); }

  // --- int16 dot products: the same four values, as two pairs ------------------------------------------------------
  // A block's sum fits 32 bits: 32 * 128 * 32,767 is a sixteenth of the range.
  struct W16 {
    __m256i even, odd;  // of the bytes
  };
  struct X16 {
    __m256i even, odd;
  };
  using Sum16 = __m256i;
  static X16 repeat_wide(const int16_t* p) {
    int32_t even, odd;
    std::memcpy(&even, p, 4);
    std::memcpy(&odd, p + 2, 4);
    return {_mm256_set1_epi32(even), _mm256_set1_epi32(odd)};
  }
  static W16 widened(__m256i w) { return {_mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8), _mm256_srai_epi16(w, 8)}; }
  static W16 load_w16(const uint8_t* p) { return widened(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
  template <bool kHigh>
  static W16 load_w16_nibbles(const uint8_t* p) {
    const __m256i w = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)), mask = _mm256_set1_epi16(15);
    if constexpr (kHigh) return {_mm256_and_si256(_mm256_srli_epi16(w, 4), mask), _mm256_srli_epi16(w, 12)};
    return {_mm256_and_si256(w, mask), _mm256_and_si256(_mm256_srli_epi16(w, 8), mask)};
  }
  using WideCodes = __m256i;
  static WideCodes wide_codes(const int8_t* values) { return codes(values); }
  template <bool kHigh>
  static W16 load_w16_codes(const uint8_t* p, WideCodes codes) {
    const __m256i w = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)), mask = _mm256_set1_epi8(15);
    return widened(_mm256_shuffle_epi8(codes, _mm256_and_si256(kHigh ? _mm256_srli_epi16(w, 4) : w, mask)));
  }
  static Sum16 start16(int32_t first) { return _mm256_set1_epi32(first); }
  static Sum16 dot16(Sum16 sum, const W16& w, const X16& x) {
    sum = in_order(_mm256_add_epi32(sum, _mm256_madd_epi16(w.even, x.even)));
    return in_order(_mm256_add_epi32(sum, _mm256_madd_epi16(w.odd, x.odd)));
  }
  static F finish16(Sum16 sum) { return _mm256_cvtepi32_ps(sum); }
};

}  // namespace
}  // namespace engine
