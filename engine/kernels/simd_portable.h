// SPDX-License-Identifier: Apache-2.0
// engine/kernels/simd_portable.h: the vector steps of simd_avx2.h as loops over 16 values, for every other CPU.
//
// It also tells rounding from error in tests: it computes with the same 8-bit activations as the other paths.
#pragma once
#include <cstdint>
#include <cstring>

#include "engine/formats/dequantize.h"

namespace engine {
namespace {

struct Portable {
  static constexpr bool kPairProducts = false;  // of bf16 (simd_avx512_bf16.h)
  static constexpr int kWidth = 16;
  static constexpr int kTileTokens = 4, kTileVectors = 1, kRowVectors = 1;  // of quantised products (fast_matmul.h)
  static constexpr int kWideTileTokens = 1;  // with 16 bits: nothing is unpacked here that tokens could share, and each tile takes long to compile
  struct F {
    float v[kWidth];
  };
  template <typename Op>
  static F each(Op op) {
    F out;
    for (int i = 0; i < kWidth; ++i) out.v[i] = op(i);
    return out;
  }

  static F zero() { return set1(0.0f); }
  static F set1(float x) { return each([&](int) { return x; }); }
  static F load(const float* p) { return each([&](int i) { return p[i]; }); }
  static void store(float* p, const F& x) { std::memcpy(p, x.v, sizeof x.v); }
  static F load_f16(const uint8_t* p) { return each([&](int i) { return f16_to_f32(half_at(p, i)); }); }
  static F load_i8(const uint8_t* p) { return each([&](int i) { return static_cast<float>(static_cast<int8_t>(p[i])); }); }
  static F load_bf16(const uint8_t* p) { return each([&](int i) { return bf16_to_f32(half_at(p, i)); }); }
  // E4M3 as an f16 with the same bits, whose exponent counts from 8 less: a 256th of the value, subnormals included. The code
  // of NaN becomes a number.
  static F load_e4m3(const uint8_t* p) {
    return each([&](int i) { return f16_to_f32(static_cast<uint16_t>((p[i] & 0x80) << 8 | (p[i] & 0x7F) << 7)); });
  }
  static F add(const F& a, const F& b) { return each([&](int i) { return a.v[i] + b.v[i]; }); }
  static F sub(const F& a, const F& b) { return each([&](int i) { return a.v[i] - b.v[i]; }); }
  static F mul(const F& a, const F& b) { return each([&](int i) { return a.v[i] * b.v[i]; }); }
  static F div(const F& a, const F& b) { return each([&](int i) { return a.v[i] / b.v[i]; }); }
  static F fma(const F& a, const F& b, const F& c) { return each([&](int i) { return a.v[i] * b.v[i] + c.v[i]; }); }
  static F abs(const F& a) { return each([&](int i) { return a.v[i] < 0.0f ? -a.v[i] : a.v[i]; }); }
  static F min(const F& a, const F& b) { return each([&](int i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; }); }
  static F max(const F& a, const F& b) { return each([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; }); }
  static F round(const F& a) {  // to even, for |a| < 2^22: the sum's last bit is worth 1
    constexpr float kShift = 12582912.0f;
    return each([&](int i) { return (a.v[i] + kShift) - kShift; });
  }
  static F pow2(const F& n) {
    return each([&](int i) {
      const int32_t bits = (static_cast<int32_t>(n.v[i]) + 127) * (1 << 23);
      float value;
      std::memcpy(&value, &bits, 4);
      return value;
    });
  }
  static F zero_below(const F& value, const F& x, const F& limit) {
    return each([&](int i) { return x.v[i] < limit.v[i] ? 0.0f : value.v[i]; });
  }
  static float sum(const F& a) {
    float total = 0.0f;
    for (const float x : a.v) total += x;
    return total;
  }
  static constexpr int kDotTile = 8, kValueTile = 1;  // of attention (fast_attention.h)
  static void sums(const F (&a)[kDotTile], float* out) {
    for (int i = 0; i < kDotTile; ++i) out[i] = sum(a[i]);
  }
  static float max_of(const F& a) {
    float top = a.v[0];
    for (const float x : a.v) top = x > top ? x : top;
    return top;
  }
  static void store_quants(int8_t* p, const F& x, int32_t& total) {
    for (int i = 0; i < kWidth; ++i) {
      p[i] = static_cast<int8_t>(x.v[i]);
      total += p[i];
    }
  }
  static void store_quants(int16_t* p, const F& x, int32_t& total) {
    constexpr int kPlace[4] = {0, 2, 1, 3};
    for (int i = 0; i < kWidth; ++i) total += p[i / 4 * 4 + kPlace[i % 4]] = static_cast<int16_t>(x.v[i]);
  }

  using X4 = const int8_t*;
  static X4 repeat4(const int8_t* p) { return p; }
  struct Sum8 {
    int32_t v[kWidth];
  };
  struct W8 {
    int8_t v[4 * kWidth];
  };
  static W8 load_w8(const uint8_t* p) {
    W8 w;
    std::memcpy(w.v, p, sizeof w.v);
    return w;
  }
  using Codes = const int8_t*;
  static Codes codes(const int8_t* values) { return values; }
  static void load_codes(const uint8_t* p, Codes values, W8& low, W8& high) {
    for (int i = 0; i < 4 * kWidth; ++i) {
      low.v[i] = values[p[i] & 15];
      high.v[i] = values[p[i] >> 4];
    }
  }
  static Sum8 start8(int32_t) { return Sum8{}; }
  static Sum8 dot8(Sum8 sum, const W8& w, X4 x) {
    for (int i = 0; i < kWidth; ++i)
      sum.v[i] += w.v[4 * i] * x[0] + w.v[4 * i + 1] * x[1] + w.v[4 * i + 2] * x[2] + w.v[4 * i + 3] * x[3];
    return sum;
  }
  static F finish8(const Sum8& sum) { return each([&](int i) { return static_cast<float>(sum.v[i]); }); }

  struct Half4 {
    uint8_t v[4 * kWidth];
  };
  struct W4 {
    Half4 low, high;
  };
  using Sum4 = Sum8;
  static W4 load_w4(const uint8_t* p) {
    W4 w;
    for (int i = 0; i < 4 * kWidth; ++i) {
      w.low.v[i] = p[i] & 15;
      w.high.v[i] = static_cast<uint8_t>(p[i] >> 4);
    }
    return w;
  }
  static Sum4 start4(int32_t block_sum) {
    Sum4 sum;
    for (int32_t& x : sum.v) x = -8 * block_sum;
    return sum;
  }
  static Sum4 dot4(Sum4 sum, const Half4& w, X4 x) {
    for (int i = 0; i < kWidth; ++i)
      sum.v[i] += w.v[4 * i] * x[0] + w.v[4 * i + 1] * x[1] + w.v[4 * i + 2] * x[2] + w.v[4 * i + 3] * x[3];
    return sum;
  }
  static F finish4(const Sum4& sum, int32_t) { return finish8(sum); }

  using X16 = const int16_t*;
  static X16 repeat_wide(const int16_t* p) { return p; }
  using W16 = W8;
  using Sum16 = Sum8;
  using WideCodes = const int8_t*;
  static W16 load_w16(const uint8_t* p) { return load_w8(p); }
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
    Sum16 sum;
    for (int32_t& x : sum.v) x = first;
    return sum;
  }
  static Sum16 dot16(Sum16 sum, const W16& w, X16 x) {
    for (int i = 0; i < kWidth; ++i)
      sum.v[i] += w.v[4 * i] * x[0] + w.v[4 * i + 1] * x[2] + w.v[4 * i + 2] * x[1] + w.v[4 * i + 3] * x[3];
    return sum;
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
