// SPDX-License-Identifier: Apache-2.0
// engine/kernels/simd_portable.h: the vector steps of simd_avx2.h in the vectors of 16 bytes that gcc and clang have for every CPU.
//
// Loops over single values would do, but take the compiler three times as long to put together again once it has unrolled them.
// It also tells rounding from error in tests: it computes with the same rounded activations as the other paths.
#pragma once
#include <cstdint>
#include <cstring>

#include "engine/formats/dequantize.h"

namespace engine {
namespace {

struct Portable {
  static constexpr bool kPairProducts = false;  // of bf16 (simd_avx512_bf16.h)
  static constexpr bool kTileProducts = false;
  static constexpr int kWidth = 16;
  static constexpr int kTileTokens = 4, kTileVectors = 1, kRowVectors = 1;  // of quantised products (fast_matmul.h)
  static constexpr int kHeldSums = 4;
  static constexpr bool kFewBits = false;  // added up in 16 bits (fast_matmul_steps.h)
  static constexpr int kWideTileTokens = 1;  // with 16 bits: nothing is unpacked here that tokens could share, and each tile takes long to compile
  using Floats = float __attribute__((vector_size(16)));
  using Ints = int32_t __attribute__((vector_size(16)));
  using Shorts = int16_t __attribute__((vector_size(16)));
  struct F {
    Floats v[4];
    float operator[](int i) const { return v[i / 4][i % 4]; }
  };
  struct I32 {
    Ints v[4];
  };
  template <typename Op>
  static F each(Op op) {  // single values
    float out[kWidth];
    for (int i = 0; i < kWidth; ++i) out[i] = op(i);
    return load(out);
  }
  template <typename Op>
  static F fours(Op op) {
    return {{op(0), op(1), op(2), op(3)}};
  }

  static F zero() { return F{}; }
  static F set1(float x) { return fours([&](int) { return Floats{x, x, x, x}; }); }
  static F load(const float* p) {
    F out;
    std::memcpy(&out, p, sizeof out);
    return out;
  }
  static void store(float* p, const F& x) { std::memcpy(p, &x, sizeof x); }
  static F load_f16(const uint8_t* p) { return each([&](int i) { return f16_to_f32(half_at(p, i)); }); }
  static F load_i8(const uint8_t* p) { return each([&](int i) { return static_cast<float>(static_cast<int8_t>(p[i])); }); }
  static F load_bf16(const uint8_t* p) { return each([&](int i) { return bf16_to_f32(half_at(p, i)); }); }
  // E4M3 as an f16 with the same bits, whose exponent counts from 8 less: a 256th of the value, subnormals included. The code
  // of NaN becomes a number.
  static F load_e4m3(const uint8_t* p) {
    return each([&](int i) { return f16_to_f32(static_cast<uint16_t>((p[i] & 0x80) << 8 | (p[i] & 0x7F) << 7)); });
  }
  static F add(const F& a, const F& b) { return fours([&](int k) { return a.v[k] + b.v[k]; }); }
  static F sub(const F& a, const F& b) { return fours([&](int k) { return a.v[k] - b.v[k]; }); }
  static F mul(const F& a, const F& b) { return fours([&](int k) { return a.v[k] * b.v[k]; }); }
  static F div(const F& a, const F& b) { return fours([&](int k) { return a.v[k] / b.v[k]; }); }
  static F fma(const F& a, const F& b, const F& c) { return fours([&](int k) { return a.v[k] * b.v[k] + c.v[k]; }); }
  static F abs(const F& a) { return fours([&](int k) { return a.v[k] < 0.0f ? -a.v[k] : a.v[k]; }); }
  static F min(const F& a, const F& b) { return fours([&](int k) { return a.v[k] < b.v[k] ? a.v[k] : b.v[k]; }); }
  static F max(const F& a, const F& b) { return fours([&](int k) { return a.v[k] > b.v[k] ? a.v[k] : b.v[k]; }); }
  static F round(const F& a) {  // to even, for |a| < 2^22: the sum's last bit is worth 1
    constexpr float kShift = 12582912.0f;
    return fours([&](int k) { return (a.v[k] + kShift) - kShift; });
  }
  static F pow2(const F& n) {
    return fours([&](int k) {
      const Ints bits = (__builtin_convertvector(n.v[k], Ints) + 127) << 23;
      return reinterpret_cast<Floats>(bits);
    });
  }
  static F zero_below(const F& value, const F& x, const F& limit) {
    return fours([&](int k) { return x.v[k] < limit.v[k] ? Floats{} : value.v[k]; });
  }
  static float sum(const F& a) {
    float total = 0.0f;
    for (int i = 0; i < kWidth; ++i) total += a[i];
    return total;
  }
  static constexpr int kDotTile = 8, kValueTile = 1;  // of attention (fast_attention.h)
  static void sums(const F (&a)[kDotTile], float* out) {
    for (int i = 0; i < kDotTile; ++i) out[i] = sum(a[i]);
  }
  static F in_register(F x) { return x; }
  static float max_of(const F& a) {
    float top = a[0];
    for (int i = 1; i < kWidth; ++i) top = a[i] > top ? a[i] : top;
    return top;
  }
  static void store_quants(int8_t* p, const F& x, int32_t& total) {
    for (int i = 0; i < kWidth; ++i) {
      p[i] = static_cast<int8_t>(x[i]);
      total += p[i];
    }
  }
  static void store_quants(int16_t* p, const F& x, int32_t& total) {
    constexpr int kPlace[4] = {0, 2, 1, 3};
    for (int i = 0; i < kWidth; ++i) total += p[i / 4 * 4 + kPlace[i % 4]] = static_cast<int16_t>(x[i]);
  }

  // --- int8 dot products -------------------------------------------------------------------------------------------
  // A row's four bytes are a lane of 32 bits. Shifts leave its even and its odd bytes as numbers of 16 bits, which hold the
  // products: two of 128 * 127 fit.
  using Sum8 = I32;
  struct X4 {
    Shorts even, odd;
  };
  static X4 repeat4(const int8_t* p) {
    const int16_t a = p[0], b = p[1], c = p[2], d = p[3];
    return {Shorts{a, c, a, c, a, c, a, c}, Shorts{b, d, b, d, b, d, b, d}};
  }
  struct W8 {
    Shorts v[4];
  };
  static W8 load_w8(const uint8_t* p) {
    W8 w;
    std::memcpy(&w, p, sizeof w);
    return w;
  }
  using Codes = const int8_t*;
  static Codes codes(const int8_t* values) { return values; }
  static void load_codes(const uint8_t* p, Codes values, W8& low, W8& high) {
    int8_t of_low[4 * kWidth], of_high[4 * kWidth];
    for (int i = 0; i < 4 * kWidth; ++i) {
      of_low[i] = values[p[i] & 15];
      of_high[i] = values[p[i] >> 4];
    }
    std::memcpy(&low, of_low, sizeof low);
    std::memcpy(&high, of_high, sizeof high);
  }
  static Sum8 start8(int32_t) { return Sum8{}; }
  static Sum8 dot8(Sum8 sum, const W8& w, const X4& x) {
    for (int k = 0; k < 4; ++k) {
      const Shorts pairs = ((w.v[k] << 8) >> 8) * x.even + (w.v[k] >> 8) * x.odd;
      const auto lanes = reinterpret_cast<Ints>(pairs);
      sum.v[k] += ((lanes << 16) >> 16) + (lanes >> 16);
    }
    return sum;
  }
  static F finish8(const Sum8& sum) { return fours([&](int k) { return __builtin_convertvector(sum.v[k], Floats); }); }

  struct W4 {
    W8 low, high;
  };
  using Sum4 = Sum8;
  static W4 load_w4(const uint8_t* p) {
    const W8 w = load_w8(p);
    W4 halves;
    for (int k = 0; k < 4; ++k) {
      halves.low.v[k] = w.v[k] & 0x0F0F;
      halves.high.v[k] = (w.v[k] >> 4) & 0x0F0F;
    }
    return halves;
  }
  static Sum4 start4(int32_t block_sum) { return start16(-8 * block_sum); }
  static Sum4 dot4(Sum4 sum, const W8& w, const X4& x) { return dot8(sum, w, x); }
  static F finish4(const Sum4& sum, int32_t) { return finish8(sum); }

  // --- int16 dot products: products of 32 bits, one by one -----------------------------------------------------------
  using X16 = const int16_t*;
  static X16 repeat_wide(const int16_t* p) { return p; }
  struct W16 {
    int8_t v[4 * kWidth];
  };
  using Sum16 = Sum8;
  using WideCodes = const int8_t*;
  static W16 load_w16(const uint8_t* p) {
    W16 w;
    std::memcpy(w.v, p, sizeof w.v);
    return w;
  }
  template <bool kHigh>
  static W16 load_w16_nibbles(const uint8_t* p) {
    W16 w;
    for (int i = 0; i < 4 * kWidth; ++i) w.v[i] = static_cast<int8_t>(kHigh ? p[i] >> 4 : p[i] & 15);
    return w;
  }
  static WideCodes wide_codes(const int8_t* values) { return values; }
  template <bool kHigh>
  static W16 load_w16_codes(const uint8_t* p, WideCodes values) {
    W16 w;
    for (int i = 0; i < 4 * kWidth; ++i) w.v[i] = values[kHigh ? p[i] >> 4 : p[i] & 15];
    return w;
  }
  static Sum16 start16(int32_t first) {
    const Ints four{first, first, first, first};
    return {{four, four, four, four}};
  }
  static Sum16 dot16(const Sum16& sum, const W16& w, X16 x) {
    int32_t products[kWidth];
    for (int i = 0; i < kWidth; ++i)
      products[i] = w.v[4 * i] * x[0] + w.v[4 * i + 1] * x[2] + w.v[4 * i + 2] * x[1] + w.v[4 * i + 3] * x[3];
    Sum16 more;
    std::memcpy(&more, products, sizeof more);
    for (int k = 0; k < 4; ++k) more.v[k] += sum.v[k];
    return more;
  }
  static F finish16(const Sum16& sum) { return finish8(sum); }

 private:
  static uint16_t half_at(const uint8_t* p, int i) {
    uint16_t bits;
    std::memcpy(&bits, p + 2 * i, 2);
    return bits;
  }
};

}  // namespace
}  // namespace engine
