// SPDX-License-Identifier: Apache-2.0
#include "engine/families/deepseek_v2/packed_weights.h"

#include "engine/families/deepseek_v2/linear_modules.h"
#include "engine/formats/dequantize.h"
#include "engine/load/tensor_binder.h"

namespace engine {
namespace {

void key_and_value_heads(const DeepseekV2Config& config, const DeepseekV2Layer& from, PanelStore& store, PackedLayer& to) {
  const int64_t nope = config.qk_nope_dim, dv = config.v_head_dim;
  for (int64_t h = 0; h < config.n_heads; ++h) {
    if (!from.kv_b) {
      to.k_b.push_back(store.matrix(from.k_b.slice(h)));
      to.v_b.push_back(store.matrix(from.v_b.slice(h)));
      continue;
    }
    to.v_b.push_back(store.matrix(rows_of(from.kv_b, h * (nope + dv) + nope, dv)));
    to.k_b.push_back(store.turned(rows_of(from.kv_b, h * (nope + dv), nope)));
    to.k_b.back().key = head_keys(config, from, h).k;
  }
}

}  // namespace

void PackedLayer::list(std::vector<PackedMatrix*>& all) {
  all.insert(all.end(), {&q, &q_a, &q_b, &kv_a, &o, &index_q, &index_k, &index_weights});
  for (std::vector<PackedMatrix>* heads : {&k_b, &v_b})
    for (PackedMatrix& m : *heads) all.push_back(&m);
  ff.list(all);
}

PackedLayer packed_layer(const DeepseekV2Config& config, const DeepseekV2Layer& from, PanelStore& store) {
  PackedLayer to;
  to.attn_norm = decoded(from.attn_norm);
  to.q_a_norm = decoded(from.q_a_norm);
  to.kv_a_norm = decoded(from.kv_a_norm);
  to.q = store.matrix(from.q);
  to.q_a = store.matrix(from.q_a);
  to.q_b = store.matrix(from.q_b);
  to.kv_a = store.matrix(from.kv_a);
  key_and_value_heads(config, from, store, to);
  to.o = store.matrix(from.o);
  to.index_q = store.matrix(from.index_q);
  to.index_k = store.matrix(from.index_k);
  to.index_k_gain = decoded(from.index_k_gain);
  to.index_k_bias = decoded(from.index_k_bias);
  to.index_weights = store.matrix(from.index_weights);
  to.ff = packed_feed_forward(from.ff, store);
  return to;
}

uint64_t packed_bytes(const DeepseekV2Config& config, const DeepseekV2Weights& weights) {
  uint64_t total = packed_bytes(weights.head);
  std::vector<const DeepseekV2Layer*> layers;
  for (const DeepseekV2Layer& l : weights.layers) layers.push_back(&l);
  if (weights.draft) {
    layers.push_back(&weights.draft->layer);
    total += packed_bytes(weights.draft->join);
  }
  for (const DeepseekV2Layer* layer : layers) {
    const DeepseekV2Layer& l = *layer;
    for (const TensorView* view :
         {&l.q, &l.q_a, &l.q_b, &l.kv_a, &l.k_b, &l.v_b, &l.o, &l.index_q, &l.index_k, &l.index_weights})
      if (*view) total += packed_bytes(*view);
    if (l.kv_b) {
      const auto panels = static_cast<uint64_t>((config.kv_lora_rank + kPanelRows - 1) / kPanelRows);
      const auto keys = panels * static_cast<uint64_t>(turned_panel_bytes(l.kv_b.type, config.qk_nope_dim));
      total += static_cast<uint64_t>(config.n_heads) * (keys + packed_bytes(rows_of(l.kv_b, 0, config.v_head_dim)));
    }
    total += l.ff.matrix_bytes();
  }
  return total;
}

}  // namespace engine
