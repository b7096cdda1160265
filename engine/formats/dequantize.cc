// SPDX-License-Identifier: Apache-2.0
#include "engine/formats/dequantize.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "engine/formats/block_scales.h"
#include "engine/formats/quant_blocks.h"

namespace engine {
namespace {

template <typename T>
T load(const std::byte* from) {  // weights are aligned to one byte only
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

void dequantize_blocks(DType type, const std::byte* block, size_t n_blocks, float* out) {
  const DTypeTraits t = traits(type);
  const bool offsets = has_offsets(type);  // adding 0 would lose the sign of -0
  QuantBlock decoded;
  for (size_t b = 0; b < n_blocks; ++b, block += t.block_bytes)
    for (int part = 0; part < t.block_values / 32; ++part, out += 32) {
      decode_block(type, block, part, decoded);
      for (int i = 0; i < 32; ++i) {
        out[i] = decoded.scale[i / 16] * static_cast<float>(decoded.quants[i]);
        if (offsets) out[i] += decoded.offset[i / 16];
      }
    }
}

void dequantize_scaled(const TensorView& tensor, int64_t row, const std::byte* from, std::span<float> out) {
  if (tensor.type == DType::kF8_E4M3)
    for (size_t i = 0; i < out.size(); ++i) out[i] = e4m3_to_f32(std::to_integer<uint8_t>(from[i]));
  else
    dequantize_blocks(tensor.type, from, out.size() / 32, out.data());
  if (tensor.scales.data == nullptr) return;
  const auto width = static_cast<size_t>(tensor.scales.block_columns);
  for (size_t c = 0; c < out.size(); c += width) {
    const float scale = block_scale(tensor, row, static_cast<int64_t>(c));
    for (size_t i = c; i < std::min(c + width, out.size()); ++i) out[i] *= scale;
  }
}

}  // namespace

float e4m3_to_f32(uint8_t bits) {
  const uint32_t sign = (bits & 0x80u) << 24, exponent = bits >> 3 & 15u, mantissa = bits & 7u;
  if ((bits & 0x7Fu) == 0x7Fu) return std::bit_cast<float>(sign | 0x7FC00000u);  // the one NaN; there is no infinity
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 120) << 23) | (mantissa << 20));
  const float magnitude = static_cast<float>(mantissa) * 0x1p-9f;
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
}

float e8m0_to_f32(uint8_t bits) {
  if (bits == 255) return std::bit_cast<float>(0x7FC00000u);
  return std::bit_cast<float>(bits == 0 ? 0x00400000u : static_cast<uint32_t>(bits) << 23);
}

float f16_to_f32(uint16_t bits) {
  const uint32_t sign = (bits & 0x8000u) << 16;
  const uint32_t exponent = (bits >> 10) & 31u;
  const uint32_t mantissa = bits & 1023u;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000u | (mantissa << 13));
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;  // zero and subnormals
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
}

float bf16_to_f32(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

void dequantize_row(const TensorView& tensor, int64_t row, std::span<float> out) {
  const std::byte* from = tensor.data + row * tensor.row_bytes();
  const auto n = static_cast<size_t>(tensor.n_in());
  switch (tensor.type) {
    case DType::kF32: std::memcpy(out.data(), from, n * sizeof(float)); break;
    case DType::kF16:
      for (size_t i = 0; i < n; ++i) out[i] = f16_to_f32(load<uint16_t>(from + 2 * i));
      break;
    case DType::kBF16:
      for (size_t i = 0; i < n; ++i) out[i] = bf16_to_f32(load<uint16_t>(from + 2 * i));
      break;
    case DType::kF8_E4M3:
    case DType::kFP4: dequantize_scaled(tensor, row, from, out.first(n)); break;
    case DType::kF8_E8M0:
      for (size_t i = 0; i < n; ++i) out[i] = e8m0_to_f32(std::to_integer<uint8_t>(from[i]));
      break;
    case DType::kU8:
      for (size_t i = 0; i < n; ++i) out[i] = static_cast<float>(std::to_integer<int>(from[i]));
      break;
    case DType::kI64:
      for (size_t i = 0; i < n; ++i) out[i] = static_cast<float>(load<int64_t>(from + 8 * i));
      break;
    case DType::kI32:
      for (size_t i = 0; i < n; ++i) out[i] = static_cast<float>(load<int32_t>(from + 4 * i));
      break;
    default: dequantize_blocks(tensor.type, from, n / static_cast<size_t>(traits(tensor.type).block_values), out.data());
  }
}

}  // namespace engine
