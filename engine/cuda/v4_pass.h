// SPDX-License-Identifier: Apache-2.0
// engine/cuda/v4_pass.h: DeepSeek-V4 on the device. In a chunk, products are made of all tokens, and what lies between
// them goes by tokens (token_ops.h).
//
// Errors   Unsupported: V4.1, whose entries are shared and whose streams are read as the half layer before says.
// Source   engine/families/deepseek_v4/deepseek_v4.h
#pragma once
#include "engine/cuda/pass.h"
#include "engine/cuda/step_sparse.h"
#include "engine/cuda/v4_cache.h"
#include "engine/families/deepseek_v4/deepseek_v4.h"

namespace engine::cuda {

class V4Pass : public Pass {
 public:
  V4Pass(const DeepseekV4Config& config, const DeepseekV4Weights& weights, const UploadOptions& options);

  std::unique_ptr<Cache> make_cache(int64_t n_ctx) const override;
  uint64_t cache_bytes(int64_t n_ctx) const override { return V4DeviceCache::bytes(config_, n_ctx, value_bytes()); }

 private:
  struct Connection {
    Matrix mix;
    const float* base = nullptr;
    const float* scale = nullptr;
  };
  struct Compressor {
    Matrix values, gate;
    const float* place = nullptr;
    const float* norm = nullptr;
  };
  struct Layer {
    Connection attn_connection, ff_connection;
    const float* attn_norm = nullptr;
    Matrix q_a, q_b, kv, o_a, o_b, index_q, index_weights;
    const float* q_a_norm = nullptr;
    const float* kv_norm = nullptr;
    const float* sinks = nullptr;
    Compressor entries, index_entries;
    DeviceFeedForward ff;
  };

  Connection upload(const V4Connection& from);
  Compressor upload(const V4Compressor& from);
  BeginOp begin_op() const override;
  bool has_states() const override { return true; }
  void chunk_layer(int l, const Chunk& chunk) override;
  void chunk_end(const Chunk& chunk) override { chunk_gather(head_connection_, chunk.n, true); }
  void chunk_gather(const Connection& connection, int n, bool head);
  void chunk_products(const Layer& layer, int l, int n);
  void chunk_rows(const Layer& layer, int l, int n);
  void chunk_output(const Layer& layer, int n);
  void add_layer(int l) override;
  void add_end() override;
  void add_attention(int l) override;
  void place_state(StepState& state, int64_t position, Cache& cache, int64_t token) const override;
  void add_project(std::initializer_list<std::pair<const Matrix*, float*>> products, const float* x, const Norm& norm);
  void add_gather(const Connection& connection, bool head);
  void chunk_attention(int l, const Chunk& chunk) override;
  // Operators between the products, of a step or over tokens.
  SeenRows seen_rows(int l) const;
  GatherOp gather_op(const Connection& connection, bool head) const;
  SpreadOp spread_op() const;
  PlaceOp place_op(const Layer& layer, int l) const;
  IndexScoresOp index_scores_op(int l) const;
  AttentionOp attention_op(int l) const;
  MergeOp merge_op(const Layer& layer, int l) const;
  const DeviceFeedForward& feed_forward(int l) const override { return layers_[static_cast<size_t>(l)].ff; }
  const float* attention_norm(int l) const override { return layers_[static_cast<size_t>(l)].attn_norm; }

  const DeepseekV4Config config_;
  std::vector<Layer> layers_;
  Connection head_connection_;
  const float* ones_ = nullptr;  // [S D]
  Turns entry_rope_;
  DeviceBuffer<Turn> entry_turns_;
  DeviceBuffer<float> streams_, mixed_, normed_streams_f32_, result_, q_low_, q_, kv_, values_, gates_, index_values_,
      index_gates_, index_q_, index_weights_, partial_, merged_, low_;
  DeviceBuffer<std::byte> normed_streams_, q_low_normed_, out_, low_rounded_;
  DeviceBuffer<int32_t> chosen_;
  DeviceBuffer<StreamMix> mix_;
};

}  // namespace engine::cuda
