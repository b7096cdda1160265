// SPDX-License-Identifier: Apache-2.0
// engine/model.h: one forward pass over the next tokens of a timeline.
//
// Owns     A Model borrows its weights: the mapped file must outlive it. A Cache belongs to one session and one Model.
// Threads  A Model's work buffers are its own: one forward() at a time.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>

namespace engine {

// What a Model keeps of the positions it has evaluated. Made by Model::make_cache and understood by that Model alone.
class Cache {
 public:
  virtual ~Cache() = default;
  virtual int64_t n_ctx() const = 0;  // positions it has room for
  // Forgets positions from `n` on. Returns how many are still usable: `n`, or fewer where a cache keeps only a window of
  // the past and cannot go back that far; the caller evaluates the rest anew.
  virtual int64_t rewind(int64_t n) = 0;
};

struct ForwardRequest {
  std::span<const int32_t> tokens;  // 1 .. max_tokens(), ids in range
  int64_t position = 0;             // of the first token; the cache holds all before it; the end is within n_ctx
  Cache* cache = nullptr;
  float* logits = nullptr;          // [n_vocab] of the last token, or [tokens, n_vocab]; null: none wanted
  bool all_logits = false;
  std::stop_token stop;             // looked at between layers
};

class Model {
 public:
  virtual ~Model() = default;
  virtual int max_tokens() const = 0;
  virtual std::unique_ptr<Cache> make_cache(int64_t n_ctx) const = 0;
  virtual uint64_t cache_bytes(int64_t n_ctx) const = 0;
  // False when stopped; the cache then holds `position` tokens, as after rewind(position).
  virtual bool forward(const ForwardRequest& request) = 0;
};

}  // namespace engine
