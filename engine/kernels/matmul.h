// SPDX-License-Identifier: Apache-2.0
// engine/kernels/matmul.h: y = x . W^T, weights F32, F16, BF16, Q8_0 or Q4_0.
//
// Shapes   W [n_out, n_in]; x [n_tokens, n_in] f32; y [n_tokens, n_out] f32; sums in f32.
// Layout   The fast paths read W as panels of 16 output rows (PackedMatrix), values of the 16 rows side by side, so that
//          one vector holds one step of many rows and no sum crosses lanes:
//            F32, F16, BF16   per input i: 16 values
//            Q8_0             per block of 32 inputs: 16 f16 scales, then 8 groups of [16 rows][4 values]
//            Q4_0             per block: 16 f16 scales, then 4 groups of [16 rows][4 bytes]; group g holds inputs 4g..4g+3
//                             in the low halves and 16+4g.. in the high ones
//          A panel takes as many bytes as its 16 rows in the file; a last panel with fewer rows is filled with zeros.
// Bounds   n_in is a multiple of 32 for quantised types, anything from 1 for the others.
// Error    F32, F16, BF16: only the order of rounding differs from the reference. Q8_0, Q4_0: the fast paths round
//          activations to 8 bits per block of 32, so each y is off by at most sum_i |w_i| * amax(block of i) / 254, plus
//          f32 rounding.
// Results  Every y is computed by the same steps whatever the number of tokens, panels or threads in a call.
#pragma once
#include <cstdint>

#include "engine/tensor.h"

namespace engine {

inline constexpr int kPanelRows = 16;
inline constexpr int kBlockValues = 32;  // of Q8_0, Q4_0 and quantised activations

constexpr int64_t round_up(int64_t n, int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }

// Reference: each row decoded to f32, then one sum after the other.
void matmul_cpu_reference(const TensorView& w, const float* x, int64_t n_tokens, float* y);

// Input rows as the fast paths read them. `values` is needed for float weights, the other three for quantised ones.
struct Activations {
  const float* values = nullptr;    // [n, stride]
  const int8_t* quants = nullptr;   // [n, stride], in [-127, 127]
  const float* scales = nullptr;    // [n, stride / 32]
  const int32_t* sums = nullptr;    // [n, stride / 32], of each block's quants
  int64_t stride = 0;               // a multiple of 32
  const int32_t* row_ids = nullptr; // the rows to read; null: 0, 1, 2, ...

  int64_t row(int64_t i) const { return row_ids ? row_ids[i] : i; }
  // The same rows from column `offset` (a multiple of 32) on.
  Activations columns(int64_t offset) const {
    return {values ? values + offset : nullptr, quants ? quants + offset : nullptr,
            scales ? scales + offset / kBlockValues : nullptr, sums ? sums + offset / kBlockValues : nullptr, stride, row_ids};
  }
};

struct PackedMatrix {
  DType type = DType::kF32;
  int64_t n_out = 0, n_in = 0;
  TensorView source;                // as stored; panels are made from it on the fly where `panels` is null
  const uint8_t* panels = nullptr;

  explicit operator bool() const { return n_out > 0; }
  int64_t n_panels() const { return (n_out + kPanelRows - 1) / kPanelRows; }
  int64_t panel_bytes() const { return kPanelRows * (n_in / traits(type).block_values * traits(type).block_bytes); }
};

constexpr bool is_quantized(DType type) { return type == DType::kQ8_0 || type == DType::kQ4_0; }

// Writes panel `index` of a stored matrix [n_out, n_in] to `out` (panel_bytes()).
void pack_panel(const TensorView& w, int64_t index, uint8_t* out);

struct FastKernels;

// y[t, row - 16 * first_panel] for all t in [0, n_tokens) and the rows of panels [first_panel, last_panel).
// `scratch`: room for one panel, used where the matrix is not packed.
void matmul_panels(const FastKernels& kernels, const PackedMatrix& w, int64_t first_panel, int64_t last_panel,
                   const Activations& x, int64_t n_tokens, float* y, int64_t y_stride, uint8_t* scratch);

}  // namespace engine
