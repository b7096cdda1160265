// SPDX-License-Identifier: Apache-2.0
#include "engine/formats/quantize_rows.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "engine/formats/dequantize.h"
#include "engine/formats/quant_blocks.h"

namespace engine {
namespace {

uint8_t* bytes_of(std::byte* p) {
  return reinterpret_cast<uint8_t*>(p);
}

// Stores `value` as f16 and returns what a reader will find there.
float put_f16(uint8_t* at, float value) {
  const uint16_t bits = f32_to_f16(value);
  std::memcpy(at, &bits, 2);
  return f16_to_f32(bits);
}

int to_level(float value, int least,
             int most) {  // anything may come: a scale of next to nothing has an infinite inverse
  if (!(value > static_cast<float>(least))) return least;
  return value >= static_cast<float>(most) ? most : static_cast<int>(std::lrint(value));
}
float inverse(float value) {
  return value == 0.0f ? 0.0f : 1.0f / value;
}

// The value furthest from 0, with its sign.
float furthest(const float* x, int n) {
  float best = 0.0f;
  for (int i = 0; i < n; ++i)
    if (std::fabs(x[i]) > std::fabs(best)) best = x[i];
  return best;
}

// How much the error of a value counts: as any other's, or by its square.
enum class Weigh { kAlike, kBySquare };
float weight_of(Weigh weigh, float x) {
  return weigh == Weigh::kAlike ? 1.0f : x * x;
}

// A scale s for levels in [-n_levels, n_levels - 1], so that sum w (x - s q)^2 is small: the furthest value falls on or near the
// lowest level, or the highest; of 38 choices of where, the best, with the scale that fits its levels.
float symmetric_scale(const float* x, int n, int n_levels, Weigh weigh) {
  const float far = furthest(x, n);
  if (far == 0.0f) return 0.0f;
  float best = -1.0f, scale = 0.0f;
  for (const int end : {-n_levels, n_levels - 1})
    for (int step = -9; step <= 9; ++step) {
      const float turn = (static_cast<float>(end) + 0.1f * static_cast<float>(step)) / far;
      float xq = 0.0f, qq = 0.0f;
      for (int i = 0; i < n; ++i) {
        const float q = static_cast<float>(to_level(turn * x[i], -n_levels, n_levels - 1)), w = weight_of(weigh, x[i]);
        xq += w * x[i] * q;
        qq += w * q * q;
      }
      if (qq > 0.0f && xq * xq > best * qq) best = xq * xq / qq, scale = xq / qq;
    }
  return scale;
}

struct Affine {
  float scale = 0.0f, least = 0.0f;  // value = scale * q - least
};

// Scale and offset for levels in [0, n_levels): 21 widths of the range, each with the line that fits its levels.
Affine affine_scale(const float* x, int n, int n_levels) {
  float low = 0.0f, high = x[0], square = 0.0f;  // the offset may only go down from 0
  for (int i = 0; i < n; ++i) low = std::min(low, x[i]), high = std::max(high, x[i]), square += x[i] * x[i];
  if (high <= low) return {0.0f, -low};
  const float mean = std::sqrt(square / static_cast<float>(n)), top = static_cast<float>(n_levels - 1);
  Affine best;
  float best_error = INFINITY;
  for (int step = -1; step <= 20; ++step) {
    const float turn = (top + (step < 0 ? 0.0f : -1.0f + 0.1f * static_cast<float>(step))) / (high - low);
    float w_sum = 0, wx = 0, wq = 0, wqq = 0, wxq = 0;
    const auto level = [&](float v) { return static_cast<float>(to_level(turn * (v - low), 0, n_levels - 1)); };
    for (int i = 0; i < n; ++i) {
      const float w = mean + std::fabs(x[i]), q = level(x[i]);
      w_sum += w, wx += w * x[i], wq += w * q, wqq += w * q * q, wxq += w * x[i] * q;
    }
    const float det = w_sum * wqq - wq * wq;
    Affine line{1.0f / turn, -low};
    if (step >= 0 && det > 0.0f) {
      line = {(w_sum * wxq - wx * wq) / det, -(wqq * wx - wq * wxq) / det};
      if (line.least < 0.0f) line = {wqq > 0.0f ? wxq / wqq : 0.0f, 0.0f};
    }
    float error = 0.0f;
    for (int i = 0; i < n; ++i) {
      const float off = line.scale * level(x[i]) - line.least - x[i];
      error += (mean + std::fabs(x[i])) * off * off;
    }
    if (error < best_error) best_error = error, best = line;
  }
  return best;
}

// --- blocks of 32 ----------------------------------------------------------------------------------------------------

void put_nibbles(uint8_t* at, const int (&q)[32]) {
  for (int i = 0; i < 16; ++i) at[i] = static_cast<uint8_t>((q[i] & 15) | (q[i + 16] & 15) << 4);
}
void put_fifth_bits(uint8_t* at, const int (&q)[32]) {
  uint32_t bits = 0;
  for (int i = 0; i < 32; ++i) bits |= static_cast<uint32_t>(q[i] >> 4 & 1) << i;
  std::memcpy(at, &bits, 4);
}

void q8_0(const float* x, uint8_t* out) {
  const float d = std::fabs(furthest(x, 32)) / 127.0f, turn = inverse(d);
  put_f16(out, d);
  for (int i = 0; i < 32; ++i) out[2 + i] = static_cast<uint8_t>(to_level(x[i] * turn, -127, 127));
}

// Q4_0 and Q5_0.
void symmetric_block(const float* x, int n_levels, uint8_t* out) {
  const float turn = inverse(put_f16(out, symmetric_scale(x, 32, n_levels, Weigh::kAlike)));
  int q[32];
  for (int i = 0; i < 32; ++i) q[i] = to_level(x[i] * turn, -n_levels, n_levels - 1) + n_levels;
  if (n_levels == 16) put_fifth_bits(out + 2, q);
  put_nibbles(out + (n_levels == 16 ? 6 : 2), q);
}

// Q4_1 and Q5_1: of 12 widths of the range from the lowest value to the highest, the line that fits its levels best.
void affine_block(const float* x, int n_levels, uint8_t* out) {
  const auto [low_at, high_at] = std::minmax_element(x, x + 32);
  const float low = *low_at, range = *high_at - low, top = static_cast<float>(n_levels - 1);
  int q[32] = {};
  float best = INFINITY;
  for (int step = 0; step < 12; ++step) {
    const float turn = (top + 0.1f * static_cast<float>(step)) * inverse(range), middle = 0.05f * static_cast<float>(step);
    // Both ends are cut off alike.
    float sx = 0, sq = 0, sqq = 0, sxq = 0;
    for (int i = 0; i < 32; ++i) {
      const auto level = static_cast<float>(to_level((x[i] - low) * turn - middle, 0, n_levels - 1));
      sx += x[i], sq += level, sqq += level * level, sxq += x[i] * level;
    }
    const float det = 32.0f * sqq - sq * sq;
    uint8_t head[4];
    const float scale = put_f16(head, det > 0.0f ? (32.0f * sxq - sx * sq) / det : 0.0f), least = put_f16(head + 2, (sx - scale * sq) / 32.0f);
    int levels[32];
    float error = 0.0f;
    for (int i = 0; i < 32; ++i) {
      levels[i] = to_level((x[i] - least) * inverse(scale), 0, n_levels - 1);
      const float off = scale * static_cast<float>(levels[i]) + least - x[i];
      error += off * off;
    }
    if (step > 0 && !(error < best)) continue;
    best = error;
    std::copy_n(levels, 32, q);
    std::memcpy(out, head, 4);
  }
  if (n_levels == 32) put_fifth_bits(out + 4, q);
  put_nibbles(out + (n_levels == 32 ? 8 : 4), q);
}

int nearest(const int8_t (&sorted)[16], float value) {
  int best = 0;
  for (int i = 1; i < 16; ++i)
    if (std::fabs(value - static_cast<float>(sorted[i])) < std::fabs(value - static_cast<float>(sorted[best])))
      best = i;
  return best;
}

void iq4_nl(const float* x, uint8_t* out) {
  const float far = furthest(x, 32);
  float best = -1.0f, scale = 0.0f;
  for (int step = -7; far != 0.0f && step <= 7; ++step) {
    const float turn = (static_cast<float>(step) - 127.0f) / far;
    float xq = 0.0f, qq = 0.0f;
    for (int i = 0; i < 32; ++i) {
      const auto q = static_cast<float>(kIq4Values[nearest(kIq4Values, turn * x[i])]);
      xq += x[i] * x[i] * x[i] * q;
      qq += x[i] * x[i] * q * q;
    }
    if (qq > 0.0f && xq * xq > best * qq) best = xq * xq / qq, scale = xq / qq;
  }
  const float turn = inverse(put_f16(out, scale));
  int q[32];
  for (int i = 0; i < 32; ++i) q[i] = nearest(kIq4Values, turn * x[i]);
  put_nibbles(out + 2, q);
}

// Of three powers of two the one that loses least: the largest number, 6, has exponent 2.
void mxfp4(const float* x, uint8_t* out) {
  const float far = std::fabs(furthest(x, 32));
  const int usual = far == 0.0f || !std::isfinite(far) ? 0 : std::ilogb(far) - 2 + 127, first = std::clamp(usual - 1, 0, 254);
  float best = INFINITY;
  for (int e = first; e <= std::clamp(usual + 1, 0, 254); ++e) {
    int q[32];
    float error = 0.0f;
    for (int i = 0; i < 32; ++i) {
      const float value = std::ldexp(x[i], 128 - e);
      q[i] = nearest(kFp4Values, value);
      // In units of the block's own, so that small values do not vanish.
      const float off = std::ldexp(static_cast<float>(kFp4Values[q[i]]) - value, e - usual);
      error += off * off;
    }
    if (e > first && !(error < best)) continue;  // the first is taken whatever its error is, be it no number
    best = error;
    out[0] = static_cast<uint8_t>(e);
    put_nibbles(out + 1, q);
  }
}

// --- blocks of 256 ---------------------------------------------------------------------------------------------------

// Scales of 16 parts of 16 values as whole numbers in [-n, n - 1] times the f16 at `at`; returns that.
float put_sub_scales(const float* x, int n_levels, int n, uint8_t* at, int (&sub)[16]) {
  float scales[16];
  for (int s = 0; s < 16; ++s) scales[s] = symmetric_scale(x + s * 16, 16, n_levels, Weigh::kBySquare);
  const float far = furthest(scales, 16), turn = far == 0.0f ? 0.0f : static_cast<float>(-n) / far;
  for (int s = 0; s < 16; ++s) sub[s] = to_level(turn * scales[s], -n, n - 1);
  return put_f16(at, inverse(turn));
}

void q6_k(const float* x, uint8_t* out) {
  int sub[16];
  const float d = put_sub_scales(x, 32, 128, out + 208, sub);
  std::memset(out, 0, 192);
  for (int s = 0; s < 16; ++s) out[192 + s] = static_cast<uint8_t>(sub[s]);
  for (int i = 0; i < 256; ++i) {
    const int q = to_level(x[i] * inverse(d * static_cast<float>(sub[i / 16])), -32, 31) + 32, part = i / 32,
              at = i % 32;
    out[part / 4 * 64 + part % 2 * 32 + at] =
        static_cast<uint8_t>(out[part / 4 * 64 + part % 2 * 32 + at] | (q & 15) << part % 4 / 2 * 4);
    out[128 + part / 4 * 32 + at] = static_cast<uint8_t>(out[128 + part / 4 * 32 + at] | q >> 4 << part % 4 * 2);
  }
}

void q3_k(const float* x, uint8_t* out) {
  std::memset(out, 0, 108);
  int sub[16];
  const float d = put_sub_scales(x, 4, 32, out + 108, sub);
  for (int s = 0; s < 16; ++s) {
    const int stored = sub[s] + 32;
    out[96 + s % 8] = static_cast<uint8_t>(out[96 + s % 8] | (stored & 15) << s / 8 * 4);
    out[104 + s % 4] = static_cast<uint8_t>(out[104 + s % 4] | stored >> 4 << s / 4 * 2);
  }
  for (int i = 0; i < 256; ++i) {
    const int q = to_level(x[i] * inverse(d * static_cast<float>(sub[i / 16])), -4, 3) + 4, part = i / 32, at = i % 32;
    out[32 + part / 4 * 32 + at] = static_cast<uint8_t>(out[32 + part / 4 * 32 + at] | (q & 3) << part % 4 * 2);
    out[at] = static_cast<uint8_t>(out[at] | q >> 2 << part);
  }
}

// Parts with a scale and an offset each, whole numbers up to `most` times the two f16 at `at`.
template <int kParts>
void affine_parts(const float* x, int n_levels, int most, uint8_t* at, int (&scale)[kParts], int (&least)[kParts],
                  int (&q)[256]) {
  constexpr int kValues = 256 / kParts;
  Affine parts[kParts];
  float top_scale = 0.0f, top_least = 0.0f;
  for (int p = 0; p < kParts; ++p) {
    parts[p] = affine_scale(x + p * kValues, kValues, n_levels);
    top_scale = std::max(top_scale, parts[p].scale);
    top_least = std::max(top_least, parts[p].least);
  }
  const float d = put_f16(at, top_scale / static_cast<float>(most)),
              m = put_f16(at + 2, top_least / static_cast<float>(most));
  for (int p = 0; p < kParts; ++p) {
    scale[p] = to_level(parts[p].scale * inverse(d), 0, most);
    least[p] = to_level(parts[p].least * inverse(m), 0, most);
    const float turn = inverse(d * static_cast<float>(scale[p])), down = m * static_cast<float>(least[p]);
    for (int i = p * kValues; i < (p + 1) * kValues; ++i) q[i] = to_level((x[i] + down) * turn, 0, n_levels - 1);
  }
}

void q2_k(const float* x, uint8_t* out) {
  int scale[16], least[16], q[256];
  affine_parts<16>(x, 4, 15, out + 80, scale, least, q);
  std::memset(out + 16, 0, 64);
  for (int s = 0; s < 16; ++s) out[s] = static_cast<uint8_t>(scale[s] | least[s] << 4);
  for (int i = 0; i < 256; ++i) {
    const int part = i / 32, at = 16 + part / 4 * 32 + i % 32;
    out[at] = static_cast<uint8_t>(out[at] | q[i] << part % 4 * 2);
  }
}

// Q4_K and Q5_K.
void q45_k(const float* x, bool five, uint8_t* out) {
  int scale[8], least[8], q[256];
  affine_parts<8>(x, five ? 32 : 16, 63, out, scale, least, q);
  for (int j = 0; j < 4; ++j) {
    out[4 + j] = static_cast<uint8_t>(scale[j] | scale[j + 4] >> 4 << 6);
    out[8 + j] = static_cast<uint8_t>(least[j] | least[j + 4] >> 4 << 6);
    out[12 + j] = static_cast<uint8_t>((scale[j + 4] & 15) | (least[j + 4] & 15) << 4);
  }
  uint8_t* low = out + (five ? 48 : 16);
  std::memset(out + 16, 0, five ? 160 : 128);
  for (int i = 0; i < 256; ++i) {
    const int part = i / 32, at = part / 2 * 32 + i % 32;
    low[at] = static_cast<uint8_t>(low[at] | (q[i] & 15) << part % 2 * 4);
    if (five) out[16 + i % 32] = static_cast<uint8_t>(out[16 + i % 32] | q[i] >> 4 << part);
  }
}

void quantize_block(DType type, const float* x, uint8_t* out) {
  switch (type) {
    case DType::kQ8_0:
      return q8_0(x, out);
    case DType::kQ4_0:
      return symmetric_block(x, 8, out);
    case DType::kQ5_0:
      return symmetric_block(x, 16, out);
    case DType::kQ4_1:
      return affine_block(x, 16, out);
    case DType::kQ5_1:
      return affine_block(x, 32, out);
    case DType::kIQ4_NL:
      return iq4_nl(x, out);
    case DType::kMXFP4:
      return mxfp4(x, out);
    case DType::kQ2_K:
      return q2_k(x, out);
    case DType::kQ3_K:
      return q3_k(x, out);
    case DType::kQ4_K:
      return q45_k(x, false, out);
    case DType::kQ5_K:
      return q45_k(x, true, out);
    case DType::kQ6_K:
      return q6_k(x, out);
    default:
      return;  // can_quantize says no
  }
}

}  // namespace

uint16_t f32_to_f16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value), sign = bits >> 16 & 0x8000u, rest = bits & 0x7FFFFFFFu;
  if (rest > 0x7F800000u) return static_cast<uint16_t>(sign | 0x7E00u);
  if (rest >= 0x477FF000u) return static_cast<uint16_t>(sign | 0x7C00u);  // rounds past 65504
  if (rest < 0x38800000u)  // below 2^-14: whole numbers of 2^-24, which the addition rounds to
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(std::bit_cast<float>(rest) + 0.5f) - 0x3F000000u));
  const uint32_t rounded = rest + 0xFFFu + (rest >> 13 & 1u);
  return static_cast<uint16_t>(sign | (rounded - 0x38000000u) >> 13);
}

uint16_t f32_to_bf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<uint16_t>(bits >> 16 | 0x40u);
  return static_cast<uint16_t>((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16);
}

bool can_quantize(DType type) {
  switch (type) {
    case DType::kIQ2_XXS:
    case DType::kIQ3_XXS:
    case DType::kIQ4_XS:
    case DType::kF8_E4M3:
    case DType::kFP4:
    case DType::kF8_E8M0:
    case DType::kU8:
      return false;
    default:
      return true;
  }
}

void quantize_row(DType type, std::span<const float> values, std::byte* out) {
  if (type == DType::kF32) return void(std::memcpy(out, values.data(), values.size_bytes()));
  if (type == DType::kF16 || type == DType::kBF16) {
    for (size_t i = 0; i < values.size(); ++i) {
      const uint16_t bits = type == DType::kF16 ? f32_to_f16(values[i]) : f32_to_bf16(values[i]);
      std::memcpy(out + 2 * i, &bits, 2);
    }
    return;
  }
  const DTypeTraits t = traits(type);
  for (size_t i = 0; i < values.size(); i += static_cast<size_t>(t.block_values), out += t.block_bytes)
    quantize_block(type, values.data() + i, bytes_of(out));
}

}  // namespace engine
