// SPDX-License-Identifier: Apache-2.0
#include "engine/formats/quant_blocks.h"

#include <bit>
#include <cstring>

#include "engine/formats/dequantize.h"
#include "engine/formats/iq_grids.h"

namespace engine {
namespace {

struct Bytes {
  const std::byte* at;
  int u8(int i) const { return std::to_integer<int>(at[i]); }
  int i8(int i) const { return static_cast<int8_t>(at[i]); }
  uint16_t u16(int i) const { return static_cast<uint16_t>(u8(i) | u8(i + 1) << 8); }
  float f16(int i) const { return f16_to_f32(u16(i)); }
  uint32_t u32(int i) const {
    uint32_t value;
    std::memcpy(&value, at + i, 4);
    return value;
  }
};

void both(float (&pair)[2], float value) { pair[0] = pair[1] = value; }

void scale_of(QuantBlock& out, int half, int step) {
  out.step[half] = static_cast<int8_t>(step);
  out.scale[half] = f16_to_f32(out.unit) * static_cast<float>(step);
}

void offset_of(QuantBlock& out, int half, int least) {
  out.least[half] = static_cast<int8_t>(least);
  out.offset[half] = -(f16_to_f32(out.least_unit) * static_cast<float>(least));
}

// 16 bytes: value i in the low half of byte i, value i + 16 in its high half.
void split_halves(const Bytes& b, int first, QuantBlock& out, int less) {
  for (int i = 0; i < 16; ++i) {
    out.quants[i] = static_cast<int8_t>((b.u8(first + i) & 15) - less);
    out.quants[i + 16] = static_cast<int8_t>((b.u8(first + i) >> 4) - less);
  }
}

// 32 bytes shared by an even and an odd part: the low halves, then the high ones.
void half_of_bytes(const Bytes& b, int first, int part, QuantBlock& out) {
  const int shift = part % 2 * 4;
  for (int i = 0; i < 32; ++i) out.quants[i] = static_cast<int8_t>(b.u8(first + part / 2 * 32 + i) >> shift & 15);
}

void q4_0(const Bytes& b, QuantBlock& out) {
  both(out.scale, b.f16(0));
  split_halves(b, 2, out, 8);
}

void q4_1(const Bytes& b, QuantBlock& out) {
  both(out.scale, b.f16(0));
  both(out.offset, b.f16(2));
  split_halves(b, 4, out, 0);
}

void fifth_bits(uint32_t bits, QuantBlock& out, int less) {
  for (int i = 0; i < 32; ++i) out.quants[i] = static_cast<int8_t>((out.quants[i] | static_cast<int>(bits >> i & 1U) << 4) - less);
}

void q5_0(const Bytes& b, QuantBlock& out) {
  both(out.scale, b.f16(0));
  split_halves(b, 6, out, 0);
  fifth_bits(b.u32(2), out, 16);
}

void q5_1(const Bytes& b, QuantBlock& out) {
  both(out.scale, b.f16(0));
  both(out.offset, b.f16(2));
  split_halves(b, 8, out, 0);
  fifth_bits(b.u32(4), out, 0);
}

void q8_0(const Bytes& b, QuantBlock& out) {
  both(out.scale, b.f16(0));
  std::memcpy(out.quants, b.at + 2, 32);
}

// 16 bytes of scales (low half) and minima (high half), 64 of quants, d, dmin.
void q2_k(const Bytes& b, int part, QuantBlock& out) {
  out.unit = b.u16(80);
  out.least_unit = b.u16(82);
  for (int half = 0; half < 2; ++half) {
    const int scales = b.u8(part * 2 + half);
    scale_of(out, half, scales & 15);
    offset_of(out, half, scales >> 4);
  }
  for (int i = 0; i < 32; ++i) out.quants[i] = static_cast<int8_t>(b.u8(16 + part / 4 * 32 + i) >> part % 4 * 2 & 3);
}

// 32 bytes of third bits (set: nothing comes off), 64 of quants, 12 of 6-bit scales, d.
void q3_k(const Bytes& b, int part, QuantBlock& out) {
  out.unit = b.u16(108);
  for (int half = 0; half < 2; ++half) {
    const int s = part * 2 + half;
    const int low = b.u8(96 + s % 8) >> s / 8 * 4 & 15, high = b.u8(104 + s % 4) >> s / 4 * 2 & 3;
    scale_of(out, half, (low | high << 4) - 32);
  }
  for (int i = 0; i < 32; ++i) {
    const int low = b.u8(32 + part / 4 * 32 + i) >> part % 4 * 2 & 3;
    out.quants[i] = static_cast<int8_t>(low - (b.u8(i) >> part & 1 ? 0 : 4));
  }
}

// 12 bytes at 4: eight 6-bit scales and eight 6-bit minima.
void scale_and_least(const Bytes& b, int part, QuantBlock& out) {
  const int j = part % 4, d = b.u8(4 + j), m = b.u8(8 + j), high = b.u8(12 + j);
  const int scale = part < 4 ? d & 63 : (high & 15) | (d >> 2 & 48), least = part < 4 ? m & 63 : high >> 4 | (m >> 2 & 48);
  out.unit = b.u16(0);
  out.least_unit = b.u16(2);
  for (int half = 0; half < 2; ++half) {
    scale_of(out, half, scale);
    offset_of(out, half, least);
  }
}

void q4_k(const Bytes& b, int part, QuantBlock& out) {
  scale_and_least(b, part, out);
  half_of_bytes(b, 16, part, out);
}

void q5_k(const Bytes& b, int part, QuantBlock& out) {
  scale_and_least(b, part, out);
  half_of_bytes(b, 48, part, out);
  for (int i = 0; i < 32; ++i) out.quants[i] = static_cast<int8_t>(out.quants[i] | (b.u8(16 + i) >> part & 1) << 4);
}

// 128 bytes of low halves, 64 of upper bits, 16 scales of 8 bits, d.
void q6_k(const Bytes& b, int part, QuantBlock& out) {
  out.unit = b.u16(208);
  for (int half = 0; half < 2; ++half) scale_of(out, half, b.i8(192 + part * 2 + half));
  for (int i = 0; i < 32; ++i) {
    const int low = b.u8(part / 4 * 64 + part % 2 * 32 + i) >> part % 4 / 2 * 4 & 15;
    const int high = b.u8(128 + part / 4 * 32 + i) >> part % 4 * 2 & 3;
    out.quants[i] = static_cast<int8_t>((low | high << 4) - 32);
  }
}

// Eight signs out of seven bits: their product is positive.
unsigned eight_signs(unsigned seven) { return seven | static_cast<unsigned>(std::popcount(seven) & 1) << 7; }

// d, then per part two words: four lattice points, four times seven signs and a scale of four bits.
void iq2_xxs(const Bytes& b, int part, QuantBlock& out) {
  static constexpr int8_t kValues[4] = {8, 25, 43, 0};
  const uint32_t word = b.u32(2 + part * 8 + 4);
  both(out.scale, b.f16(0) * (0.5f + static_cast<float>(word >> 28)) * 0.25f);
  for (int g = 0; g < 4; ++g) {
    const unsigned signs = eight_signs(word >> 7 * g & 127U);
    const uint16_t point = kIq2XxsGrid[b.u8(2 + part * 8 + g)];
    for (int i = 0; i < 8; ++i) {
      const int8_t value = kValues[point >> 2 * i & 3];
      out.quants[g * 8 + i] = signs >> i & 1U ? static_cast<int8_t>(-value) : value;
    }
  }
}

// d, 64 lattice points of four values, then per part a word with signs and scale.
void iq3_xxs(const Bytes& b, int part, QuantBlock& out) {
  static constexpr int8_t kValues[8] = {4, 12, 20, 28, 36, 44, 52, 62};
  const uint32_t word = b.u32(66 + part * 4);
  both(out.scale, b.f16(0) * (0.5f + static_cast<float>(word >> 28)) * 0.5f);
  for (int g = 0; g < 8; ++g) {
    const unsigned signs = eight_signs(word >> 7 * (g / 2) & 127U) >> g % 2 * 4;
    const uint16_t point = kIq3XxsGrid[b.u8(2 + part * 8 + g)];
    for (int i = 0; i < 4; ++i) {
      const int8_t value = kValues[point >> 4 * i & 7];
      out.quants[g * 4 + i] = signs >> i & 1U ? static_cast<int8_t>(-value) : value;
    }
  }
}

void look_up(const int8_t (&values)[16], QuantBlock& out) {
  for (int8_t& q : out.quants) q = values[q];
}

void iq4_nl(const Bytes& b, QuantBlock& out) {
  both(out.scale, b.f16(0));
  split_halves(b, 2, out, 0);
  look_up(kIq4Values, out);
}

// d, upper bits of the scales, lower halves of the scales, quants.
void iq4_xs(const Bytes& b, int part, QuantBlock& out) {
  const int low = b.u8(4 + part / 2) >> part % 2 * 4 & 15, high = (b.u8(2) | b.u8(3) << 8) >> 2 * part & 3;
  both(out.scale, b.f16(0) * static_cast<float>((low | high << 4) - 32));
  split_halves(b, 8 + part * 16, out, 0);
  look_up(kIq4Values, out);
}

// An exponent byte, then E2M1 values: the numbers are doubled, so the scale is half.
void mxfp4(const Bytes& b, QuantBlock& out) {
  const auto e = static_cast<uint32_t>(b.u8(0));
  both(out.scale, std::bit_cast<float>(e < 2 ? uint32_t{0x00200000} << e : (e - 1) << 23));
  split_halves(b, 1, out, 0);
  look_up(kFp4Values, out);
}

// E2M1 values in their order; the scale stands apart, so that here it is the half that undoes the doubling.
void fp4(const Bytes& b, QuantBlock& out) {
  both(out.scale, 0.5f);
  for (int i = 0; i < 16; ++i) {
    out.quants[2 * i] = kFp4Values[b.u8(i) & 15];
    out.quants[2 * i + 1] = kFp4Values[b.u8(i) >> 4];
  }
}

}  // namespace

void decode_block(DType type, const std::byte* block, int part, QuantBlock& out) {
  const Bytes b{block};
  both(out.offset, 0.0f);
  switch (type) {
    case DType::kQ4_0: return q4_0(b, out);
    case DType::kQ4_1: return q4_1(b, out);
    case DType::kQ5_0: return q5_0(b, out);
    case DType::kQ5_1: return q5_1(b, out);
    case DType::kQ8_0: return q8_0(b, out);
    case DType::kQ2_K: return q2_k(b, part, out);
    case DType::kQ3_K: return q3_k(b, part, out);
    case DType::kQ4_K: return q4_k(b, part, out);
    case DType::kQ5_K: return q5_k(b, part, out);
    case DType::kQ6_K: return q6_k(b, part, out);
    case DType::kIQ2_XXS: return iq2_xxs(b, part, out);
    case DType::kIQ3_XXS: return iq3_xxs(b, part, out);
    case DType::kIQ4_NL: return iq4_nl(b, out);
    case DType::kIQ4_XS: return iq4_xs(b, part, out);
    case DType::kMXFP4: return mxfp4(b, out);
    case DType::kFP4: return fp4(b, out);
    case DType::kF8_E4M3:
    case DType::kF8_E8M0:
    case DType::kU8:
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16:
    case DType::kI64:
    case DType::kI32: return;
  }
}

}  // namespace engine
