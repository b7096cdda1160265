// SPDX-License-Identifier: Apache-2.0
#include "engine/formats/dequantize.h"

#include <bit>
#include <cstring>

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

}  // namespace

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
    default: dequantize_blocks(tensor.type, from, n / static_cast<size_t>(traits(tensor.type).block_values), out.data());
  }
}

}  // namespace engine
