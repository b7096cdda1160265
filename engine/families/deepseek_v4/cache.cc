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

}  // namespace

V4Cache::Rows::Rows(CacheType type, int64_t n_rows, int64_t width)
    : type_(type),
      n_rows_(n_rows),
      width_(width),
      turn_(std::max<int64_t>(1, n_rows)),
      values_(static_cast<size_t>(bytes(type, n_rows, width))) {}

uint64_t V4Cache::Rows::bytes(CacheType type, int64_t n_rows, int64_t width) {
  return static_cast<uint64_t>(n_rows) * static_cast<uint64_t>(width) * static_cast<uint64_t>(value_bytes(type));
}

// Rows that were never written stay untouched in the copy as well.
void V4Cache::Rows::copy_from(const Rows& other, int64_t n) {
  const int64_t n_bytes = std::min(other.n_rows_, n) * other.row_bytes();
  if (n_bytes > 0) std::memcpy(values_.data(), other.values_.data(), static_cast<size_t>(n_bytes));
}

uint64_t V4Cache::bytes(const DeepseekV4Config& config, const Shape& shape) {
  uint64_t bytes = 0;
  for (int l = 0; l < config.n_layers; ++l) {
    const LayerSizes s = layer_sizes(config, shape, l);
    bytes += Rows::bytes(shape.type, s.key_rows + s.entries, shape.key_width) +
             Rows::bytes(CacheType::kF32, s.part_rows, s.part_width + s.index_part_width);
    if (config.makes_index_keys(l)) bytes += Rows::bytes(shape.type, s.entries, shape.index_width);
  }
  if (!config.engram.layers.empty()) bytes += static_cast<uint64_t>(shape.n_ctx) * sizeof(int32_t);
  return bytes;
}

V4Cache::V4Cache(const DeepseekV4Config& config, const Shape& shape)
    : config_(config), shape_(shape), layers_(static_cast<size_t>(config.n_layers)) {
  for (int l = 0; l < config.n_layers; ++l) {
    const LayerSizes s = layer_sizes(config, shape, l);
    Layer& layer = layers_[static_cast<size_t>(l)];
    layer.keys = Rows(shape.type, s.key_rows, shape.key_width);
    layer.entries.rows = Rows(shape.type, s.entries, shape.key_width);
    layer.entries.parts = Rows(CacheType::kF32, s.part_rows, s.part_width);
    if (!config.makes_index_keys(l)) continue;
    layer.index_entries.rows = Rows(shape.type, s.entries, shape.index_width);
    if (config.sparse(l)) layer.index_entries.parts = Rows(CacheType::kF32, s.part_rows, s.index_part_width);
  }
  if (!config.engram.layers.empty()) folded_ids_ = Buffer<int32_t>(static_cast<size_t>(shape.n_ctx));
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
    const Layer& from = layers_[l];
    Layer& to = other->layers_[l];
    const int64_t m = std::max(1, config_.ratio(static_cast<int>(l)));
    to.keys.copy_from(from.keys, end_);
    to.entries.rows.copy_from(from.entries.rows, end_ / m);
    to.entries.parts.copy_from(from.entries.parts, end_);
    to.index_entries.rows.copy_from(from.index_entries.rows, end_ / m);
    to.index_entries.parts.copy_from(from.index_entries.parts, end_);
  }
  if (folded_ids_.size() > 0) std::copy_n(folded_ids_.data(), end_, other->folded_ids_.data());
  return other;
}

std::string V4Cache::layout() const {
  return std::string("V4: ") + type_name(shape_.type) + " rows of " + std::to_string(shape_.key_width) + " and " +
         std::to_string(shape_.index_width) + " in " + std::to_string(config_.n_layers) + " layers, a window of " +
         std::to_string(config_.window) + " and " + std::to_string(shape_.slack) + " more";
}

// In the order in which they are stored.
std::vector<V4Cache::Piece> V4Cache::pieces(int64_t n) const {
  std::vector<Piece> all;
  const auto list = [&](const Rows& rows, int64_t n_written) { all.push_back({&rows, 0, n_written, 0}); };
  // `reach`: positions before the one that is continued from.
  const auto ring = [&](const Rows& from, int64_t reach) {
    const int64_t kept = std::min(n, reach + shape_.slack);
    if (from.n_rows() > 0) all.push_back({&from, n - kept, kept, oldest_ - reach});
  };
  for (int l = 0; l < config_.n_layers; ++l) {
    const Layer& layer = layers_[static_cast<size_t>(l)];
    const int64_t m = config_.ratio(l), reach = (config_.sparse(l) ? 2 : 1) * m;
    ring(layer.keys, config_.window);
    if (!config_.makes_entries(l)) continue;
    list(layer.entries.rows, n / m);
    ring(layer.entries.parts, reach);
    if (!config_.makes_index_keys(l)) continue;
    list(layer.index_entries.rows, n / m);
    ring(layer.index_entries.parts, reach);
  }
  return all;
}

uint64_t V4Cache::stored_bytes(int64_t n) const {
  uint64_t bytes = sizeof(int64_t);
  for (const Piece& piece : pieces(n)) bytes += static_cast<uint64_t>(piece.n * piece.rows->row_bytes());
  return bytes + (folded_ids_.size() > 0 ? static_cast<uint64_t>(n) * sizeof(int32_t) : 0);
}

base::Status V4Cache::write(int64_t n, const Sink& sink) const {
  const int64_t oldest = std::min(oldest_, n);
  if (base::Status written = sink(std::as_bytes(std::span(&oldest, 1))); !written) return written;
  for (const Piece& piece : pieces(n)) {
    const auto row_bytes = static_cast<size_t>(piece.rows->row_bytes());
    const std::vector<std::byte> nothing(row_bytes);
    for (int64_t p = piece.first; p < piece.first + piece.n; ++p) {
      const std::byte* row = p < piece.valid ? nothing.data() : piece.rows->start(p);
      if (base::Status written = sink({row, row_bytes}); !written) return written;
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
      take(const_cast<std::byte*>(piece.rows->start(p)), static_cast<size_t>(piece.rows->row_bytes()));
  if (folded_ids_.size() > 0) take(folded_ids_.data(), static_cast<size_t>(n) * sizeof(int32_t));
}

uint64_t V4Cache::memory_bytes() const {
  Shape used = shape_;
  used.n_ctx = std::min(shape_.n_ctx, end_);
  return bytes(config_, used);
}

}  // namespace engine
