// SPDX-License-Identifier: Apache-2.0
// engine/families/deepseek_v4/cache.h: what a timeline keeps: the keys of the last tokens, all entries, and the last
// tokens' parts of entries that are not complete.
//
// Shapes   Per layer. keys: a ring of window + slack rows [d]. Where the layer has entries: [n_ctx / m, d] and a ring
// of
//          c m + slack rows [values | gates] (c w each). In sparse layers the same once more for the indexer, at its
//          width. f32; rows are padded with zeros to 16 values where a pass asks for it.
//          Shared layers (V4.1) have entries of their own where they make them, of 1 token without parts, and index
//          keys in place of the indexer's entries. Where layers ask Engram: the folded ids of all tokens.
// Rewind   To any of the last `slack` positions that were written, or to the start: a ring no longer holds what a place
// further
//          back would need. Entries depend on the tokens before them alone and are written anew before they are seen
//          again.
// Bounds   A pass evaluates at most `slack` tokens at once.
#pragma once
#include <memory>
#include <vector>

#include "engine/buffer.h"
#include "engine/families/deepseek_v4/deepseek_v4.h"
#include "engine/model.h"

namespace engine {

class V4Cache : public Cache {
 public:
  struct Shape {
    int64_t n_ctx = 0, slack = 0;
    int64_t key_width = 0, index_width = 0;  // of a row, padded: keys and entries; the indexer's entries
  };
  V4Cache(const DeepseekV4Config& config, const Shape& shape);
  static uint64_t bytes(const DeepseekV4Config& config, const Shape& shape);

  int64_t n_ctx() const override { return shape_.n_ctx; }
  int64_t rewind(int64_t n) override;
  // A copy. Null where rewind(n) would not give `n`.
  std::unique_ptr<Cache> fork(int64_t n) const override;
  uint64_t memory_bytes() const override;
  // Stored: as i64 the first position that can be gone back to; then by layer the rows of keys, entries, parts, index entries and their
  // parts, rings by position from the oldest that an empty slack would hold; then the folded ids. Equal sizes for every n_ctx.
  std::string layout() const override;
  uint64_t stored_bytes(int64_t n) const override;
  base::Status write(int64_t n, const Sink& sink) const override;
  void read(int64_t n, std::span<const std::byte> stored) override;

  // Before positions [first, first + n) are written: notes what that will overwrite.
  void begin(int64_t first, int64_t n);

  float* key(int64_t layer, int64_t position) { return layers_[static_cast<size_t>(layer)].keys.row(position); }
  // The entries of a compressor and the parts they are made of.
  struct Entries {
    float* entry(int64_t index) { return rows.data() + index * width; }
    float* part(int64_t position) { return parts.row(position); }  // [values | gates]
    int64_t width = 0;

   private:
    friend class V4Cache;
    struct Ring {
      float* row(int64_t position) { return rows.data() + position % n_rows * width; }
      int64_t n_rows = 0, width = 0;
      Buffer<float> rows;
    };
    Buffer<float> rows;
    Ring parts;
  };
  Entries& entries(int64_t layer) { return layers_[static_cast<size_t>(layer)].entries; }
  Entries& index_entries(int64_t layer) { return layers_[static_cast<size_t>(layer)].index_entries; }
  bool keeps_folded_ids() const { return folded_ids_.size() > 0; }
  int32_t& folded_id(int64_t position) { return folded_ids_.data()[position]; }

 private:
  struct Layer {
    Entries::Ring keys;
    Entries entries, index_entries;
  };
  // A piece of what is stored: rows [first, first + n) of a list, or the rows of these positions in a ring of `n_rows`. Before `valid` a
  // ring holds what was written since for others.
  struct Piece {
    const float* rows;
    int64_t n_rows, width, first, n, valid;
  };
  std::vector<Piece> pieces(int64_t n) const;

  const DeepseekV4Config config_;
  const Shape shape_;
  std::vector<Layer> layers_;
  Buffer<int32_t> folded_ids_;  // [n_ctx] or empty
  int64_t oldest_ = 0;          // the first position that a ring can still continue from
  int64_t end_ = 0;             // positions written since the start
};

}  // namespace engine
