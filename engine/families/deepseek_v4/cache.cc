// SPDX-License-Identifier: Apache-2.0
#include "engine/families/deepseek_v4/cache.h"

#include <algorithm>
#include <cstring>

namespace engine {
namespace {

// Rows and widths of a layer's buffers.
struct LayerSizes {
  int64_t key_rows = 0, entries = 0, part_rows = 0, part_width = 0, index_part_width = 0;
};

LayerSizes layer_sizes(const DeepseekV4Config& c, const V4Cache::Shape& shape, int layer) {
  const int64_t m = c.ratio(layer), series = c.sparse(layer) ? 2 : 1;
  LayerSizes sizes;
  sizes.key_rows = std::min(shape.n_ctx, c.window + shape.slack);
  if (!c.makes_entries(layer)) return sizes;
  sizes.entries = shape.n_ctx / m;
  if (m == 1) return sizes;
  sizes.part_rows = std::min(shape.n_ctx, series * m + shape.slack);
  sizes.part_width = 2 * series * c.head_dim;
  if (c.sparse(layer)) sizes.index_part_width = 2 * series * c.index_head_dim;
  return sizes;
}

uint64_t area(int64_t rows, int64_t width) {
  return static_cast<uint64_t>(rows) * static_cast<uint64_t>(width);
}

}  // namespace

uint64_t V4Cache::bytes(const DeepseekV4Config& config, const Shape& shape) {
  uint64_t values = 0;
  for (int l = 0; l < config.n_layers; ++l) {
    const LayerSizes s = layer_sizes(config, shape, l);
    values += area(s.key_rows + s.entries, shape.key_width) + area(s.part_rows, s.part_width + s.index_part_width);
    if (config.makes_index_keys(l)) values += area(s.entries, shape.index_width);
  }
  if (!config.engram.layers.empty()) values += area(shape.n_ctx, 1);
  return values * sizeof(float);
}

V4Cache::V4Cache(const DeepseekV4Config& config, const Shape& shape)
    : config_(config), shape_(shape), layers_(static_cast<size_t>(config.n_layers)) {
  const auto ring = [](int64_t rows, int64_t width) {
    Entries::Ring made;
    made.n_rows = rows;
    made.width = width;
    made.rows = Buffer<float>(area(rows, width));
    return made;
  };
  for (int l = 0; l < config.n_layers; ++l) {
    const LayerSizes s = layer_sizes(config, shape, l);
    Layer& layer = layers_[static_cast<size_t>(l)];
    layer.keys = ring(s.key_rows, shape.key_width);
    layer.entries.width = shape.key_width;
    layer.entries.rows = Buffer<float>(area(s.entries, shape.key_width));
    layer.entries.parts = ring(s.part_rows, s.part_width);
    if (!config.makes_index_keys(l)) continue;
    layer.index_entries.width = shape.index_width;
    layer.index_entries.rows = Buffer<float>(area(s.entries, shape.index_width));
    if (config.sparse(l)) layer.index_entries.parts = ring(s.part_rows, s.index_part_width);
  }
  if (!config.engram.layers.empty()) folded_ids_ = Buffer<int32_t>(area(shape.n_ctx, 1));
}

void V4Cache::begin(int64_t first, int64_t n) {
  oldest_ = std::max(oldest_, first + n - shape_.slack);
  end_ = std::max(first + n, end_);
}

int64_t V4Cache::rewind(int64_t n) {
  if (n >= oldest_) return n;
  oldest_ = end_ = 0;
  return 0;
}

std::unique_ptr<Cache> V4Cache::fork(int64_t n) const {
  if (n != 0 && n < oldest_) return nullptr;
  auto other = std::make_unique<V4Cache>(config_, shape_);
  if (n == 0) return other;
  other->oldest_ = oldest_;
  other->end_ = end_;
  for (size_t l = 0; l < layers_.size(); ++l) {
    // Rows that were never written stay untouched in the copy as well.
    const auto copy = [&](const Buffer<float>& from, Buffer<float>& to, int64_t rows, int64_t width) {
      const size_t n_values = std::min(from.size(), area(rows, width));
      if (n_values > 0) std::memcpy(to.data(), from.data(), n_values * sizeof(float));
    };
    const Layer& from = layers_[l];
    Layer& to = other->layers_[l];
    const int64_t m = std::max(1, config_.ratio(static_cast<int>(l)));
    copy(from.keys.rows, to.keys.rows, end_, from.keys.width);
    copy(from.entries.rows, to.entries.rows, end_ / m, from.entries.width);
    copy(from.entries.parts.rows, to.entries.parts.rows, end_, from.entries.parts.width);
    copy(from.index_entries.rows, to.index_entries.rows, end_ / m, from.index_entries.width);
    copy(from.index_entries.parts.rows, to.index_entries.parts.rows, end_, from.index_entries.parts.width);
  }
  if (folded_ids_.size() > 0) std::copy_n(folded_ids_.data(), end_, other->folded_ids_.data());
  return other;
}

std::string V4Cache::layout() const {
  return "V4: f32 rows of " + std::to_string(shape_.key_width) + " and " + std::to_string(shape_.index_width) + " in " +
         std::to_string(config_.n_layers) + " layers, a window of " + std::to_string(config_.window) + " and " +
         std::to_string(shape_.slack) + " more";
}

// In the order in which they are stored.
std::vector<V4Cache::Piece> V4Cache::pieces(int64_t n) const {
  std::vector<Piece> all;
  const auto list = [&](const Buffer<float>& rows, int64_t width, int64_t n_written) {
    if (width > 0) all.push_back({rows.data(), std::max<int64_t>(1, n_written), width, 0, n_written, 0});
  };
  // `reach`: positions before the one that is continued from.
  const auto ring = [&](const Entries::Ring& from, int64_t reach) {
    const int64_t kept = std::min(n, reach + shape_.slack);
    if (from.width > 0 && from.n_rows > 0)
      all.push_back({from.rows.data(), from.n_rows, from.width, n - kept, kept, oldest_ - reach});
  };
  for (int l = 0; l < config_.n_layers; ++l) {
    const Layer& layer = layers_[static_cast<size_t>(l)];
    const int64_t m = config_.ratio(l), reach = (config_.sparse(l) ? 2 : 1) * m;
    ring(layer.keys, config_.window);
    if (!config_.makes_entries(l)) continue;
    list(layer.entries.rows, layer.entries.width, n / m);
    ring(layer.entries.parts, reach);
    if (!config_.makes_index_keys(l)) continue;
    list(layer.index_entries.rows, layer.index_entries.width, n / m);
    ring(layer.index_entries.parts, reach);
  }
  return all;
}

uint64_t V4Cache::stored_bytes(int64_t n) const {
  uint64_t bytes = sizeof(int64_t);
  for (const Piece& piece : pieces(n)) bytes += area(piece.n, piece.width) * sizeof(float);
  return bytes + (folded_ids_.size() > 0 ? static_cast<uint64_t>(n) * sizeof(int32_t) : 0);
}

base::Status V4Cache::write(int64_t n, const Sink& sink) const {
  const int64_t oldest = std::min(oldest_, n);
  if (base::Status written = sink(std::as_bytes(std::span(&oldest, 1))); !written) return written;
  for (const Piece& piece : pieces(n)) {
    const std::vector<float> nothing(static_cast<size_t>(piece.width), 0.0f);
    for (int64_t p = piece.first; p < piece.first + piece.n; ++p) {
      const float* row = p < piece.valid ? nothing.data() : piece.rows + p % piece.n_rows * piece.width;
      if (base::Status written = sink(std::as_bytes(std::span(row, static_cast<size_t>(piece.width)))); !written) return written;
    }
  }
  if (folded_ids_.size() == 0) return base::ok();
  return sink(std::as_bytes(std::span(folded_ids_.data(), static_cast<size_t>(n))));
}

void V4Cache::read(int64_t n, std::span<const std::byte> stored) {
  const auto take = [&](void* to, size_t n_bytes) {
    std::memcpy(to, stored.data(), n_bytes);
    stored = stored.subspan(n_bytes);
  };
  int64_t oldest = 0;
  take(&oldest, sizeof oldest);
  oldest_ = std::clamp(oldest, std::max<int64_t>(0, n - shape_.slack), n);  // whatever a file says: what is held
  end_ = n;
  for (const Piece& piece : pieces(n))
    for (int64_t p = piece.first; p < piece.first + piece.n; ++p)
      take(const_cast<float*>(piece.rows) + p % piece.n_rows * piece.width, static_cast<size_t>(piece.width) * sizeof(float));
  if (folded_ids_.size() > 0) take(folded_ids_.data(), static_cast<size_t>(n) * sizeof(int32_t));
}

uint64_t V4Cache::memory_bytes() const {
  Shape used = shape_;
  used.n_ctx = std::min(shape_.n_ctx, end_);
  return bytes(config_, used);
}

}  // namespace engine
