// SPDX-License-Identifier: Apache-2.0
#include "engine/load/model_info.h"

#include <algorithm>
#include <map>

namespace engine {
namespace {

struct Sum {
  uint64_t parameters = 0, bytes = 0;
  std::map<std::string_view, uint64_t>* by_type = nullptr;

  void add(const TensorView& view) {
    if (!view) return;
    const auto size_bytes = static_cast<uint64_t>(view.size_bytes());
    parameters += static_cast<uint64_t>(view.n_rows() * view.n_in());
    bytes += size_bytes;
    if (by_type != nullptr) (*by_type)[traits(view.type).name] += size_bytes;
  }
};

void add_all_but_experts(const DeepseekV2Layer& l, Sum& sum) {
  for (const TensorView* view :
       {&l.attn_norm, &l.q, &l.q_a, &l.q_a_norm, &l.q_b, &l.kv_a, &l.kv_a_norm, &l.kv_b, &l.k_b, &l.v_b, &l.o,
        &l.ffn_norm, &l.gate, &l.up, &l.down, &l.router, &l.shared_gate, &l.shared_up, &l.shared_down})
    sum.add(*view);
}

}  // namespace

void fill_sizes(const DeepseekV2Config& c, const DeepseekV2Weights& weights, ModelInfo& info) {
  std::map<std::string_view, uint64_t> by_type;
  Sum all{0, 0, &by_type}, active;
  for (const DeepseekV2Layer& layer : weights.layers) {
    add_all_but_experts(layer, all);
    add_all_but_experts(layer, active);
    for (size_t e = 0; e < layer.expert_gate.size(); ++e) {
      for (const TensorView* view : {&layer.expert_gate[e], &layer.expert_up[e], &layer.expert_down[e]}) {
        all.add(*view);
        if (e < static_cast<size_t>(c.n_experts_used)) active.add(*view);  // all experts are of one size
      }
    }
  }
  const bool tied = weights.head.data == weights.embedding.data;
  for (Sum* sum : {&all, &active}) sum->add(weights.norm), sum->add(weights.head);
  if (!tied) all.add(weights.embedding);

  info.n_layers = c.n_layers;
  info.hidden_size = c.hidden_size;
  info.n_heads = c.n_heads;
  info.n_vocab = c.n_vocab;
  info.n_experts = c.n_experts;
  info.n_experts_used = c.n_experts_used;
  info.n_ctx_train = c.n_ctx_train;
  info.n_parameters = all.parameters;
  info.n_active_parameters = active.parameters;
  info.weight_bytes = all.bytes;
  info.decode_bytes_per_token = active.bytes + (tied ? 0 : static_cast<uint64_t>(weights.embedding.row_bytes()));
  info.kv_bytes_per_token =
      static_cast<uint64_t>(c.n_layers) * static_cast<uint64_t>(c.kv_lora_rank + c.qk_rope_dim) * 4;
  std::vector<std::pair<uint64_t, std::string_view>> types;
  for (const auto& [name, bytes] : by_type) types.emplace_back(bytes, name);
  std::sort(types.begin(), types.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  info.weight_types.clear();
  for (const auto& [bytes, name] : types) info.weight_types.emplace_back(name);
}

}  // namespace engine
