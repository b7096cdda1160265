// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "engine/cuda/weight_layout.h"
#include "engine/formats/block_scales.h"
#include "engine/formats/quant_blocks.h"

namespace engine::cuda {
namespace {

uint16_t bf16_bits(float value) {  // of one that bfloat16 holds
  return static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16);
}

uint16_t half_bits(float value) {
  return __half_as_ushort(__float2half_rn(value));
}

template <typename V>
void put_at(std::vector<std::byte>& bytes, size_t index, V value) {
  std::memcpy(bytes.data() + index * sizeof value, &value, sizeof value);
}

}  // namespace

Format format_of(DType type) {
  switch (type) {
    case DType::kF32:
      return Format::kF32;
    case DType::kF16:
      return Format::kF16;
    case DType::kBF16:
      return Format::kBF16;
    case DType::kQ8_0:
      return Format::kInt8;
    case DType::kQ4_0:
    case DType::kQ4_1:
    case DType::kQ4_K:
    case DType::kIQ4_NL:
    case DType::kMXFP4:
    case DType::kFP4:
      return Format::kInt4;
    case DType::kF8_E4M3:
      return Format::kFp8;
    default:
      return Format::kWide;
  }
}

Nibbles nibbles_of(DType type) {
  switch (type) {
    case DType::kQ4_0:
      return Nibbles::kMinus8;
    case DType::kIQ4_NL:
      return Nibbles::kNonLinear;
    case DType::kMXFP4:
    case DType::kFP4:
      return Nibbles::kE2m1;
    default:
      return Nibbles::kPlain;
  }
}

Sizes sizes_of(const Matrix& m, DType type) {
  const auto n = static_cast<size_t>(m.n_out) * static_cast<size_t>(m.n_in);
  switch (m.format) {
    case Format::kF32:
      return {n * 4, 0, 0};
    case Format::kBF16:
    case Format::kF16:
      return {n * 2, 0, 0};
    case Format::kInt8:
      return {n, n / 16, 0};
    case Format::kInt4:
      return {n / 2, n / 16, has_offsets(type) ? n / 16 : 0};
    case Format::kWide:
      return {n, n / 4, n / 4};
    case Format::kFp8:
      return {n, n / (m.wide_scales ? 128 : 32) * sizeof(float), 0};
  }
  return {};
}

void lay_out(const TensorView& view, Format format, int64_t first, int64_t last, Laid& out) {
  const DTypeTraits t = traits(view.type);
  const int parts = t.block_values / 32;
  QuantBlock block;
  for (int64_t b = first; b < last; ++b) {
    const std::byte* from = view.data + b / parts * t.block_bytes;
    const auto at = static_cast<size_t>(b);
    const auto raw = [&](int i) {
      return static_cast<uint16_t>(std::to_integer<int>(from[i]) | std::to_integer<int>(from[i + 1]) << 8);
    };
    switch (view.type) {
      case DType::kQ8_0:
        put_at(out.scales, at, raw(0));
        std::memcpy(out.quants.data() + at * 32, from + 2, 32);
        continue;
      case DType::kQ4_0:
      case DType::kIQ4_NL:
        put_at(out.scales, at, raw(0));
        std::memcpy(out.quants.data() + at * 16, from + 2, 16);
        continue;
      case DType::kQ4_1:
        put_at(out.scales, at, raw(0));
        put_at(out.offsets, at, raw(2));
        std::memcpy(out.quants.data() + at * 16, from + 4, 16);
        continue;
      case DType::kFP4: {
        const int64_t row_blocks = view.n_in() / 32;
        put_at(out.scales, at, bf16_bits(0.5f * block_scale(view, b / row_blocks, b % row_blocks * 32)));
        const auto code = [&](size_t i) { return std::to_integer<int>(from[i / 2]) >> (i % 2 * 4) & 15; };
        for (size_t i = 0; i < 16; ++i) out.quants[at * 16 + i] = static_cast<std::byte>(code(i) | code(i + 16) << 4);
        continue;
      }
      default:
        break;
    }
    decode_block(view.type, from, static_cast<int>(b % parts), block);
    if (format == Format::kWide) {
      std::memcpy(out.quants.data() + at * 32, block.quants, 32);
      for (size_t half = 0; half < 2; ++half) {
        put_at(out.scales, at * 2 + half, block.scale[half]);
        put_at(out.offsets, at * 2 + half, block.offset[half]);
      }
    } else if (view.type == DType::kMXFP4) {
      put_at(out.scales, at, bf16_bits(block.scale[0]));  // a power of two
      std::memcpy(out.quants.data() + at * 16, from + 1, 16);
    } else {
      put_at(out.scales, at, half_bits(block.scale[0]));
      put_at(out.offsets, at, half_bits(block.offset[0]));
      for (size_t i = 0; i < 16; ++i)
        out.quants[at * 16 + i] = static_cast<std::byte>(block.quants[i] | block.quants[i + 16] << 4);
    }
  }
}

void lay_out_fp8(const TensorView& view, bool wide_scales, int64_t first, int64_t last, Laid& out) {
  const auto n_in = static_cast<size_t>(view.n_in()), run = size_t{wide_scales ? 128U : 32U};
  for (auto row = static_cast<size_t>(first); row < static_cast<size_t>(last); ++row) {
    std::memcpy(out.quants.data() + row * n_in, view.data + row * n_in, n_in);
    for (size_t column = 0; column < n_in; column += run) {
      const std::byte* codes = view.data + row * n_in + column;
      float scale = block_scale(view, static_cast<int64_t>(row), static_cast<int64_t>(column));
      if (std::any_of(codes, codes + run, [](std::byte code) { return (code & std::byte{0x7f}) == std::byte{0x7f}; }))
        scale = std::numeric_limits<float>::quiet_NaN();
      put_at(out.scales, (row * n_in + column) / run, scale);
    }
  }
}

bool scales_hold_for(const TensorView& view, int64_t run) {
  const BlockScales& s = view.scales;
  return view.n_in() % run == 0 && (!s.data || s.block_columns % run == 0 || s.block_columns >= view.n_in());
}

}  // namespace engine::cuda
