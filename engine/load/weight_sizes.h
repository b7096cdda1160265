// SPDX-License-Identifier: Apache-2.0
// engine/load/weight_sizes.h: counts a model's parameters and bytes, all of them and those one token reads.
#pragma once
#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "engine/tensor.h"

namespace engine {

class WeightSizes {
 public:
  // Read for every token. Empty views count nothing.
  void always(const TensorView& view);
  // One kind of matrix of all routed experts of a layer, of which a token reads `n_used`; all are of one size.
  void experts(const std::vector<TensorView>& views, int n_used);
  // Of the embedding a token reads one row, unless it is the head as well.
  void ends(const TensorView& embedding, const TensorView& head);

  // What is counted from now on is read for drafts alone: part of the model, and not of a token's weights.
  void for_drafts() { drafts_ = true; }

  void report(ModelInfo& info) const;

 private:
  void count(const TensorView& view, bool active);

  uint64_t parameters_ = 0, active_parameters_ = 0, bytes_ = 0, active_bytes_ = 0, embedding_row_bytes_ = 0;
  std::map<std::string_view, uint64_t> bytes_by_type_;
  bool drafts_ = false;
};

}  // namespace engine
