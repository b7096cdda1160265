// SPDX-License-Identifier: Apache-2.0
// engine/families/deepseek_v2/fast.h: the DeepSeek-V2 forward pass on the fast paths.
//
// Attention is the absorbed form: scores and sums run over latent cache rows, with k_b folded into the query and v_b
// applied to the result. Cache rows are f32 or bf16. Held against the reference pass, which expands keys and values.
//
// Source   DeepSeek-V2, arXiv:2405.04434, section 2 and appendix C (absorbed form)
#pragma once
#include <optional>
#include <vector>

#include "engine/block_cache.h"
#include "engine/families/deepseek_v2/packed_weights.h"
#include "engine/fast/fast_pass.h"
#include "engine/fast/feed_forward.h"
#include "engine/fast/shared_sections.h"
#include "engine/kernels/attention.h"
#include "engine/kernels/rope.h"

namespace engine {

class DeepseekV2Fast : public FastPass {
 public:
  DeepseekV2Fast(const DeepseekV2Config& config, const DeepseekV2Weights& weights, const FastKernels& kernels,
                 ThreadPool& pool, const PanelPlan& panels, CacheType cache);

  std::unique_ptr<Cache> make_cache(int64_t n_ctx) const override;
  uint64_t cache_bytes(int64_t n_ctx) const override;
  int64_t draft_width() const override { return draft_ ? config_.hidden_size : 0; }
  std::unique_ptr<Cache> make_draft_cache(int64_t n_ctx) const override;
  uint64_t draft_cache_bytes(int64_t n_ctx) const override;

 private:
  void begin(const ForwardRequest& request) override;
  bool layer(const Worker& worker, int l, const ForwardRequest& request) override;
  bool draft_layer(const Worker& worker, const DraftRequest& request, const ForwardRequest& step) override;
  const std::vector<float>& draft_norm() const override { return draft_->norm; }

  // fast_attention.cc. What a step needs of the pass beside the team's buffers.
  struct Place {
    const ForwardRequest& request;
    int64_t layer;
    bool batch() const { return !request.batch.empty(); }  // each token has a cache of its own
    BlockCache& cache(int64_t token) const { return static_cast<BlockCache&>(*request.cache_of(token)); }
    int64_t position(int64_t token) const { return request.position_of(token); }
  };

  // fast_indexer.cc: V3.2's choice of cache rows.
  void project_index(const Worker& worker, const PackedLayer& layer, const Activations& x, const Place& place);
  void store_index_key(const PackedLayer& layer, int64_t t, const Place& place);
  void score_rows(const Worker& worker, int64_t t, const Place& place, int64_t first, int64_t last, float* scores);
  struct Listed {  // as attention.h lists rows; null: all of them are seen
    const std::byte* const* rows = nullptr;
    int32_t n = 0;
  };
  // Called by all workers in a pass over one token, else by the one whose token it is.
  Listed choose_rows(const Worker& worker, int64_t t, const Place& place);
  bool chooses(int64_t n_visible) const { return config_.index_topk != 0 && n_visible > config_.index_topk; }

  bool attention(const Worker& worker, const PackedLayer& layer, const Place& place);
  void project_direct(const Worker& worker, const PackedLayer& layer, const Activations& x, const Place& place);
  void project_low_rank(const Worker& worker, const PackedLayer& layer, const Activations& x, const Place& place);
  void store_latent(const PackedLayer& layer, int64_t t, const Place& place);
  void split_query(const PackedLayer& layer, int64_t t, int64_t h);
  void attend_heads(const Worker& worker, const PackedLayer& layer, const Place& place);
  void attend_sections(const Worker& worker, const Place& place);
  void attend_chunk(const Worker& worker, const PackedLayer& layer, const Place& place);
  void attend_tokens(const Worker& worker, const PackedLayer& layer, const Place& place);
  void attend_batch(const Worker& worker, const PackedLayer& layer, const Place& place);
  template <typename T>
  void place_rows(AttentionRowsOf<T>& rows, BlockCache& cache, int64_t layer) const;
  void attend_rows(const PackedLayer& layer, int64_t first_row, int n_rows, const Place& place, const Listed& listed);
  void round_latent(const PackedLayer& layer, int64_t t, int64_t h);
  void attend_section(int section, int64_t first_head, int n_heads, const Place& place);

  const DeepseekV2Config config_;
  const RopeTable rope_;
  const float attention_scale_;
  const int64_t latent_width_;  // C rounded up to 32: stride of attention results, per head
  const int64_t cache_width_;   // [c | k_rope], zero-padded
  const int64_t index_width_;   // Di, zero-padded; 0 without an indexer
  const CacheType cache_type_;  // of latents, rotated keys and index keys
  const int64_t nope_width_;    // nope rounded up to 32: stride of one head's unrotated query
  std::vector<PackedLayer> layers_;
  std::optional<PackedDraft> draft_;
  FeedForward feed_forward_;

  // Work buffers of the chunk, [kChunk, ..]; written by all workers, each its own part, between barriers.
  ActivationBuffer joined_;  // [.., 2D], where there is a draft layer
  ActivationBuffer q_low_, query_nope_, latents_, heads_;
  Buffer<float> q_, kv_, queries_;
  SharedSections sections_;
  Buffer<float> index_q_, index_k_, index_weights_;  // [kChunk, Hi * index_width_], [kChunk, Di], [kChunk, Hi]
  struct Choice {  // a worker's own
    std::vector<float> queries, weights, scores;
    std::vector<int32_t> rows;
    std::vector<const std::byte*> list;
  };
  std::vector<Choice> choices_;
  std::vector<float> index_scores_;  // of one token
  std::vector<RopeTable::Turn> turns_;  // [kChunk, pairs]
};

}  // namespace engine
