// SPDX-License-Identifier: Apache-2.0
// The lightning indexer of V3.2 (fast.h): which cache rows a token attends to. Source: DeepSeek-V3.2, arXiv:2512.02556,
// section 2.1; kernels/lightning_indexer.h.
#include <algorithm>
#include <cmath>

#include "engine/families/deepseek_v2/fast.h"
#include "engine/kernels/lightning_indexer.h"
#include "engine/kernels/rms_norm.h"

namespace engine {

// Keys and head weights, from the layer's input; there after the next barrier. One token's key is worker 0's, so that it
// lies in the cache by then.
void DeepseekV2Fast::project_index(const Worker& worker, const PackedLayer& layer, const Activations& x, const Place& place) {
  multiply_share(worker, layer.index_weights, x, n_tokens(), index_weights_.data(), config_.index_heads);
  if (n_tokens() > 1) {
    multiply_share(worker, layer.index_k, x, n_tokens(), index_k_.data(), config_.index_head_dim);
  } else if (worker.index == 0) {
    multiply(worker, layer.index_k, 0, layer.index_k.n_panels(), x, 1, index_k_.data(), config_.index_head_dim);
    store_index_key(layer, 0, place);
  }
}

void DeepseekV2Fast::store_index_key(const PackedLayer& layer, int64_t t, const Place& place) {
  float* key = index_k_.data() + t * config_.index_head_dim;
  layer_norm_cpu_reference(key, layer.index_k_gain.data(), layer.index_k_bias.data(), config_.index_head_dim,
                           kIndexKeyEps, key);
  rope_half_split(turns_.data() + t * rope_.n_pairs(), rope_.n_pairs(), key);
  place.cache(t).store(place.layer, place.position(t), cache_width_, key, config_.index_head_dim);
}

// Scores of rows [first, last) for token t.
void DeepseekV2Fast::score_rows(const Worker& worker, int64_t t, const Place& place, int64_t first, int64_t last, float* scores) {
  const int64_t heads = config_.index_heads, width = config_.index_head_dim;
  Choice& own = choices_[static_cast<size_t>(worker.index)];
  own.queries.assign(static_cast<size_t>(heads * index_width_), 0.0f);
  own.weights.resize(static_cast<size_t>(heads));
  const float scale = 1.0f / std::sqrt(static_cast<float>(heads) * static_cast<float>(width));
  for (int64_t h = 0; h < heads; ++h) {
    float* query = own.queries.data() + h * index_width_;
    std::copy_n(index_q_.data() + (t * heads + h) * width, width, query);
    rope_half_split(turns_.data() + t * rope_.n_pairs(), rope_.n_pairs(), query);
    own.weights[static_cast<size_t>(h)] = index_weights_.data()[t * heads + h] * scale;
  }
  for (int64_t s = first, end = 0; s < last; s = end) {  // rows follow each other within a block
    end = std::min((s / BlockCache::kBlockPositions + 1) * BlockCache::kBlockPositions, last);
    BlockCache& cache = place.cache(t);
    score_cached(kernels(), cache_type_, {own.queries.data(), own.weights.data(), config_.index_heads, index_width_},
                 cache.row_start(place.layer, s) + cache_width_ * value_bytes(cache_type_), cache.width(), end - s,
                 scores + s);
  }
}

DeepseekV2Fast::Listed DeepseekV2Fast::choose_rows(const Worker& worker, int64_t t, const Place& place) {
  const int64_t n_visible = place.position(t) + 1;
  if (!chooses(n_visible)) return {};
  Choice& own = choices_[static_cast<size_t>(worker.index)];
  float* scores = index_scores_.data();
  if (n_tokens() == 1) {  // all workers are here, for the same token
    const auto [first, last] = worker.split(n_visible);
    if (first < last) score_rows(worker, t, place, first, last, scores);
    worker.barrier();
  } else {
    own.scores.resize(static_cast<size_t>(n_visible));
    scores = own.scores.data();
    score_rows(worker, t, place, 0, n_visible, scores);
  }
  select_rows(scores, n_visible, config_.index_topk, own.rows);
  own.list.clear();
  for (const int64_t s : own.rows) own.list.push_back(place.cache(t).row_start(place.layer, s));
  return {own.list.data(), static_cast<int32_t>(own.list.size())};
}

}  // namespace engine
