// SPDX-License-Identifier: Apache-2.0
// engine/cuda/v4_cache.h: what a timeline of DeepSeek-V4 keeps on the device: as families/deepseek_v4/cache.h, in one
// piece of memory with a table of the layers' places at its beginning (step_sparse.h).
//
// Rewind   To any of the last kSlack positions that were written, or to the start.
#pragma once
#include <vector>

#include "engine/cuda/device.h"
#include "engine/cuda/token_ops.h"
#include "engine/families/deepseek_v4/deepseek_v4.h"
#include "engine/model.h"

namespace engine::cuda {

class V4DeviceCache : public Cache {
 public:
  static constexpr int64_t kSlack = 256;  // positions

  V4DeviceCache(const DeepseekV4Config& config, int64_t n_ctx, int64_t value_bytes);
  static uint64_t bytes(const DeepseekV4Config& config, int64_t n_ctx, int64_t value_bytes);

  int64_t n_ctx() const override { return n_ctx_; }
  int64_t rewind(int64_t n) override;
  // A copy. Null where rewind(n) would not give `n`.
  std::unique_ptr<Cache> fork(int64_t n) const override;
  uint64_t memory_bytes() const override { return memory_.bytes() + scores_.bytes(); }

  // Before a position is written.
  void begin(int64_t position);
  void* data() const { return memory_.data(); }
  // Of the given one of tokens side by side.
  float* scores(int64_t token) const {
    return scores_.data() + token * static_cast<int64_t>(scores_.size()) / kTokensAtOnce;
  }

 private:
  V4DeviceCache(const V4DeviceCache& other, int64_t n_ctx);

  int64_t n_ctx_;
  DeviceBuffer<std::byte> memory_;
  DeviceBuffer<float> scores_;  // [kTokensAtOnce], one for each entry of a sparse layer
  int64_t oldest_ = 0;          // the first position that a ring can still continue from
  int64_t end_ = 0;             // positions written since the start
};

}  // namespace engine::cuda
