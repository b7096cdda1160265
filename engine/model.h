// SPDX-License-Identifier: Apache-2.0
// engine/model.h: one forward pass over the next tokens of a timeline.
//
// Owns     A Model borrows its weights: the mapped file must outlive it. A KvCache belongs to one session and one Model.
// Threads  A Model's work buffers are its own: one forward() at a time.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>

#include "engine/buffer.h"
#include "engine/deepseek_v2.h"
#include "engine/kernels/fast_kernels.h"
#include "engine/thread_pool.h"

namespace engine {

// One latent row per layer and token: [c | k_rope], zero-padded to `width`.
struct KvCache {
  KvCache() = default;
  KvCache(int layers, int64_t row_width, int64_t context)
      : width(row_width), n_ctx(context), rows(static_cast<size_t>(layers) * static_cast<size_t>(row_width * context)) {}

  float* row(int layer, int64_t position) { return rows.data() + (layer * n_ctx + position) * width; }

  int64_t width = 0, n_ctx = 0;
  Buffer<float> rows;
};

struct ForwardRequest {
  std::span<const int32_t> tokens;  // 1 .. max_tokens(), ids in range
  int64_t position = 0;             // of the first token; cache rows before it are filled; the end is within n_ctx
  KvCache* cache = nullptr;
  float* logits = nullptr;          // [n_vocab] of the last token, or [tokens, n_vocab]; null: none wanted
  bool all_logits = false;
  std::stop_token stop;             // looked at between layers
};

class Model {
 public:
  virtual ~Model() = default;
  virtual int max_tokens() const = 0;
  virtual int64_t cache_width() const = 0;  // values of a cache row
  // False when stopped; cache rows from `position` on are then meaningless.
  virtual bool forward(const ForwardRequest& request) = 0;
};

// Plain operators, expanded attention: defines every result.
std::unique_ptr<Model> make_deepseek_v2_reference(const DeepseekV2Config& config, const DeepseekV2Weights& weights);

// The fast paths. `pack`: lay the weights out anew in memory; else panels are made while they are read, which costs time
// but no memory. `pool` is borrowed.
std::unique_ptr<Model> make_deepseek_v2_fast(const DeepseekV2Config& config, const DeepseekV2Weights& weights,
                                             const FastKernels& kernels, ThreadPool& pool, bool pack);

// Bytes of a packed copy of the weights.
uint64_t packed_bytes(const DeepseekV2Weights& weights);

}  // namespace engine
