// SPDX-License-Identifier: Apache-2.0
// tests/engine/cuda_matrices.h: random matrices in every form that the device keeps them in, and the values that they
// stand for.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "engine/cuda/matrix.h"
#include "engine/formats/dequantize.h"
#include "tests/engine/cuda_values.h"

namespace engine::cuda::test {

inline uint16_t bf16_bits(float v) {
  const __nv_bfloat16 b = __float2bfloat16_rn(v);
  uint16_t bits;
  std::memcpy(&bits, &b, sizeof bits);
  return bits;
}
inline float bf16_value(uint16_t bits) {
  const uint32_t word = static_cast<uint32_t>(bits) << 16;
  float v;
  std::memcpy(&v, &word, sizeof v);
  return v;
}
inline float bf16_rounded(float v) {
  return bf16_value(bf16_bits(v));
}
inline uint16_t half_bits(float v) {
  const __half h = __float2half_rn(v);
  uint16_t bits;
  std::memcpy(&bits, &h, sizeof bits);
  return bits;
}
inline float half_value(uint16_t bits) {
  __half_raw raw;
  raw.x = bits;
  return __half2float(__half(raw));
}

using Random = std::mt19937;
inline float uniform(Random& random, float low = -1.0f, float high = 1.0f) {
  return low + (high - low) * static_cast<float>(random() >> 8) * 0x1p-24f;
}
inline std::vector<float> floats(Random& random, int64_t n) {
  std::vector<float> v(static_cast<size_t>(n));
  for (float& f : v) f = uniform(random);
  return v;
}

// How a matrix is written down.
struct Form {
  Format format = Format::kBF16;
  Nibbles nibbles = Nibbles::kMinus8;
  bool bf16_scales = false, offsets = false, wide_scales = false;
};

struct TestMatrix {
  Matrix matrix;
  std::vector<double> values;  // [n_experts, n_out, n_in], as the product is to see them
  DeviceBuffer<uint8_t> quants, scales, offsets;
};

template <typename T>
DeviceBuffer<uint8_t> upload_bytes(const std::vector<T>& v) {
  std::vector<uint8_t> bytes(v.size() * sizeof(T));
  if (!v.empty()) std::memcpy(bytes.data(), v.data(), bytes.size());
  return on_device(bytes);
}

inline int number_of(Nibbles kind, int h) {
  static constexpr int curve[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
  static constexpr int fp4[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
  return kind == Nibbles::kMinus8      ? h - 8
         : kind == Nibbles::kPlain     ? h
         : kind == Nibbles::kNonLinear ? curve[h]
                                       : fp4[h];
}

inline TestMatrix make_matrix(Random& random, const Form& form, int64_t n_experts, int64_t n_out, int64_t n_in,
                              bool exact = false) {
  const size_t n = static_cast<size_t>(n_experts * n_out * n_in);
  TestMatrix t;
  const bool wide_scales = form.wide_scales && n_in % 128 == 0;
  t.matrix = {form.format, form.nibbles, form.bf16_scales, wide_scales, nullptr,
              nullptr,     nullptr,      n_experts,        n_out,       n_in};
  t.values.resize(n);
  const auto keep = [&](size_t i, float v) { t.values[i] = static_cast<double>(exact ? v : bf16_rounded(v)); };
  if (form.format == Format::kFp8) {
    const size_t run = wide_scales ? 128 : 32;
    std::vector<float> scale(n / run);
    for (float& s : scale) s = uniform(random, 0.001f, 0.01f);
    std::vector<uint8_t> codes(n);
    for (size_t i = 0; i < n; ++i) {
      const auto code = static_cast<uint8_t>(random() >> 8 & 255);
      codes[i] = (code & 0x7f) == 0x7f ? uint8_t{0} : code;  // not NaN
      keep(i, e4m3_to_f32(codes[i]) * scale[i / run]);
    }
    t.quants = upload_bytes(codes);
    t.scales = upload_bytes(scale);
  } else if (!t.matrix.whole_numbers()) {
    std::vector<float> wide(n);
    std::vector<uint16_t> narrow(n);
    for (size_t i = 0; i < n; ++i) {
      wide[i] = uniform(random);
      narrow[i] = form.format == Format::kF16 ? half_bits(wide[i]) : bf16_bits(wide[i]);
      keep(i, form.format == Format::kF32   ? wide[i]
              : form.format == Format::kF16 ? half_value(narrow[i])
                                            : bf16_value(narrow[i]));
    }
    t.quants = form.format == Format::kF32 ? upload_bytes(wide) : upload_bytes(narrow);
  } else {
    const bool wide = form.format == Format::kWide, nibbles = form.format == Format::kInt4;
    const size_t block = wide ? 16 : 32;
    std::vector<float> scale(n / block), offset(n / block, 0.0f);
    std::vector<uint16_t> scale_bits(n / block), offset_bits(n / block);
    const auto bits_of = [&](float v) { return form.bf16_scales ? bf16_bits(v) : half_bits(v); };
    const auto value_of = [&](uint16_t bits) { return form.bf16_scales ? bf16_value(bits) : half_value(bits); };
    for (size_t b = 0; b < scale.size(); ++b) {
      scale[b] = uniform(random, 0.001f, 0.01f);
      if (form.offsets) offset[b] = uniform(random, -0.1f, 0.1f);
      if (wide) continue;
      scale_bits[b] = bits_of(scale[b]), scale[b] = value_of(scale_bits[b]);
      offset_bits[b] = bits_of(offset[b]), offset[b] = value_of(offset_bits[b]);
    }
    std::vector<uint8_t> quants(nibbles ? n / 2 : n, 0);
    for (size_t i = 0; i < n; ++i) {
      int number = static_cast<int>(random() >> 8 & 255) - 128;
      if (nibbles) {
        const int h = static_cast<int>(random() >> 8 & 15);
        number = number_of(form.nibbles, h);
        uint8_t& byte = quants[i / 32 * 16 + i % 16];
        byte = static_cast<uint8_t>(byte | (i % 32 < 16 ? h : h << 4));
      } else {
        quants[i] = static_cast<uint8_t>(static_cast<int8_t>(number));
      }
      keep(i, std::fma(scale[i / block], static_cast<float>(number), offset[i / block]));
    }
    t.quants = upload_bytes(quants);
    t.scales = wide ? upload_bytes(scale) : upload_bytes(scale_bits);
    if (form.offsets) t.offsets = wide ? upload_bytes(offset) : upload_bytes(offset_bits);
  }
  t.matrix.quants = t.quants.data();
  t.matrix.scales = t.scales.data();
  t.matrix.offsets = t.offsets.data();
  return t;
}

}  // namespace engine::cuda::test
