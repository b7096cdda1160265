// SPDX-License-Identifier: Apache-2.0
#include "engine/block_cache.h"

#include <algorithm>
#include <cstring>

namespace engine {

BlockCache::BlockCache(int64_t n_layers, int64_t width, int64_t n_ctx, CacheType type)
    : n_layers_(n_layers),
      width_(width),
      n_ctx_(n_ctx),
      type_(type),
      blocks_(static_cast<size_t>((n_ctx + kBlockPositions - 1) / kBlockPositions)),
      starts_(blocks_.size(), nullptr) {}

std::shared_ptr<BlockCache::Block> BlockCache::new_block() const {
  return std::make_shared<Block>(static_cast<size_t>(layer_bytes(n_layers_)));
}

std::unique_ptr<Cache> BlockCache::fork(int64_t n) const {
  auto other = std::make_unique<BlockCache>(n_layers_, width_, n_ctx_, type_);
  for (size_t b = 0; static_cast<int64_t>(b) * kBlockPositions < n; ++b) {
    other->blocks_[b] = blocks_[b];
    other->starts_[b] = starts_[b];
  }
  return other;
}

// Lets go of what others hold too; blocks of its own will be written again.
int64_t BlockCache::rewind(int64_t n) {
  for (auto b = static_cast<size_t>((n + kBlockPositions - 1) / kBlockPositions); b < blocks_.size(); ++b)
    if (blocks_[b].use_count() > 1) {
      blocks_[b].reset();
      starts_[b] = nullptr;
    }
  return n;
}

void BlockCache::make_writable(int64_t first, int64_t n) {
  for (int64_t begin = first / kBlockPositions * kBlockPositions; begin < first + n; begin += kBlockPositions) {
    const auto b = static_cast<size_t>(begin / kBlockPositions);
    if (blocks_[b] && blocks_[b].use_count() == 1) continue;
    std::shared_ptr<Block> own = new_block();
    const int64_t kept = blocks_[b] ? std::max(first - begin, int64_t{0}) : 0;
    for (int64_t l = 0; l < n_layers_ && kept > 0; ++l)
      std::copy_n(starts_[b] + layer_bytes(l), kept * row_bytes(), own->data() + layer_bytes(l));
    blocks_[b] = std::move(own);
    starts_[b] = blocks_[b]->data();
  }
}

uint64_t BlockCache::memory_bytes() const {
  uint64_t bytes = 0;
  for (const auto& block : blocks_)
    if (block) bytes += block->size() / static_cast<uint64_t>(std::max(block.use_count(), 1L));
  return bytes;
}

std::string BlockCache::layout_of(int64_t n_layers, int64_t width, CacheType type) {
  return std::string(type_name(type)) + " rows of " + std::to_string(width) + " in " + std::to_string(n_layers) +
         " layers";
}

// By layer, so that the order does not depend on the size of a block.
base::Status BlockCache::write(int64_t n, const Sink& sink) const {
  for (int64_t l = 0; l < n_layers_; ++l)
    for (int64_t begin = 0; begin < n; begin += kBlockPositions) {
      const int64_t rows = std::min(kBlockPositions, n - begin);
      const std::span<const std::byte> values(starts_[static_cast<size_t>(begin / kBlockPositions)] + layer_bytes(l),
                                              static_cast<size_t>(rows * row_bytes()));
      if (base::Status written = sink(values); !written) return written;
    }
  return base::ok();
}

void BlockCache::read(int64_t n, std::span<const std::byte> stored) {
  make_writable(0, n);
  for (int64_t l = 0; l < n_layers_; ++l)
    for (int64_t begin = 0; begin < n; begin += kBlockPositions) {
      const auto size = static_cast<size_t>(std::min(kBlockPositions, n - begin) * row_bytes());
      std::memcpy(starts_[static_cast<size_t>(begin / kBlockPositions)] + layer_bytes(l), stored.data(), size);
      stored = stored.subspan(size);
    }
}

}  // namespace engine
