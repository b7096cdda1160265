// SPDX-License-Identifier: Apache-2.0
// engine/cuda/gemm.h: products of many rows with a weight matrix, dense or grouped by expert: y = x . W^T.
//
// Shapes   x [.., n_in] of T, W [E, n_out, n_in]. Dense: row i of y belongs to row i of x. Grouped: tile j covers rows
//          [first_row, end_row) of y, which all go to `expert`; row i of y is made from row gather[i] of x.
// Types    exact: x and T-typed results are float, W is Format::kF32, products and sums in f32 (no TF32).
//          else: x and T-typed results are bfloat16, W is any format (rounded to bfloat16 as it is read), sums in f32
//          on the tensor cores.
// Bounds   n_in is a multiple of 8 (bfloat16) or 4 (exact), n_out of 8 where gated or grouped in bfloat16; beyond that
//          any; n_rows any from 1.
// Results  A row of y does not depend on the other rows of the call.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "engine/cuda/matrix.h"
#include "engine/kernels/silu_gate.h"

namespace engine::cuda {

inline constexpr int kGemmTileRows = 128;  // rows of a tile of a grouped product

struct ExpertTile {
  int32_t expert, first_row, end_row;  // at most kGemmTileRows rows
};

enum class Store {
  kF32,         // y float = product (+ bias)
  kActivation,  // y T = product (+ bias)
  kAddF32,      // y float += product (+ bias)
  kGated,       // y T = silu_gate(form, x . W^T + bias, x . W_up^T + bias_up)
};

struct Gemm {
  Matrix w, w_up;               // w_up: of kGated alone, shaped as w
  const float* bias = nullptr;  // [E, n_out]; may be null
  const float* bias_up = nullptr;
  const void* x = nullptr;            // T [.., n_in], rows at x_stride
  int64_t x_stride = 0;               // values
  int64_t n_rows = 0;                 // dense: rows of y; grouped: the most there can be
  const int32_t* gather = nullptr;    // device [rows of y]; null: row i of x
  const ExpertTile* tiles = nullptr;  // device; null: dense, expert 0
  const int32_t* n_tiles = nullptr;   // device, one number
  int max_tiles = 0;                  // host's bound of *n_tiles
  Store store = Store::kF32;
  GateForm form;
  void* y = nullptr;
  int64_t y_stride = 0;  // values
};

// All of `w` in bfloat16, [n_experts, n_out, n_in], at `out`: for products of so many rows that rounding each weight
// once and reading it from memory again costs less than rounding it for every tile.
void round_matrix(const Matrix& w, void* out, cudaStream_t stream);

// Launches on `stream`; allocates nothing. Throws Failure where a launch is refused.
void gemm(const Gemm& product, bool exact, cudaStream_t stream);

}  // namespace engine::cuda
