// SPDX-License-Identifier: Apache-2.0
#include "engine/load/weight_sizes.h"

#include <algorithm>

#include "engine/formats/block_scales.h"

namespace engine {

void WeightSizes::count(const TensorView& view, bool active) {
  if (!view) return;
  const auto bytes = static_cast<uint64_t>(view.size_bytes() + scale_bytes(view));
  const auto parameters = static_cast<uint64_t>(view.n_rows() * view.n_in());
  parameters_ += parameters;
  bytes_ += bytes;
  bytes_by_type_[traits(view.type).name] += bytes;
  if (active && !drafts_) active_parameters_ += parameters, active_bytes_ += bytes;
}

void WeightSizes::always(const TensorView& view) { count(view, true); }

void WeightSizes::experts(const std::vector<TensorView>& views, int n_used) {
  for (size_t e = 0; e < views.size(); ++e) count(views[e], e < static_cast<size_t>(n_used));
}

void WeightSizes::ends(const TensorView& embedding, const TensorView& head) {
  always(head);
  if (head.data == embedding.data) return;
  count(embedding, false);
  embedding_row_bytes_ = static_cast<uint64_t>(embedding.row_bytes());
}

void WeightSizes::report(ModelInfo& info) const {
  info.n_parameters = parameters_;
  info.n_active_parameters = active_parameters_;
  info.weight_bytes = bytes_;
  info.decode_bytes_per_token = active_bytes_ + embedding_row_bytes_;
  std::vector<std::pair<uint64_t, std::string_view>> types;
  for (const auto& [name, bytes] : bytes_by_type_) types.emplace_back(bytes, name);
  std::sort(types.begin(), types.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  info.weight_types.clear();
  for (const auto& [bytes, name] : types) info.weight_types.emplace_back(name);
}

}  // namespace engine
