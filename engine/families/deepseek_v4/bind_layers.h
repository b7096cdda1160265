// SPDX-License-Identifier: Apache-2.0
// engine/families/deepseek_v4/bind_layers.h: what binding the tensors of either container has in common (bind_weights.h).
//
// Owns     Nothing: the table must outlive a V4Tensors.
// Errors   Remembered by V4Tensors::b, for its finish().
#pragma once
#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "engine/families/deepseek_v4/deepseek_v4.h"
#include "engine/load/tensor_binder.h"

namespace engine {

// Takes tensors by their published names out of either container.
class V4Tensors {
 public:
  V4Tensors(const TensorTable& tensors, bool gguf) : b(tensors, "DeepSeek-V4"), gguf_(gguf) {}

  // Names that follow begin so.
  void enter_layer(int layer) { prefix_ = base::cat(gguf_ ? "blk." : "layers.", layer, "."); }
  void enter(std::string prefix) { prefix_ = std::move(prefix); }
  std::string name(const std::string& published) const;
  TensorView matrix(const std::string& published, std::initializer_list<int64_t> shape) {
    return b.matrix(name(published), shape);
  }
  TensorView norm(const std::string& published, std::initializer_list<int64_t> shape) {
    return b.norm(name(published), shape);
  }

  TensorBinder b;

 private:
  const bool gguf_;
  std::string prefix_;
};

// `names`: of mix, base and scale, whole.
V4Connection bind_connection(V4Tensors& t, const DeepseekV4Config& c, const std::string (&names)[3], bool head);

// Layer `l`, or one for drafts behind the last; its names follow.
void bind_layer(V4Tensors& t, const DeepseekV4Config& c, int l, bool gguf, DeepseekV4Layer& layer);
void bind_layers(V4Tensors& t, const DeepseekV4Config& c, bool gguf, DeepseekV4Weights& weights);
// Of the layers that ask Engram; `weights` has its hashes and layers.
void bind_engrams(V4Tensors& t, const DeepseekV4Config& c, DeepseekV4Weights& weights);

inline constexpr size_t kMaxStages = 16;  // of DSpark; released models have 3
struct SparkNames {
  std::string join, join_norm, head_connection[3], norm, markov_from, markov_to, confidence;
};
// `stages`: what the names of each begin with.
void bind_spark(V4Tensors& t, const DeepseekV4Config& c, const SparkNames& names, const std::vector<std::string>& stages, bool gguf,
                DeepseekV4Weights& weights);

}  // namespace engine
