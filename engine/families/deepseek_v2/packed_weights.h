// SPDX-License-Identifier: Apache-2.0
// engine/families/deepseek_v2/packed_weights.h: a layer of the family as the fast pass reads it.
#pragma once
#include <cstdint>
#include <vector>

#include "engine/families/deepseek_v2/deepseek_v2.h"
#include "engine/fast/feed_forward.h"
#include "engine/fast/panel_store.h"

namespace engine {

struct PackedLayer {
  std::vector<float> attn_norm, q_a_norm, kv_a_norm;
  PackedMatrix q, q_a, q_b, kv_a, o;
  std::vector<PackedMatrix> k_b;  // per head [C, nope]: absorbs q_nope
  std::vector<PackedMatrix> v_b;  // per head [v, C]
  PackedMatrix index_q, index_k, index_weights;  // V3.2's indexer
  std::vector<float> index_k_gain, index_k_bias;
  FeedForwardWeights ff;

  void list(std::vector<PackedMatrix*>& all);  // appends every matrix
};

struct PackedDraft {
  std::vector<float> token_norm, state_norm, norm;
  PackedMatrix join;
  PackedLayer layer;
};

PackedLayer packed_layer(const DeepseekV2Config& config, const DeepseekV2Layer& from, PanelStore& store);

// Bytes of a packed copy of the weights.
uint64_t packed_bytes(const DeepseekV2Config& config, const DeepseekV2Weights& weights);

}  // namespace engine
