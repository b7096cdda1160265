// SPDX-License-Identifier: Apache-2.0
// engine/fast/low_rank_step.h: adds the low-rank changes of a pass's adapters (lora/low_rank.h) to products with
// panels.
//
// Every worker computes A x for itself, once for each matrix it has a part in: that costs rank / n_out of the product
// for each worker, and no meeting. A pass without adapters takes none of this.
//
// Results  A token's sums are those of F32 panels whatever other tokens, adapters, panels or threads take part in the
//          pass.
// Threads  begin() before the team starts; add() by each worker for itself.
#pragma once
#include <cstdint>
#include <vector>

#include "engine/fast/activation_buffer.h"
#include "engine/lora/low_rank.h"
#include "engine/model.h"

namespace engine {

class LowRankStep {
 public:
  LowRankStep(const FastKernels& kernels, int n_workers, int64_t max_rows)
      : kernels_(kernels), max_rows_(max_rows), private_(static_cast<size_t>(n_workers)) {}

  // Takes the adapters of the request. std::bad_alloc where there is no room for their rows.
  void begin(const ForwardRequest& request);
  bool any() const { return !adapters_.empty(); }

  // y [n_rows, y_stride] holds panels [first_panel, last_panel) of the product of `w` with rows of `x`. Row i is of
  // token token[i]; null: of x.row_ids[i], or of token i. In one pass a matrix is multiplied with the same rows of one
  // `x`, or with rows that lie elsewhere.
  void add(int worker, const PackedMatrix& w, int64_t first_panel, int64_t last_panel, const Activations& x,
           int64_t n_rows, const int32_t* token, float* y, int64_t y_stride);

 private:
  struct Segment {  // rows [first, first + n) of a worker's own, which one adapter changes
    const LowRank* product;
    int64_t first, n;
  };
  struct Private {
    const void* key = nullptr;  // of the matrix that `low` and what follows belong to
    const float* input = nullptr;  // x.values
    int64_t pass = 0;
    ActivationBuffer low;               // [max_rows, rank]: A x
    Buffer<float> tile;                 // [max_rows, kTilePanels * kPanelRows]
    std::vector<int32_t> rows, places;  // of y, and of x
    std::vector<Segment> segments;
  };

  void project(Private& own, const PackedMatrix& w, const Activations& x, int64_t n_rows, const int32_t* token) const;

  static constexpr int64_t kTilePanels = 4;

  const FastKernels& kernels_;
  const int64_t max_rows_;
  std::vector<const AdapterWeights*> adapters_;  // of this pass, each once
  std::vector<int32_t>
      adapter_of_;  // a batch: of each token, an index into adapters_, or -1; else empty, and all have the first
  int64_t pass_ = 0;
  int64_t room_rank_ = 0;  // that the buffers have room for
  std::vector<Private> private_;
};

}  // namespace engine
