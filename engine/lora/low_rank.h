// SPDX-License-Identifier: Apache-2.0
// engine/lora/low_rank.h: low-rank changes of a model's linear layers (LoRA): y = W x + B (A x), W left as it is.
//
// Shapes   A [rank, n_in], B [n_out, rank], f32; the adapter's scale is in B.
// Keys     A stored matrix is told by where its rows begin in the model's files (TensorView::data, PackedMatrix::key).
// Owns     Its values. Keys are compared and never followed.
// Threads  Constant after it was made.
// Source   LoRA, arXiv:2106.09685, section 4.1
#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/kernels/matmul.h"

namespace engine {

// A matrix [n_out, n_in] in the panels of F32 (matmul.h), zeros at first.
class F32Panels {
 public:
  F32Panels(int64_t n_out, int64_t n_in)
      : n_out_(n_out), n_in_(n_in), values_(static_cast<size_t>(round_up(n_out, kPanelRows) * n_in)) {}

  int64_t n_out() const { return n_out_; }
  int64_t n_in() const { return n_in_; }
  int64_t n_panels() const { return (n_out_ + kPanelRows - 1) / kPanelRows; }
  const std::vector<float>& values() const { return values_; }
  float& at(int64_t o, int64_t i) { return values_[index(o, i)]; }
  float at(int64_t o, int64_t i) const { return values_[index(o, i)]; }
  const uint8_t* panel(int64_t p) const {
    return reinterpret_cast<const uint8_t*>(values_.data() + p * kPanelRows * n_in_);
  }

 private:
  size_t index(int64_t o, int64_t i) const {
    return static_cast<size_t>(o / kPanelRows * kPanelRows * n_in_ + i * kPanelRows + o % kPanelRows);
  }

  int64_t n_out_, n_in_;
  std::vector<float> values_;
};

struct LowRank {
  std::shared_ptr<const F32Panels> a, b;  // shared by the heads of one module
  int64_t rank() const { return a->n_out(); }
};

class AdapterWeights {
 public:
  // Null where the adapter leaves the matrix alone.
  const LowRank* find(const void* key) const {
    const auto found = products_.find(key);
    return found == products_.end() ? nullptr : &found->second;
  }
  int64_t max_rank() const { return max_rank_; }
  bool empty() const { return products_.empty(); }

  void add(const void* key, LowRank product) {
    max_rank_ = std::max(max_rank_, product.rank());
    products_.insert_or_assign(key, std::move(product));
  }

 private:
  std::unordered_map<const void*, LowRank> products_;
  int64_t max_rank_ = 0;
};

// Reference, for n tokens: y [n, n_out] += B (A x), x [n, n_in]; one sum after the other.
void add_low_rank_cpu_reference(const LowRank& product, const float* x, int64_t n_tokens, float* y);

// y [n_in of A] += A^T (B^T x), x [n_out of B]: where a matrix is stored the other way round than the pass reads it.
void add_low_rank_turned_cpu_reference(const LowRank& product, const float* x, float* y);

}  // namespace engine
