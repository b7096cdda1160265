// SPDX-License-Identifier: Apache-2.0
// engine/cuda/grouped_pass.h: the models with grouped-query attention on the device: Llama 3, Mistral, Qwen2(.5),
// Qwen3, Qwen3-MoE and gpt-oss. Keys and values are read from the cache as they lie.
#pragma once
#include "engine/cuda/pass.h"
#include "engine/families/grouped/grouped.h"

namespace engine::cuda {

class GroupedPass : public Pass {
 public:
  GroupedPass(const GroupedConfig& config, const GroupedWeights& weights, const UploadOptions& options);

 private:
  struct Layer {
    const float* attn_norm = nullptr;
    Matrix q, k, v, o;
    const float *q_bias = nullptr, *k_bias = nullptr, *v_bias = nullptr, *o_bias = nullptr;
    const float *q_norm = nullptr, *k_norm = nullptr, *sinks = nullptr;
    DeviceFeedForward ff;
  };

  void add_attention(int l) override;
  // Operators between the projections and the output, of a step or over tokens.
  GroupedQueryOp query_op(const Layer& layer, int l) const;
  AttentionOp attention_op(int l) const;
  MergeOp merge_op(const Layer& layer, int l) const;
  void chunk_attention(int l, const Chunk& chunk) override;
  const DeviceFeedForward& feed_forward(int l) const override { return layers_[static_cast<size_t>(l)].ff; }
  const float* attention_norm(int l) const override { return layers_[static_cast<size_t>(l)].attn_norm; }

  const GroupedConfig config_;
  const float scale_;
  std::vector<Layer> layers_;
  DeviceBuffer<float> q_, k_, v_, partial_, merged_;
  DeviceBuffer<std::byte> q_turned_, out_;
  int rotated_ = 0;
};

}  // namespace engine::cuda
