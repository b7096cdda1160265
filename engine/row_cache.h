// SPDX-License-Identifier: Apache-2.0
// engine/row_cache.h: a cache of one f32 row per layer and position: latent rows, or keys and values side by side.
#pragma once
#include "engine/buffer.h"
#include "engine/model.h"

namespace engine {

class RowCache : public Cache {
 public:
  RowCache(int64_t n_layers, int64_t width, int64_t n_ctx)
      : width_(width), n_ctx_(n_ctx), rows_(static_cast<size_t>(n_layers) * static_cast<size_t>(width * n_ctx)) {}

  static uint64_t bytes(int64_t n_layers, int64_t width, int64_t n_ctx) {
    return static_cast<uint64_t>(n_layers) * static_cast<uint64_t>(width) * static_cast<uint64_t>(n_ctx) * sizeof(float);
  }

  int64_t n_ctx() const override { return n_ctx_; }
  int64_t rewind(int64_t n) override { return n; }  // later rows are written anew before they are read

  // Rows of one layer follow each other at `width()`; new ones are zero.
  float* row(int64_t layer, int64_t position) { return rows_.data() + (layer * n_ctx_ + position) * width_; }
  int64_t width() const { return width_; }

 private:
  int64_t width_, n_ctx_;
  Buffer<float> rows_;
};

}  // namespace engine
