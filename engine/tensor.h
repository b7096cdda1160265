// SPDX-License-Identifier: Apache-2.0
// engine/tensor.h: a typed view of weights in a mapped file.
//
// Shapes   Row-major, slowest dimension first: a linear layer is [n_out, n_in]. (GGUF lists dimensions fastest first; the
//          reader turns them round.) Quantised types store each row as n_in / block_values blocks.
// Owns     Nothing: the WeightFile that made the view must outlive it. Data is aligned to 1 byte only: safetensors promises
//          no more. Scales that stand beside the values (BlockScales) lie in the same file or another of the model.
// Source   GGUF block layouts: formats/quant_blocks.h; safetensors format 0.4.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace engine {

enum class DType : uint8_t {
  kF32, kF16, kBF16,
  kQ8_0, kQ4_0, kQ4_1, kQ5_0, kQ5_1,    // blocks of 32
  kQ2_K, kQ3_K, kQ4_K, kQ5_K, kQ6_K,    // blocks of 256
  kIQ2_XXS, kIQ3_XXS, kIQ4_NL, kIQ4_XS, // lattices and a curved scale
  kMXFP4,
  kF8_E4M3,                             // with BlockScales beside it, or none
  kFP4,                                 // E2M1, two to a byte, the first in the low half; always with BlockScales
  kF8_E8M0, kU8, kI64, kI32,            // parts of weights: scales, packed bytes, tables. No operator takes them
};
inline constexpr int kDTypes = static_cast<int>(DType::kF8_E4M3) + 1;  // those that need nothing beside them
constexpr bool is_part(DType type) { return type == DType::kF8_E8M0 || type == DType::kU8 || type == DType::kI64 || type == DType::kI32; }

struct DTypeTraits {
  std::string_view name;
  int block_values;  // values per block; a row is a whole number of blocks
  int block_bytes;
};
constexpr DTypeTraits traits(DType type) {
  switch (type) {
    case DType::kF32: return {"F32", 1, 4};
    case DType::kF16: return {"F16", 1, 2};
    case DType::kBF16: return {"BF16", 1, 2};
    case DType::kQ8_0: return {"Q8_0", 32, 34};  // f16 scale, 32 x int8
    case DType::kQ4_0: return {"Q4_0", 32, 18};  // f16 scale, 16 bytes: value i in the low half, i + 16 in the high half
    case DType::kQ4_1: return {"Q4_1", 32, 20};
    case DType::kQ5_0: return {"Q5_0", 32, 22};
    case DType::kQ5_1: return {"Q5_1", 32, 24};
    case DType::kQ2_K: return {"Q2_K", 256, 84};
    case DType::kQ3_K: return {"Q3_K", 256, 110};
    case DType::kQ4_K: return {"Q4_K", 256, 144};
    case DType::kQ5_K: return {"Q5_K", 256, 176};
    case DType::kQ6_K: return {"Q6_K", 256, 210};
    case DType::kIQ2_XXS: return {"IQ2_XXS", 256, 66};
    case DType::kIQ3_XXS: return {"IQ3_XXS", 256, 98};
    case DType::kIQ4_NL: return {"IQ4_NL", 32, 18};
    case DType::kIQ4_XS: return {"IQ4_XS", 256, 136};
    case DType::kMXFP4: return {"MXFP4", 32, 17};
    case DType::kF8_E4M3: return {"F8_E4M3", 1, 1};
    case DType::kFP4: return {"FP4", 32, 16};
    case DType::kF8_E8M0: return {"F8_E8M0", 1, 1};
    case DType::kU8: return {"U8", 1, 1};
    case DType::kI64: return {"I64", 1, 8};
    case DType::kI32: return {"I32", 1, 4};
  }
  return {"?", 1, 1};
}

// Scales of a matrix's blocks, stored apart from it: value (r, c) is multiplied by scale
// ((first_row + r) / block_rows, c / block_columns) of a row-major grid.
struct BlockScales {
  const std::byte* data = nullptr;  // null: every scale is 1
  DType type = DType::kF32;         // of a scale: F32, F16, BF16 or F8_E8M0
  int32_t block_rows = 1, block_columns = 1;
  int64_t per_row = 0;    // scales in a row of the grid
  int64_t first_row = 0;  // where the view's first row stands in the whole matrix
};

struct TensorView {
  DType type = DType::kF32;
  int n_dims = 0;
  std::array<int64_t, 4> shape{};  // shape[0 .. n_dims)
  const std::byte* data = nullptr;
  BlockScales scales;

  explicit operator bool() const { return data != nullptr; }
  int64_t n_in() const { return shape[static_cast<size_t>(n_dims - 1)]; }  // values per row
  int64_t n_rows() const {
    int64_t n = 1;
    for (int i = 0; i + 1 < n_dims; ++i) n *= shape[static_cast<size_t>(i)];
    return n;
  }
  int64_t row_bytes() const { return n_in() / traits(type).block_values * traits(type).block_bytes; }
  int64_t size_bytes() const { return n_rows() * row_bytes(); }
  // The view of one slice of the slowest dimension: expert `i` of a stacked [n_experts, n_out, n_in].
  TensorView slice(int64_t i) const {
    TensorView view = *this;
    view.n_dims = n_dims - 1;
    for (size_t d = 0; d + 1 < shape.size(); ++d) view.shape[d] = shape[d + 1];
    view.data = data + i * view.size_bytes();
    view.scales.first_row += i * view.n_rows();
    return view;
  }
};

}  // namespace engine
