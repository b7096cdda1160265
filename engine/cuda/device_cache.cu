// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <new>

#include "engine/block_cache.h"
#include "engine/cuda/device_cache.h"

namespace engine::cuda {
namespace {

constexpr int64_t kStagedBytes = int64_t{8} << 20;  // of stored rows that are copied at a time

template <typename T>
DeviceBuffer<T> memory_for(int64_t n) {
  try {
    return DeviceBuffer<T>(static_cast<size_t>(n));
  } catch (const Failure& failure) {
    if (failure.out_of_memory) throw std::bad_alloc();
    throw;
  }
}

}  // namespace

DeviceCache::DeviceCache(const CacheShape& shape, int64_t n_ctx)
    : shape_(shape),
      n_ctx_(n_ctx),
      row_bytes_(shape.width * value_bytes(shape.type)),
      layer_bytes_(row_bytes_ * n_ctx),
      rows_(memory_for<std::byte>(shape.n_layers * layer_bytes_)),
      scores_(memory_for<float>(shape.indexed ? n_ctx * kTokensAtOnce : 0)) {
  check(cudaMemset(rows_.data(), 0, rows_.bytes()), "clearing a cache");
  check(cudaStreamSynchronize(nullptr), "clearing a cache");  // passes run on streams of their own
}

std::unique_ptr<Cache> DeviceCache::fork(int64_t n) const {
  auto other = std::make_unique<DeviceCache>(shape_, n_ctx_);
  for (int64_t l = 0; l < shape_.n_layers; ++l)
    check(cudaMemcpyAsync(other->layer(l), layer(l), static_cast<size_t>(n * row_bytes_), cudaMemcpyDeviceToDevice),
          "copying a cache");
  check(cudaStreamSynchronize(nullptr), "copying a cache");
  return other;
}

std::string DeviceCache::layout() const {
  const StoredRows& stored = shape_.stored;
  return stored.width == 0 ? std::string()
                           : BlockCache::layout_of(shape_.n_layers * stored.heads, stored.width, shape_.type);
}

size_t DeviceCache::stored_row_bytes() const {
  return static_cast<size_t>(shape_.stored.width * value_bytes(shape_.type));
}

uint64_t DeviceCache::stored_bytes(int64_t n) const {
  return static_cast<uint64_t>(shape_.n_layers * shape_.stored.heads * n) * stored_row_bytes();
}

int64_t DeviceCache::staged_rows(int64_t n) const {
  return std::clamp<int64_t>(kStagedBytes / static_cast<int64_t>(stored_row_bytes()), 1, std::max<int64_t>(n, 1));
}

template <typename Use>
base::Status DeviceCache::in_stored_order(int64_t n, const Use& use) const {
  const int64_t at_once = staged_rows(n);
  for (int64_t l = 0; l < shape_.n_layers; ++l)
    for (int64_t head = 0; head < shape_.stored.heads; ++head)
      for (int64_t first = 0; first < n; first += at_once)
        if (base::Status used = use(Staged{l, head, first, std::min(at_once, n - first)}); !used) return used;
  return base::ok();
}

template <typename Copy>
void DeviceCache::each_part(const Staged& piece, std::byte* staging, const Copy& copy) const {
  const int64_t value = value_bytes(shape_.type);
  for (const StoredRows::Part& part : shape_.stored.parts) {
    const int64_t from = part.from + piece.head * shape_.stored.head_step;
    copy(layer(piece.layer) + piece.first * row_bytes_ + from * value, staging + part.to * value,
         static_cast<size_t>(part.values * value));
  }
}

void DeviceCache::gather(const Staged& piece, std::byte* staging) const {
  each_part(piece, staging, [&](const std::byte* row, std::byte* stored, size_t bytes) {
    check(cudaMemcpy2DAsync(stored, stored_row_bytes(), row, static_cast<size_t>(row_bytes_), bytes,
                            static_cast<size_t>(piece.rows), cudaMemcpyDeviceToDevice),
          "reading a cache");
  });
}

void DeviceCache::scatter(const Staged& piece, std::byte* staging) {
  each_part(piece, staging, [&](std::byte* row, const std::byte* stored, size_t bytes) {
    check(cudaMemcpy2DAsync(row, static_cast<size_t>(row_bytes_), stored, stored_row_bytes(), bytes,
                            static_cast<size_t>(piece.rows), cudaMemcpyDeviceToDevice),
          "filling a cache");
  });
}

base::Status DeviceCache::write(int64_t n, const Sink& sink) const {
  if (shape_.stored.width == 0) return Cache::write(n, sink);
  try {
    std::vector<std::byte> host(static_cast<size_t>(staged_rows(n)) * stored_row_bytes());
    const DeviceBuffer<std::byte> staging(host.size());
    check(cudaMemset(staging.data(), 0, staging.bytes()), "reading a cache");
    return in_stored_order(n, [&](const Staged& piece) {
      const size_t bytes = static_cast<size_t>(piece.rows) * stored_row_bytes();
      gather(piece, staging.data());
      check(cudaMemcpy(host.data(), staging.data(), bytes, cudaMemcpyDeviceToHost), "reading a cache");
      return sink(std::span(host).first(bytes));
    });
  } catch (const Failure& failure) {
    return base::Error{failure.out_of_memory ? base::ErrorCode::kExhausted : base::ErrorCode::kInternal,
                       std::string("The GPU failed: ") + failure.what() + "."};
  }
}

void DeviceCache::read(int64_t n, std::span<const std::byte> stored) {
  const DeviceBuffer<std::byte> staging(static_cast<size_t>(staged_rows(n)) * stored_row_bytes());
  const base::Status filled = in_stored_order(n, [&](const Staged& piece) {
    const size_t bytes = static_cast<size_t>(piece.rows) * stored_row_bytes();
    check(cudaMemcpy(staging.data(), stored.data(), bytes, cudaMemcpyHostToDevice), "filling a cache");
    stored = stored.subspan(bytes);
    scatter(piece, staging.data());
    return base::ok();
  });
  static_cast<void>(filled);  // only failures of the device end it, and those are thrown
  check(cudaStreamSynchronize(nullptr), "filling a cache");
}

}  // namespace engine::cuda
