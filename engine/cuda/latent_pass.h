// SPDX-License-Identifier: Apache-2.0
// engine/cuda/latent_pass.h: DeepSeek-V2, V3 and V3.2 on the device. A step uses the absorbed form of latent attention; a
// chunk expands keys and values, a segment of the past at a time; where V3.2's index has to choose, and where tokens are
// of several timelines, it is the absorbed form too, for a few tokens at a time.
//
// Source   DeepSeek-V2, arXiv:2405.04434, section 2 and appendix C
#pragma once
#include "engine/cuda/pass.h"
#include "engine/cuda/step_sparse.h"
#include "engine/families/deepseek_v2/deepseek_v2.h"

namespace engine::cuda {

class LatentPass : public Pass {
 public:
  LatentPass(const DeepseekV2Config& config, const DeepseekV2Weights& weights, const UploadOptions& options);

  bool forward(const ForwardRequest& request) override;

 private:
  struct Layer {
    const float* attn_norm = nullptr;
    Matrix q, q_a, q_b, kv_a, o;
    const float* q_a_norm = nullptr;
    const float* kv_a_norm = nullptr;
    Matrix k_absorb;                         // [H C, nope]
    Matrix kv_b;                             // [H (nope + v), C]: per head nope rows, then v rows
    Matrix v_b;                              // [H v, C]
    Matrix index_q, index_k, index_weights;  // V3.2
    const float* index_k_gain = nullptr;
    const float* index_k_bias = nullptr;
    DeviceFeedForward ff;
  };

  void upload_key_values(const DeepseekV2Layer& from, Layer& to);
  void add_attention(int l) override;
  bool has_states() const override { return config_.index_topk != 0; }
  void add_queries(const Layer& layer);
  void chunk_by_tokens(int l, const Chunk& chunk);
  // Operators between the projections and the output, of a step or over tokens.
  SeenRows seen_rows() const;
  LatentQueryOp query_op(const Layer& layer, int l) const;
  IndexKeysOp index_keys_op(const Layer& layer, int l) const;
  IndexScoresOp index_scores_op(int l) const;
  AttentionOp attention_op(int l) const;
  MergeOp merge_op(const Layer& layer) const;
  void chunk_attention(int l, const Chunk& chunk) override;
  const DeviceFeedForward& feed_forward(int l) const override { return layers_[static_cast<size_t>(l)].ff; }
  const float* attention_norm(int l) const override { return layers_[static_cast<size_t>(l)].attn_norm; }

  const DeepseekV2Config config_;
  const float scale_;
  std::vector<Layer> layers_;
  DeviceBuffer<float> q_, kv_, q_low_, queries_, partial_, merged_, attention_state_;
  DeviceBuffer<float> index_q_, index_k_, index_weights_;
  DeviceBuffer<int32_t> chosen_;
  DeviceBuffer<std::byte> q_low_normed_, q_turned_, expanded_, keys_, out_;
};

}  // namespace engine::cuda
