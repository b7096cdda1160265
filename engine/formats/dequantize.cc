// SPDX-License-Identifier: Apache-2.0
#include "engine/formats/dequantize.h"

#include <bit>
#include <cstring>

namespace engine {
namespace {

template <typename T>
T load(const std::byte* from) {  // weights are aligned to one byte only
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

void dequantize_q8_0(const std::byte* block, size_t n_blocks, float* out) {
  for (size_t b = 0; b < n_blocks; ++b, block += 34, out += 32) {
    const float scale = f16_to_f32(load<uint16_t>(block));
    for (size_t i = 0; i < 32; ++i) out[i] = scale * static_cast<float>(load<int8_t>(block + 2 + i));
  }
}

void dequantize_q4_0(const std::byte* block, size_t n_blocks, float* out) {
  for (size_t b = 0; b < n_blocks; ++b, block += 18, out += 32) {
    const float scale = f16_to_f32(load<uint16_t>(block));
    for (size_t i = 0; i < 16; ++i) {
      const auto pair = load<uint8_t>(block + 2 + i);
      out[i] = scale * static_cast<float>((pair & 15) - 8);
      out[i + 16] = scale * static_cast<float>((pair >> 4) - 8);
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
    case DType::kQ8_0: dequantize_q8_0(from, n / 32, out.data()); break;
    case DType::kQ4_0: dequantize_q4_0(from, n / 32, out.data()); break;
  }
}

}  // namespace engine
