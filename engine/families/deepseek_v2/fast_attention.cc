// SPDX-License-Identifier: Apache-2.0
// The attention half of a layer (fast.h).
#include <algorithm>

#include "engine/families/deepseek_v2/fast.h"
#include "engine/kernels/attention.h"

namespace engine {

bool DeepseekV2Fast::attention(const Worker& worker, const PackedLayer& layer, const Place& place) {
  const bool quantized = is_quantized(layer.kv_a.type) || is_quantized(layer.q ? layer.q.type : layer.q_a.type);
  const Activations x = normed_hidden(worker, layer.attn_norm, 0, n_tokens(), quantized);
  if (layer.q)
    project_direct(worker, layer, x, place);
  else
    project_low_rank(worker, layer, x, place);
  worker.barrier();
  if (stopped()) return false;
  if (n_tokens() == 1)
    attend_heads(worker, layer, place);
  else
    attend_chunk(worker, layer, place);
  worker.barrier();
  const int64_t width = int64_t{config_.n_heads} * config_.v_head_dim;
  const Activations heads = rounded(worker, heads_, n_tokens(), width, is_quantized(layer.o.type), mine(worker).input, 0);
  const auto [first, last] = worker.split(layer.o.n_panels());
  add_product(worker, layer.o, first, last, heads, n_tokens(), nullptr, nullptr);
  worker.barrier();
  return true;
}

void DeepseekV2Fast::project_direct(const Worker& worker, const PackedLayer& layer, const Activations& x,
                                    const Place& place) {
  const int64_t kv_width = layer.kv_a.n_out, q_width = layer.q.n_out;
  if (n_tokens() > 1) {
    multiply_share(worker, layer.kv_a, x, n_tokens(), kv_.data(), kv_width);
    multiply_share(worker, layer.q, x, n_tokens(), q_.data(), q_width);
    return;
  }
  // Worker 0 takes the whole latent row, so that it can finish it without a barrier of its own, and as much of the query
  // as evens out the shares.
  const int64_t kv_panels = layer.kv_a.n_panels(), q_panels = layer.q.n_panels();
  const int64_t first_share = std::clamp((kv_panels + q_panels) / worker.count - kv_panels, int64_t{0}, q_panels);
  int64_t first = 0, last = worker.count == 1 ? q_panels : first_share;
  if (worker.index == 0) {
    multiply(worker, layer.kv_a, 0, kv_panels, x, 1, kv_.data(), kv_width);
    store_latent(layer, 0, place);
  } else {
    const int64_t rest = q_panels - first_share, others = worker.count - 1;
    first = first_share + rest * (worker.index - 1) / others;
    last = first_share + rest * worker.index / others;
  }
  multiply(worker, layer.q, first, last, x, 1, q_.data() + first * kPanelRows, q_width);
}

void DeepseekV2Fast::project_low_rank(const Worker& worker, const PackedLayer& layer, const Activations& x,
                                      const Place& place) {
  multiply_share(worker, layer.kv_a, x, n_tokens(), kv_.data(), layer.kv_a.n_out);
  multiply_share(worker, layer.q_a, x, n_tokens(), q_low_.row(0), q_low_.stride());
  if (config_.index_topk != 0) project_index(worker, layer, x, place);
  worker.barrier();
  const bool quantized = is_quantized(layer.q_b.type);
  const auto norm_row = [&](int64_t t, ActivationBuffer& to) {
    kernels().rms_norm(q_low_.row(t), layer.q_a_norm.data(), config_.q_lora_rank, config_.latent_eps, to.row(t));
    if (quantized) to.quantize(kernels(), t, 0, config_.q_lora_rank);
  };
  Activations low;
  if (n_tokens() == 1) {
    norm_row(0, mine(worker).input);
    low = mine(worker).input.from(0);
    if (worker.index == 0) store_latent(layer, 0, place);
  } else {
    const auto [first, last] = worker.split(n_tokens());
    for (int64_t t = first; t < last; ++t) norm_row(t, q_low_);
    worker.barrier();
    low = q_low_.from(0);
  }
  multiply_share(worker, layer.q_b, low, n_tokens(), q_.data(), layer.q_b.n_out);
  if (config_.index_topk != 0) multiply_share(worker, layer.index_q, low, n_tokens(), index_q_.data(), layer.index_q.n_out);
}

// The cache row of token t, finished in kv_.
void DeepseekV2Fast::store_latent(const PackedLayer& layer, int64_t t, const Place& place) {
  const int64_t c = config_.kv_lora_rank;
  float* row = kv_.data() + t * (c + config_.qk_rope_dim);
  kernels().rms_norm(row, layer.kv_a_norm.data(), c, config_.latent_eps, row);
  rope_interleaved(turns_.data() + t * rope_.n_pairs(), rope_.n_pairs(), row + c);
  place.cache(t).store(place.layer, place.position(t), 0, row, c + config_.qk_rope_dim);
}

// The query of head h, scaled: its part without positions ready for k_b, its rotated part in place.
void DeepseekV2Fast::split_query(const PackedLayer& layer, int64_t t, int64_t h) {
  const int64_t nope = config_.qk_nope_dim, rope = config_.qk_rope_dim, head = t * config_.n_heads + h;
  float* q = q_.data() + head * (nope + rope);
  float* to = query_nope_.row(t) + h * nope_width_;
  for (int64_t i = 0; i < nope; ++i) to[i] = q[i] * attention_scale_;
  if (layer.k_b[static_cast<size_t>(h)].takes_quants()) query_nope_.quantize(kernels(), t, h * nope_width_, nope);
  float* rotated = queries_.data() + head * cache_width_ + config_.kv_lora_rank;
  for (int64_t i = 0; i < rope; ++i) rotated[i] = q[nope + i] * attention_scale_;
  rope_interleaved(turns_.data() + t * rope_.n_pairs(), rope_.n_pairs(), rotated);
}

// Rows of a layer: keys, whose first part values are.
template <typename T>
void DeepseekV2Fast::place_rows(AttentionRowsOf<T>& rows, BlockCache& cache, int64_t layer) const {
  rows.keys = rows.values = cache.row<T>(layer, 0);
  rows.key_stride = rows.value_stride = cache.width();
  rows.width = cache_width_;
  rows.value_width = latent_width_;
  rows.blocks = cache.blocks();
  rows.block_offset = cache.layer_offset(layer);
}

// Queries [first_row, first_row + n_rows), counted over tokens and heads; results in latents_, rounded where v_b wants it.
// With a list of rows, and in a batch, the queries are of one token.
void DeepseekV2Fast::attend_rows(const PackedLayer& layer, int64_t first_row, int n_rows, const Place& place,
                                 const Listed& listed) {
  int32_t n_visible[kMaxAttentionRows];
  for (int r = 0; r < n_rows; ++r)
    n_visible[r] = listed.rows ? listed.n : static_cast<int32_t>(place.position((first_row + r) / config_.n_heads) + 1);
  attend_cached(kernels(), cache_type_, [&](auto& rows) {
    place_rows(rows, place.cache(first_row / config_.n_heads), place.layer);
    rows.queries = queries_.data() + first_row * cache_width_;
    rows.n_rows = n_rows;
    rows.n_visible = n_visible;
    rows.out = latents_.row(0) + first_row * latent_width_;
    if (listed.rows) rows.list = listed.rows, rows.blocks = nullptr;
  });
  for (int64_t r = first_row; r < first_row + n_rows; ++r) round_latent(layer, r / config_.n_heads, r % config_.n_heads);
}

// The result of head h in 8 bits, where v_b wants it.
void DeepseekV2Fast::round_latent(const PackedLayer& layer, int64_t t, int64_t h) {
  if (is_quantized(layer.v_b[static_cast<size_t>(h)].type)) latents_.quantize(kernels(), t, h * latent_width_, latent_width_);
}

// One token: a worker carries its heads from the query to the head's output, and meets the others only where they share out
// a long cache.
void DeepseekV2Fast::attend_heads(const Worker& worker, const PackedLayer& layer, const Place& place) {
  const auto [first, last] = worker.split(config_.n_heads);
  for (int64_t h = first; h < last; ++h) {
    split_query(layer, 0, h);
    const PackedMatrix& k_b = layer.k_b[static_cast<size_t>(h)];
    multiply(worker, k_b, 0, k_b.n_panels(), query_nope_.from(0).columns(h * nope_width_), 1,
             queries_.data() + h * cache_width_, 0);
  }
  if (worker.count > 1 && sections_.ready()) {
    attend_sections(worker, place);
    for (int64_t h = first; h < last; ++h) round_latent(layer, 0, h);
  } else {
    const Listed listed = choose_rows(worker, 0, place);
    for (int64_t h = first; h < last; h += kMaxAttentionRows)
      attend_rows(layer, h, static_cast<int>(std::min<int64_t>(kMaxAttentionRows, last - h)), place, listed);
  }
  for (int64_t h = first; h < last; ++h) {
    const PackedMatrix& v_b = layer.v_b[static_cast<size_t>(h)];
    multiply(worker, v_b, 0, v_b.n_panels(), latents_.from(0).columns(h * latent_width_), 1,
             heads_.row(0) + h * config_.v_head_dim, 0);
  }
}

// One token, all of the cache: each worker reads some sections of it for many heads, instead of all of it for its own. Leaves
// the results of the worker's own heads in latents_.
void DeepseekV2Fast::attend_sections(const Worker& worker, const Place& place) {
  const int64_t heads = config_.n_heads, n_rows = place.position(0) + 1;
  // As many heads at once as leave two shares to each worker; a call of four is still a good one.
  const int64_t n_sections = (n_rows + kAttentionSection - 1) / kAttentionSection;
  int64_t at_once = std::min<int64_t>(kMaxAttentionRows, heads);
  while (at_once > 4 && n_sections * ((heads + at_once - 1) / at_once) < 2 * worker.count) at_once = (at_once + 1) / 2;
  worker.barrier();
  SharedSections::each(worker, 0, n_rows, (heads + at_once - 1) / at_once, [&](int section, int64_t group) {
    attend_section(section, group * at_once, static_cast<int>(std::min(at_once, heads - group * at_once)), place);
  });
  worker.barrier();
  const auto [first, last] = worker.split(heads);
  sections_.join(kernels(), 0, n_rows, first, last - first, nullptr, latents_.row(0) + first * latent_width_);
}

void DeepseekV2Fast::attend_section(int section, int64_t first_head, int n_heads, const Place& place) {
  int32_t n_visible[kMaxAttentionRows];
  std::fill_n(n_visible, n_heads, static_cast<int32_t>(place.position(0) + 1));
  attend_cached(kernels(), cache_type_, [&](auto& rows) {
    place_rows(rows, place.cache(0), place.layer);
    rows.queries = queries_.data() + first_head * cache_width_;
    rows.n_rows = n_heads;
    rows.n_visible = n_visible;
    sections_.place(rows, section, first_head);
  });
}

// All queries of the chunk. Later ones see more of the cache: groups are dealt out in turn.
void DeepseekV2Fast::attend_tokens(const Worker& worker, const PackedLayer& layer, const Place& place) {
  const int64_t heads = config_.n_heads;
  int64_t n_whole = 0;  // tokens that see everything before them
  while (n_whole < n_tokens() && !chooses(place.position(n_whole) + 1)) ++n_whole;
  for (int64_t r = worker.index * kMaxAttentionRows; r < n_whole * heads; r += int64_t{worker.count} * kMaxAttentionRows)
    attend_rows(layer, r, static_cast<int>(std::min<int64_t>(kMaxAttentionRows, n_whole * heads - r)), place, {});
  for (int64_t t = n_whole + worker.index; t < n_tokens(); t += worker.count) {
    const Listed listed = choose_rows(worker, t, place);
    for (int64_t h = 0; h < heads; h += kMaxAttentionRows)
      attend_rows(layer, t * heads + h, static_cast<int>(std::min<int64_t>(kMaxAttentionRows, heads - h)), place, listed);
  }
}

// The same in a batch: each token sees a cache of its own.
void DeepseekV2Fast::attend_batch(const Worker& worker, const PackedLayer& layer, const Place& place) {
  const int64_t heads = config_.n_heads;
  int64_t turn = 0;
  for (int64_t t = 0; t < n_tokens(); ++t) {
    const bool some = chooses(place.position(t) + 1);  // then one worker chooses for all heads
    if (some && turn++ % worker.count != worker.index) continue;
    const Listed listed = some ? choose_rows(worker, t, place) : Listed();
    for (int64_t h = 0; h < heads; h += kMaxAttentionRows)
      if (some || turn++ % worker.count == worker.index)
        attend_rows(layer, t * heads + h, static_cast<int>(std::min<int64_t>(kMaxAttentionRows, heads - h)), place, listed);
  }
}

void DeepseekV2Fast::attend_chunk(const Worker& worker, const PackedLayer& layer, const Place& place) {
  const int64_t heads = config_.n_heads;
  const auto [first_token, last_token] = worker.split(n_tokens());
  for (int64_t t = first_token; t < last_token; ++t) {
    store_latent(layer, t, place);
    if (config_.index_topk != 0) store_index_key(layer, t, place);
    for (int64_t h = 0; h < heads; ++h) split_query(layer, t, h);
  }
  worker.barrier();
  // Panels of all heads' matrices in one list, so that the shares are even whatever the number of heads.
  const auto per_head = [&](const std::vector<PackedMatrix>& list, auto&& multiply_head) {
    const int64_t panels = list[0].n_panels();
    const auto [first, last] = worker.split(heads * panels);
    for (int64_t h = first / panels; h * panels < last; ++h)
      multiply_head(list[static_cast<size_t>(h)], h, std::max(first - h * panels, int64_t{0}), std::min(last - h * panels, panels));
  };
  per_head(layer.k_b, [&](const PackedMatrix& k_b, int64_t h, int64_t first, int64_t last) {
    multiply(worker, k_b, first, last, query_nope_.from(0).columns(h * nope_width_), n_tokens(),
             queries_.data() + h * cache_width_ + first * kPanelRows, heads * cache_width_);
  });
  worker.barrier();
  if (place.batch())
    attend_batch(worker, layer, place);
  else
    attend_tokens(worker, layer, place);
  worker.barrier();
  per_head(layer.v_b, [&](const PackedMatrix& v_b, int64_t h, int64_t first, int64_t last) {
    multiply(worker, v_b, first, last, latents_.from(0).columns(h * latent_width_), n_tokens(),
             heads_.row(0) + h * config_.v_head_dim + first * kPanelRows, heads_.stride());
  });
}

}  // namespace engine
