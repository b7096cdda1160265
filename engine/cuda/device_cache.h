// SPDX-License-Identifier: Apache-2.0
// engine/cuda/device_cache.h: what a model keeps of the past, in a device's memory.
//
// Shapes   [n_layers, n_ctx, width], all of it taken at once. A fork is a copy: rows of a timeline follow each other, as
//          the kernels read them.
// Stored   As the CPU's fast passes lay the rows out (engine/block_cache.h), whose layout's name it has, so that a
//          session that was saved on a GPU goes on on a CPU with caches of the same type, and the other way round.
// Owns     A DeviceCache owns its rows.
// Threads  Copies go through the device's default stream and are over when a call returns; no pass may run on this cache
//          meanwhile, passes on others may.
// Errors   std::bad_alloc where there is no memory for rows; Failure. write() returns them.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/cuda/device.h"
#include "engine/engine.h"
#include "engine/model.h"

namespace engine::cuda {

// Where the values of a row go when they are stored. Each layer becomes `heads` layers of rows of `width` values; what no
// part fills is zero.
struct StoredRows {
  struct Part {
    int64_t from = 0, to = 0, values = 0;  // of the first head; of the others `from` is head_step further each
  };
  int64_t width = 0;  // 0: this model's caches are not stored
  int64_t heads = 1, head_step = 0;
  std::vector<Part> parts;
};

struct CacheShape {
  int64_t n_layers = 0, width = 0;
  CacheType type = CacheType::kF32;  // or kBf16
  bool indexed = false;              // with room for the scores of an index
  StoredRows stored;
};

class DeviceCache : public Cache {
 public:
  DeviceCache(const CacheShape& shape, int64_t n_ctx);

  int64_t n_ctx() const override { return n_ctx_; }
  int64_t rewind(int64_t n) override { return n; }
  std::unique_ptr<Cache> fork(int64_t n) const override;
  uint64_t memory_bytes() const override { return rows_.bytes() + scores_.bytes(); }
  std::string layout() const override;
  uint64_t stored_bytes(int64_t n) const override;
  base::Status write(int64_t n, const Sink& sink) const override;
  void read(int64_t n, std::span<const std::byte> stored) override;

  std::byte* layer(int64_t l) const { return rows_.data() + l * layer_bytes_; }
  // [n_ctx], of the present layer and the given one of tokens side by side; null: no index.
  float* scores(int64_t token) const { return scores_.data() ? scores_.data() + token * n_ctx_ : nullptr; }

 private:
  // Some rows of a stored layer on their way, in the device's memory.
  struct Staged {
    int64_t layer, head, first, rows;
  };
  int64_t staged_rows(int64_t n) const;
  size_t stored_row_bytes() const;
  // Calls `use` for all of the first `n` positions in the order in which they are stored, until it returns an error.
  template <typename Use>
  base::Status in_stored_order(int64_t n, const Use& use) const;
  // Between the rows and `staging`, part by part.
  void gather(const Staged& piece, std::byte* staging) const;
  void scatter(const Staged& piece, std::byte* staging);
  template <typename Copy>
  void each_part(const Staged& piece, std::byte* staging, const Copy& copy) const;

  const CacheShape shape_;
  const int64_t n_ctx_, row_bytes_, layer_bytes_;
  DeviceBuffer<std::byte> rows_;
  DeviceBuffer<float> scores_;
};

}  // namespace engine::cuda
