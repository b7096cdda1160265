// SPDX-License-Identifier: Apache-2.0
// engine/packed_weights.h: the weights of a DeepSeek-V2 model as the fast paths read them.
//
// Owns     One block with all panels (where packed), norms decoded to f32, and transposed key matrices. Borrows the mapped
//          file for the embedding and for what was not packed.
#pragma once
#include <cstdint>
#include <vector>

#include "engine/buffer.h"
#include "engine/deepseek_v2.h"
#include "engine/kernels/matmul.h"
#include "engine/thread_pool.h"

namespace engine {

struct PackedLayer {
  std::vector<float> attn_norm, q_a_norm, kv_a_norm, ffn_norm;
  PackedMatrix q, q_a, q_b, kv_a, o;
  std::vector<PackedMatrix> k_b;  // per head [C, nope]: absorbs q_nope
  std::vector<PackedMatrix> v_b;  // per head [v, C]
  PackedMatrix gate, up, down;
  PackedMatrix router, shared_gate, shared_up, shared_down;
  std::vector<PackedMatrix> expert_gate, expert_up, expert_down;
};

class PackedWeights {
 public:
  PackedWeights(const DeepseekV2Config& config, const DeepseekV2Weights& weights, ThreadPool& pool, bool pack);

  const PackedLayer& layer(int l) const { return layers_[static_cast<size_t>(l)]; }
  const PackedMatrix& head() const { return head_; }
  const std::vector<float>& norm() const { return norm_; }
  const TensorView& embedding() const { return embedding_; }
  int64_t largest_panel_bytes() const { return largest_panel_bytes_; }

 private:
  PackedMatrix matrix(const TensorView& view);
  void key_and_value_heads(const DeepseekV2Config& config, const DeepseekV2Layer& from, PackedLayer& to);
  void pack_all(ThreadPool& pool);

  std::vector<PackedLayer> layers_;
  PackedMatrix head_;
  std::vector<float> norm_;
  TensorView embedding_;
  std::vector<Buffer<std::byte>> transposed_;
  Buffer<uint8_t> panels_;
  int64_t largest_panel_bytes_ = 0;
};

}  // namespace engine
