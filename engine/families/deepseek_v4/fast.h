// SPDX-License-Identifier: Apache-2.0
// engine/families/deepseek_v4/fast.h: the DeepSeek-V4 forward pass on the fast paths.
//
// The hidden state of FastPass is the input of half a layer, and then its result; the residual streams stand beside it.
// All heads of a token share one list of keys: the last tokens and the entries it sees.
//
// Source   as deepseek_v4.h
#pragma once
#include <memory>
#include <vector>

#include "engine/families/deepseek_v4/cache.h"
#include "engine/fast/fast_pass.h"
#include "engine/fast/feed_forward.h"
#include "engine/kernels/hyper_connection.h"

namespace engine {

class DeepseekV4Fast : public FastPass {
 public:
  DeepseekV4Fast(const DeepseekV4Config& config, const DeepseekV4Weights& weights, const FastKernels& kernels,
                 ThreadPool& pool, const PanelPlan& panels, CacheType cache);

  static int64_t shared_width(const DeepseekV4Config& config);  // of the shared experts' middle, at least 1

  std::unique_ptr<Cache> make_cache(int64_t n_ctx) const override {
    return std::make_unique<V4Cache>(config_, shape(n_ctx));
  }
  uint64_t cache_bytes(int64_t n_ctx) const override { return V4Cache::bytes(config_, shape(n_ctx)); }
  int64_t draft_width() const override {
    return int64_t{config_.hidden_size} * (draft_ ? config_.n_streams : spark_ ? static_cast<int64_t>(config_.spark.targets.size()) : 0);
  }
  int draft_block() const override { return spark_ ? config_.spark.block : 0; }
  std::unique_ptr<Cache> make_draft_cache(int64_t n_ctx) const override {
    return std::make_unique<V4Cache>(config_.draft_layers(n_draft_layers_), shape(n_ctx));
  }
  uint64_t draft_cache_bytes(int64_t n_ctx) const override {
    return V4Cache::bytes(config_.draft_layers(n_draft_layers_), shape(n_ctx));
  }

 private:
  struct Connection {
    PackedMatrix mix;
    std::vector<float> base, scale;
  };
  struct Compressor {
    PackedMatrix values, gate;
    std::vector<float> place, norm;  // [m, c w], [w]
  };
  struct Layer {
    Connection attn_connection, ff_connection;
    std::vector<float> attn_norm, q_a_norm, kv_norm, sinks, index_k_norm;
    PackedMatrix q_a, q_b, kv, index_q, index_k, index_weights, o_b;
    std::vector<PackedMatrix> o_a;  // [G]
    Compressor entries, index_entries;
    TensorView engram_rows;
    PackedMatrix engram_projection;
    std::vector<float> engram_q, engram_k;  // [S D]
    size_t engram_index = 0;                // into EngramConfig::layers
    FeedForwardWeights ff;
  };
  struct Draft {
    std::vector<float> token_norm, state_norm, norm;
    PackedMatrix token_join, state_join;
    Layer layer;
    Connection head_connection;
  };
  struct Spark {
    PackedMatrix join, markov_to;
    std::vector<float> join_norm, norm, confidence;
    TensorView markov_from;
    std::vector<Layer> stages;
    Connection head_connection;
  };
  // What a step needs of the pass beside the team's buffers.
  struct Place {
    const ForwardRequest& request;
    int64_t layer;
    int64_t first_layer = 0;  // of those in the cache: a draft layer has one of its own
    int64_t first_key = 0;    // before it there are none
    // DSpark: the tokens see each other's keys, which lie here, and the cache's before the first of them.
    V4Cache::Rows* block_keys = nullptr;
    V4Cache& cache(int64_t token) const {
      return static_cast<V4Cache&>(*request.cache_of(token));
    }  // in a batch each its own
    V4Cache::Rows& past_keys(int64_t token) const { return cache(token).keys(layer - first_layer); }
    int64_t position(int64_t token) const { return request.position_of(token); }
  };

  void begin(const ForwardRequest& request) override;
  bool layer(const Worker& worker, int l, const ForwardRequest& request) override;

  // fast_draft.cc
  void keep_states(const Worker& worker, const ForwardRequest& request) override;
  bool draft_layer(const Worker& worker, const DraftRequest& request, const ForwardRequest& step) override;
  void keep_draft_state(float* state) override;
  const std::vector<float>& draft_norm() const override { return draft_ ? draft_->norm : spark_->norm; }
  void pack_draft(const V4Draft& from, std::vector<PackedMatrix*>& matrices);
  void join(const Worker& worker, const DraftRequest& request);

  // fast_spark.cc
  void pack_spark(const V4Spark& from, std::vector<PackedMatrix*>& matrices);
  void keep_target(const Worker& worker, int layer, const ForwardRequest& request);
  bool see_targets(const Worker& worker, const DraftRequest& request, const ForwardRequest& step);
  std::vector<int32_t> begin_block(const DraftRequest& request) override;
  void block_layers(const Worker& worker, const DraftRequest& request, const ForwardRequest& step) override;
  void choose_block(const Worker& worker, const DraftRequest& request) override;

  Layer packed_layer(const DeepseekV4Layer& from);
  static void list(Layer& layer, std::vector<PackedMatrix*>& matrices);
  // A layer between the streams before it and behind it. False where stopped.
  bool through(const Worker& worker, const Layer& layer, const Place& place);
  Connection connection(const V4Connection& from);
  Compressor compressor(const V4Compressor& from);
  void start_streams(const Worker& worker);
  // What Engram's table holds for the last tokens goes into the streams; ends with a barrier.
  void engram(const Worker& worker, const Layer& layer, const Place& place);
  // Streams to the hidden state; ends with a barrier.
  void gather(const Worker& worker, const Connection& c, bool head);
  void gather_last(const Worker& worker);  // V4.1: as the last half layer said
  // The hidden state to streams; ends with a barrier.
  void spread(const Worker& worker);

  // fast_attention.cc: the hidden state to the hidden state; ends with a barrier. False where stopped.
  bool attention(const Worker& worker, const Layer& layer, const Place& place);
  const float* finish_key(const Layer& layer, int64_t l, int64_t t);
  void project(const Worker& worker, const Layer& layer, const Activations& x);
  void store_parts(const Compressor& c, const Buffer<float>& values, const Buffer<float>& gates, int64_t t,
                   const Place& place, V4Cache::Entries& to) const;
  void finish_entry(const Worker& worker, const Layer& layer, bool index, int64_t t, const Place& place);
  void store_index_key(const Worker& worker, const Layer& layer, int64_t t, const Place& place, const float* entry,
                       const RopeTable::Turn* turns);
  void choose_entries(const Worker& worker, int64_t t, const Place& place);
  void attend(const Worker& worker, const Layer& layer, int64_t t, int64_t first_head, int64_t last_head,
              const Place& place);
  void project_out(const Worker& worker, const Layer& layer);

  // A pass may go back by as much as it takes at once, and by as much again.
  V4Cache::Shape shape(int64_t n_ctx) const { return {n_ctx, 2 * kChunk, key_width_, index_width_, cache_type_}; }
  const RopeTable::Turn* turns(int64_t layer, int64_t t) const {
    return (config_.ratio(static_cast<int>(layer)) == 0 ? window_turns_ : entry_turns_).data() +
           t * window_rope_.n_pairs();
  }

  const DeepseekV4Config config_;
  const RopeTable window_rope_, entry_rope_;
  const int64_t key_width_, index_width_;  // d and Di, padded with zeros to 16 values
  const CacheType cache_type_;             // of keys, entries and the indexer's
  const int64_t group_stride_;             // of a group's heads, as o_a reads them
  const std::vector<float> ones_;
  const EngramHashes hashes_;
  std::vector<Layer> layers_;
  Connection head_connection_;
  std::optional<Draft> draft_;
  std::optional<Spark> spark_;
  const int n_draft_layers_;
  FeedForward feed_forward_;
  std::unique_ptr<FeedForward> stage_feed_forward_;  // DSpark's, where its stages have experts of their own number

  // Work buffers of the chunk, [kChunk, ..]; written by all workers, each its own part, between barriers.
  ActivationBuffer streams_, normed_streams_;  // [S D]
  std::vector<StreamMix> mixes_, reads_;       // reads_: V4.1, what half a layer says how the next one reads
  Buffer<float> mix_;
  ActivationBuffer q_low_, heads_, low_;  // heads [G group_stride_]; low [G R]
  ActivationBuffer latents_, found_;      // V4.1: entries before they are turned [d]; rows of Engram [(N - 1) H w]
  Buffer<float> keys_and_value_;          // V4.1: [(S + 1) D]
  ActivationBuffer joined_;               // [kChunk S, D], where there is a draft layer; [kChunk, T D] for DSpark
  ActivationBuffer targets_;              // DSpark: [D]
  V4Cache::Rows block_keys_;              // DSpark: [block]
  Buffer<float> markov_;                  // DSpark: [V]
  Buffer<float> token_part_, state_part_; // [D]; [kChunk S, D]
  Buffer<float> q_, kv_, index_q_, index_weights_;
  Buffer<float> values_, gates_, index_values_, index_gates_;
  std::vector<float> index_scores_;  // of one token
  std::vector<RopeTable::Turn> window_turns_, entry_turns_;
  struct Own {  // a worker's
    std::vector<float> queries, results, index_queries, index_weights, scores, entry, index_key;
    // Of each token of the pass that this worker attends for: the same ones in all layers.
    std::vector<std::vector<int32_t>> chosen, candidates;
    std::vector<int32_t> ids;
    std::vector<int64_t> rows;
    std::vector<const std::byte*> list;
    std::vector<const float*> parts, weights;
  };
  std::vector<Own> own_;
};

}  // namespace engine
