// SPDX-License-Identifier: Apache-2.0
// engine/memory_need.h: whether a model fits into this machine's memory, told before it is loaded.
#pragma once
#include <cstdint>

#include "base/memory.h"
#include "engine/engine.h"

namespace engine {

// Bytes.
struct MemoryNeed {
  uint64_t weights = 0, context = 0;  // the cache of as many tokens as the model was trained on
  uint64_t available = 0;             // 0: the system does not say

  uint64_t all() const { return context > UINT64_MAX - weights ? UINT64_MAX : weights + context; }
  bool known() const { return available > 0; }
  bool fits() const { return all() <= available; }
};

inline MemoryNeed memory_need(const ModelInfo& info) {
  const auto n_ctx = static_cast<uint64_t>(info.n_ctx_train);
  const uint64_t per_token = info.kv_bytes_per_token;
  const uint64_t context = n_ctx > 0 && per_token > UINT64_MAX / n_ctx ? UINT64_MAX : per_token * n_ctx;
  return {info.weight_bytes, context, base::available_memory()};
}

}  // namespace engine
