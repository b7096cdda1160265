// SPDX-License-Identifier: Apache-2.0
// engine/block_cache.h: a cache of one row per layer and position (latent rows, or keys and values side by side),
// in blocks of positions that several timelines share.
//
// Values   f32 or bf16 (engine/cache_rows.h), all rows of a cache alike.
// Shapes   A block holds kBlockPositions rows of every layer: [n_layers, kBlockPositions, width]. Rows of one layer
//          follow each other at `width` within a block, and not from one block to the next.
// Owns     A block belongs to all caches that hold it and is written by none of them while there is more than one:
//          make_writable() gives the writer a copy of what it keeps. Blocks are taken when the first row in them is
//          written.
// Threads  Caches that share blocks are read and written in turn (engine/session.h holds one lock for a Model's
// passes).
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "engine/buffer.h"
#include "engine/cache_rows.h"
#include "engine/model.h"

namespace engine {

class BlockCache : public Cache {
 public:
  // The attention kernels read the cache in such blocks, so they look a block up once for 64 rows.
  static constexpr int64_t kBlockPositions = kAttentionBlock;

  // `type`: kF32 or kBf16.
  BlockCache(int64_t n_layers, int64_t width, int64_t n_ctx, CacheType type = CacheType::kF32);

  static uint64_t bytes(int64_t n_layers, int64_t width, int64_t n_ctx, CacheType type = CacheType::kF32) {
    return static_cast<uint64_t>(n_layers) * static_cast<uint64_t>(width) * static_cast<uint64_t>(n_ctx) *
           static_cast<uint64_t>(value_bytes(type));
  }

  int64_t n_ctx() const override { return n_ctx_; }
  int64_t rewind(int64_t n) override;  // to `n`: later rows are written anew before they are read
  std::unique_ptr<Cache> fork(int64_t n) const override;
  uint64_t memory_bytes() const override;
  std::string layout() const override { return layout_of(n_layers_, width_, type_); }
  // The layout's name.
  static std::string layout_of(int64_t n_layers, int64_t width, CacheType type);
  uint64_t stored_bytes(int64_t n) const override { return bytes(n_layers_, width_, n, type_); }
  base::Status write(int64_t n, const Sink& sink) const override;
  void read(int64_t n, std::span<const std::byte> stored) override;

  // Before rows of positions [first, first + n) are written: they lie in blocks of this cache alone, and positions
  // before `first` are as they were. std::bad_alloc where there is no memory; the cache is as before then.
  void make_writable(int64_t first, int64_t n);

  // The same for all that a pass will write.
  static void make_writable(const ForwardRequest& request) {
    const auto n = static_cast<int64_t>(request.tokens.size());
    if (request.batch.empty()) return static_cast<BlockCache*>(request.cache)->make_writable(request.position, n);
    for (const BatchPlace& place : request.batch)
      static_cast<BlockCache*>(place.cache)->make_writable(place.position, 1);
  }

  // A position that was made writable, or is held. New rows are zero. `T`: float or Bf16, as type() says.
  template <typename T = float>
  T* row(int64_t layer, int64_t position) {
    return reinterpret_cast<T*>(row_start(layer, position));
  }
  std::byte* row_start(int64_t layer, int64_t position) {
    return starts_[static_cast<size_t>(position / kBlockPositions)] + layer_bytes(layer) +
           position % kBlockPositions * row_bytes();
  }
  // Puts `n` values into the row, from value `first` on.
  void store(int64_t layer, int64_t position, int64_t first, const float* values, int64_t n) {
    store_row(type_, row_start(layer, position), first, values, n);
  }

  CacheType type() const { return type_; }
  int64_t width() const { return width_; }
  // Where the blocks begin, and how many values into one the rows of a layer lie: as AttentionRows takes them.
  const std::byte* const* blocks() const { return starts_.data(); }
  int64_t layer_offset(int64_t layer) const { return layer * kBlockPositions * width_; }

 private:
  using Block = Buffer<std::byte>;
  int64_t row_bytes() const { return width_ * value_bytes(type_); }
  int64_t layer_bytes(int64_t layer) const { return layer * kBlockPositions * row_bytes(); }  // into a block
  std::shared_ptr<Block> new_block() const;

  int64_t n_layers_, width_, n_ctx_;
  CacheType type_;
  std::vector<std::shared_ptr<Block>> blocks_;  // [n_ctx / kBlockPositions, rounded up]; null where nothing was written
  std::vector<std::byte*> starts_;              // of the same blocks
};

}  // namespace engine
