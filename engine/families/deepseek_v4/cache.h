// SPDX-License-Identifier: Apache-2.0
// engine/families/deepseek_v4/cache.h: what a timeline keeps: the keys of the last tokens, all entries, and the last
// tokens' parts of entries that are not complete.
//
// Shapes   Per layer. keys: a ring of window + slack rows [d]. Where the layer has entries: [n_ctx / m, d] and a ring
//          of c m + slack rows [values | gates] (c w each). In sparse layers the same once more for the indexer, at its
//          width. Keys and entries, the indexer's too, are of one type (engine/cache_rows.h); parts are f32, as sums
//          are made of them and they do not grow with the context. Rows of keys and entries are padded with zeros to 16
//          values where a pass asks for it. Shared layers (V4.1) have entries of their own where they make them, of 1
//          token without parts, and index keys in place of the indexer's entries. Where layers ask Engram: the folded
//          ids of all tokens.
// Rewind   To any of the last `slack` positions that were written, or to the start: a ring no longer holds what a place
//          further back would need. Entries depend on the tokens before them alone and are written anew before they are
//          seen again.
// Bounds   A pass evaluates at most `slack` tokens at once.
#pragma once
#include <memory>
#include <vector>

#include "engine/buffer.h"
#include "engine/cache_rows.h"
#include "engine/families/deepseek_v4/deepseek_v4.h"
#include "engine/model.h"

namespace engine {

class V4Cache : public Cache {
 public:
  struct Shape {
    int64_t n_ctx = 0, slack = 0;
    int64_t key_width = 0, index_width = 0;  // of a row, padded: keys and entries; the indexer's entries
    CacheType type = CacheType::kF32;        // of both
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

  // Rows by index, in a ring: from `n_rows` on in the place of earlier ones.
  class Rows {
   public:
    Rows() = default;
    Rows(CacheType type, int64_t n_rows, int64_t width);
    static uint64_t bytes(CacheType type, int64_t n_rows, int64_t width);

    // `T`: float or Bf16, as the rows' type says.
    template <typename T = float>
    T* row(int64_t index) {
      return reinterpret_cast<T*>(start(index));
    }
    std::byte* start(int64_t index) { return values_.data() + offset(index); }
    const std::byte* start(int64_t index) const { return values_.data() + offset(index); }
    // Puts `n` values into the row, from its first on.
    void store(int64_t index, const float* values, int64_t n) { store_row(type_, start(index), 0, values, n); }
    int64_t width() const { return width_; }
    int64_t n_rows() const { return n_rows_; }
    int64_t row_bytes() const { return width_ * value_bytes(type_); }
    void copy_from(const Rows& other, int64_t n);  // of as many rows, the first `n` or all

   private:
    int64_t offset(int64_t index) const { return index % turn_ * row_bytes(); }
    CacheType type_ = CacheType::kF32;
    int64_t n_rows_ = 0, width_ = 0, turn_ = 1;  // turn: rows, at least 1
    Buffer<std::byte> values_;
  };
  Rows& keys(int64_t layer) { return layers_[static_cast<size_t>(layer)].keys; }  // by position
  // The entries of a compressor and the parts [values | gates] they are made of, by position.
  struct Entries {
    Rows rows, parts;
  };
  Entries& entries(int64_t layer) { return layers_[static_cast<size_t>(layer)].entries; }
  Entries& index_entries(int64_t layer) { return layers_[static_cast<size_t>(layer)].index_entries; }
  bool keeps_folded_ids() const { return folded_ids_.size() > 0; }
  int32_t& folded_id(int64_t position) { return folded_ids_.data()[position]; }

 private:
  struct Layer {
    Rows keys;
    Entries entries, index_entries;
  };
  // A piece of what is stored: rows [first, first + n). Before `valid` a ring holds what was written since for others.
  struct Piece {
    const Rows* rows;
    int64_t first, n, valid;
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
