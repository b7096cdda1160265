// SPDX-License-Identifier: Apache-2.0
// engine/deepseek_v2_fast.h: the DeepSeek-V2 forward pass on the fast paths.
//
// All workers run the same layer code and meet at barriers; each computes its own output rows. With one token the small
// steps (norms, 8-bit rounding, routing) are done by every worker for itself, in private memory: that costs less than a
// barrier. With more tokens they are split by token.
//
// Attention is the absorbed form: scores and sums run over latent cache rows, with k_b folded into the query and v_b
// applied to the result. Held against make_deepseek_v2_reference, which expands keys and values.
//
// Results  A token's hidden state goes through the same additions in the same order whatever the chunk, the number of
//          threads, and whether weights are packed: decoding equals prefill bit for bit.
// Source   DeepSeek-V2, arXiv:2405.04434, section 2 and appendix C (absorbed form)
#pragma once
#include <atomic>
#include <vector>

#include "engine/activation_buffer.h"
#include "engine/kernels/moe_router.h"
#include "engine/kernels/rope.h"
#include "engine/model.h"
#include "engine/packed_weights.h"

namespace engine {

class DeepseekV2Fast : public Model {
 public:
  DeepseekV2Fast(const DeepseekV2Config& config, const DeepseekV2Weights& weights, const FastKernels& kernels,
                 ThreadPool& pool, bool pack);

  int max_tokens() const override { return kChunk; }
  int64_t cache_width() const override { return cache_width_; }
  bool forward(const ForwardRequest& request) override;

 private:
  // Large enough that each expert of a 64-expert model sees some 24 tokens per read of its weights; small enough that a
  // small model's chunk takes a few tens of milliseconds, the longest that a completion waits behind a prefill.
  static constexpr int kChunk = 256;

  // What a worker needs for itself: one token's rows, decoded panels, a tile of outputs.
  struct Private {
    ActivationBuffer input, middle;
    Buffer<uint8_t> panel;
    Buffer<float> tile, tile_up;
    std::vector<float> router_scratch, weights;
    std::vector<int32_t> ids;
    ExpertGroups groups;
  };

  // deepseek_v2_attention.cc
  void attention(const Worker& worker, const PackedLayer& layer, int l, const ForwardRequest& request);
  void project_direct(const Worker& worker, const PackedLayer& layer, int l, const Activations& x, const ForwardRequest& request);
  void project_low_rank(const Worker& worker, const PackedLayer& layer, int l, const Activations& x, const ForwardRequest& request);
  void store_latent(const Worker& worker, const PackedLayer& layer, int l, int64_t t, const ForwardRequest& request);
  void split_query(const PackedLayer& layer, int64_t t, int64_t h);
  void attend_heads(const Worker& worker, const PackedLayer& layer, int l, const ForwardRequest& request);
  void attend_chunk(const Worker& worker, const PackedLayer& layer, int l, const ForwardRequest& request);
  void attend_rows(const Worker& worker, const PackedLayer& layer, int l, int64_t first_row, int n_rows, const ForwardRequest& request);

  // deepseek_v2_ffn.cc
  void dense(const Worker& worker, const PackedLayer& layer);
  void experts(const Worker& worker, const PackedLayer& layer);
  const ExpertGroups& route(const Worker& worker);
  void gate_up(const Worker& worker, const PackedMatrix& gate, const PackedMatrix& up, const Activations& x, int64_t n_tokens,
               int64_t first_panel, int64_t last_panel, ActivationBuffer& out, int64_t first_row);

  // Shared pieces (deepseek_v2_fast.cc).
  void embed(const Worker& worker, const ForwardRequest& request);
  void logits(const Worker& worker, const ForwardRequest& request);
  // Tokens [first, first + n) of `hidden_`, normed, as the next matrices read them. Ends with a barrier unless n is 1.
  Activations normed_hidden(const Worker& worker, const std::vector<float>& gain, int64_t first_token, int64_t n, bool quantized);
  // Rows [0, n_rows) of `buffer`, in 8 bits where wanted. In a pass over one token every worker rounds a copy, rows
  // [own_row, ..) of `own`; else ends with a barrier.
  Activations rounded(const Worker& worker, ActivationBuffer& buffer, int64_t n_rows, int64_t width, bool quantized,
                      ActivationBuffer& own, int64_t own_row);
  void multiply(const Worker& worker, const PackedMatrix& w, int64_t first_panel, int64_t last_panel, const Activations& x,
                int64_t n_tokens, float* y, int64_t y_stride);
  // This worker's share of all panels.
  void multiply_share(const Worker& worker, const PackedMatrix& w, const Activations& x, int64_t n_tokens, float* y,
                      int64_t y_stride);
  // hidden_[token[i]] += weight[i] * (x_i . W^T) for panels [first, last); null: token i, weight 1.
  void add_product(const Worker& worker, const PackedMatrix& w, int64_t first_panel, int64_t last_panel, const Activations& x,
                   int64_t n_rows, const int32_t* token, const float* weight);

  Private& mine(const Worker& worker) { return private_[static_cast<size_t>(worker.index)]; }

  const DeepseekV2Config config_;
  const FastKernels& kernels_;
  ThreadPool& pool_;
  const PackedWeights weights_;
  const RopeTable rope_;
  const float attention_scale_;
  const int64_t latent_width_;  // C rounded up to 32: stride of attention results, per head
  const int64_t cache_width_;
  const int64_t nope_width_;    // nope rounded up to 32: stride of one head's unrotated query
  const int64_t n_ff_rows_;     // rows of expert outputs in a chunk

  TeamChoice choice_[3];  // for one token, a few, many: seconds per token

  // Work buffers of the chunk, [kChunk, ..]; written by all workers, each its own part, between barriers.
  int64_t n_ = 0;  // tokens in this pass
  std::atomic<bool> stopped_ = false;
  ActivationBuffer hidden_, input_, q_low_, query_nope_, latents_, heads_, middle_, expert_middle_;
  Buffer<float> q_, kv_, queries_, router_logits_;
  std::vector<RopeTable::Turn> turns_;  // [kChunk, pairs]
  std::vector<int32_t> ids_;
  std::vector<float> chosen_;
  ExpertGroups groups_;
  std::vector<Private> private_;
};

}  // namespace engine
