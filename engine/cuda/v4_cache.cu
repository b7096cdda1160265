// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "engine/cuda/v4_cache.h"

namespace engine::cuda {
namespace {

// All layers' places, and behind the last one the end of the memory.
std::vector<LayerPlace> places(const DeepseekV4Config& c, int64_t n_ctx, int64_t value_bytes, int64_t& end) {
  std::vector<LayerPlace> all(static_cast<size_t>(c.n_layers));
  end = ceil_div(static_cast<int64_t>(all.size() * sizeof(LayerPlace)), 256) * 256;
  const auto take = [&](int64_t bytes) {
    const int64_t at = end;
    end += ceil_div(bytes, 256) * 256;
    return at;
  };
  for (int l = 0; l < c.n_layers; ++l) {
    LayerPlace& p = all[static_cast<size_t>(l)];
    p.key_rows = std::min(n_ctx, c.window + V4DeviceCache::kSlack);
    p.keys = take(p.key_rows * c.head_dim * value_bytes);
    if (!c.makes_entries(l)) continue;
    const int64_t m = c.ratio(l), series = c.sparse(l) ? 2 : 1;
    p.part_rows = std::min(n_ctx, series * m + V4DeviceCache::kSlack);
    p.entries = take(n_ctx / m * c.head_dim * value_bytes);
    p.parts = take(p.part_rows * 2 * series * c.head_dim * 4);
    if (!c.sparse(l)) continue;
    p.index_entries = take(n_ctx / m * c.index_head_dim * value_bytes);
    p.index_parts = take(p.part_rows * 2 * series * c.index_head_dim * 4);
  }
  return all;
}

size_t size_of(const DeepseekV4Config& config, int64_t n_ctx, int64_t value_bytes) {
  int64_t end = 0;
  places(config, n_ctx, value_bytes, end);
  return static_cast<size_t>(end);
}

}  // namespace

V4DeviceCache::V4DeviceCache(const DeepseekV4Config& config, int64_t n_ctx, int64_t value_bytes)
    : n_ctx_(n_ctx),
      memory_(size_of(config, n_ctx, value_bytes)),
      scores_(static_cast<size_t>((n_ctx / config.sparse_ratio + 1) * kTokensAtOnce)) {
  int64_t end = 0;
  const std::vector<LayerPlace> table = places(config, n_ctx, value_bytes, end);
  check(cudaMemset(memory_.data(), 0, memory_.bytes()), "clearing a cache");
  check(cudaMemcpy(memory_.data(), table.data(), table.size() * sizeof(LayerPlace), cudaMemcpyHostToDevice),
        "a cache's table");
  check(cudaDeviceSynchronize(), "clearing a cache");  // passes run on streams of their own
}

V4DeviceCache::V4DeviceCache(const V4DeviceCache& other, int64_t n_ctx)
    : n_ctx_(n_ctx),
      memory_(other.memory_.size()),
      scores_(other.scores_.size()),
      oldest_(other.oldest_),
      end_(other.end_) {
  check(cudaMemcpy(memory_.data(), other.memory_.data(), memory_.bytes(), cudaMemcpyDeviceToDevice), "copying a cache");
  check(cudaDeviceSynchronize(), "copying a cache");
}

uint64_t V4DeviceCache::bytes(const DeepseekV4Config& config, int64_t n_ctx, int64_t value_bytes) {
  return size_of(config, n_ctx, value_bytes) +
         static_cast<uint64_t>(n_ctx / config.sparse_ratio + 1) * kTokensAtOnce * sizeof(float);
}

void V4DeviceCache::begin(int64_t position) {
  oldest_ = std::max(oldest_, position + 1 - kSlack);
  end_ = std::max(position + 1, end_);
}

int64_t V4DeviceCache::rewind(int64_t n) {
  if (n >= oldest_) return n;
  oldest_ = end_ = 0;
  return 0;
}

std::unique_ptr<Cache> V4DeviceCache::fork(int64_t n) const {
  if (n != 0 && n < oldest_) return nullptr;
  std::unique_ptr<V4DeviceCache> other(new V4DeviceCache(*this, n_ctx_));
  if (n == 0) other->oldest_ = other->end_ = 0;
  return other;
}

}  // namespace engine::cuda
