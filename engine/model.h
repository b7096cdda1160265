// SPDX-License-Identifier: Apache-2.0
// engine/model.h: one forward pass over the next tokens of a timeline.
//
// Owns     A Model borrows its weights: the mapped file must outlive it. A Cache belongs to one session and one Model.
// Threads  A Model's work buffers are its own: one forward() at a time.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"

namespace engine {

// What a Model keeps of the positions it has evaluated. Made by Model::make_cache and understood by that Model alone.
class Cache {
 public:
  virtual ~Cache() = default;
  virtual int64_t n_ctx() const = 0;  // positions it has room for
  // Forgets positions from `n` on. Returns how many are still usable: `n`, or fewer where a cache keeps only a window of
  // the past and cannot go back that far; the caller evaluates the rest anew.
  virtual int64_t rewind(int64_t n) = 0;

  // What follows makes a cache shareable and storable. One that does not say how is neither, and sessions say so.

  // A cache that continues after the first `n` positions of this one, as after rewind(n) of a copy; neither sees what the
  // other writes. Shares memory where it can. Null: this cache cannot be forked (or not at `n`).
  virtual std::unique_ptr<Cache> fork(int64_t n) const {
    static_cast<void>(n);
    return nullptr;
  }
  // Memory in use. What k caches share counts 1/k in each, so that all caches together count everything once. 0: not known.
  virtual uint64_t memory_bytes() const { return 0; }
  // What write() writes: a cache of the same Model weights and an equal layout reads it. Empty: this cache is not stored.
  virtual std::string layout() const { return {}; }
  // The first `n` positions, stored_bytes(n) bytes in all, in as many pieces as suit; ends with the sink's first error.
  using Sink = std::function<base::Status(std::span<const std::byte>)>;
  virtual uint64_t stored_bytes(int64_t n) const {
    static_cast<void>(n);
    return 0;
  }
  virtual base::Status write(int64_t n, const Sink& sink) const {
    static_cast<void>(n), static_cast<void>(sink);
    return base::invalid("This model's cache cannot be stored.");
  }
  // Takes the first `n` positions from what write() wrote: `stored` has stored_bytes(n) bytes and `n` is within n_ctx().
  virtual void read(int64_t n, std::span<const std::byte> stored) { static_cast<void>(n), static_cast<void>(stored); }
};

class AdapterWeights;

// Where a token of a batch goes: the cache holds all before `position`, which is within its n_ctx.
struct BatchPlace {
  Cache* cache = nullptr;
  int64_t position = 0;
  const AdapterWeights* adapter = nullptr;
};

struct ForwardRequest {
  std::span<const int32_t> tokens;  // 1 .. max_tokens(), ids in range
  int64_t position = 0;             // of the first token; the cache holds all before it; the end is within n_ctx
  Cache* cache = nullptr;
  float* logits = nullptr;          // [n_vocab] of the last token, or [tokens, n_vocab]; null: none wanted
  bool all_logits = false;
  float* states = nullptr;          // [tokens, draft_width()]: what a draft layer takes over from each token; null: not wanted
  std::stop_token stop;             // looked at between layers
  const AdapterWeights* adapter = nullptr;  // low-rank changes of the model's weights (engine/lora); a model without linear_modules() takes none
  // Empty, or a place for each token in a timeline of its own; then `position`, `cache` and `adapter` mean nothing. No two places share a
  // cache, there are at most max_batch(), and `all_logits` is set.
  std::span<const BatchPlace> batch = {};

  Cache* cache_of(int64_t token) const { return batch.empty() ? cache : batch[static_cast<size_t>(token)].cache; }
  int64_t position_of(int64_t token) const { return batch.empty() ? position + token : batch[static_cast<size_t>(token)].position; }
};

// What a model's draft layer (multi-token prediction) makes of the end of a timeline: from the state behind position i and the
// token at i + 1 it guesses the token at i + 2.
struct DraftBlock {
  std::vector<int32_t> tokens;    // [draft_block()]: the likeliest, one after the other
  std::vector<float> confidence;  // [draft_block()]: how likely each is right where those before it are
  std::vector<float> logits;      // [draft_block(), n_vocab]
};

struct DraftRequest {
  std::span<const int32_t> tokens;  // 1 .. max_tokens(): at position + 1, position + 2, ...
  const float* states = nullptr;    // [tokens, draft_width()]: ForwardRequest::states of `position`, position + 1, ...
  int64_t position = 0;             // the cache holds [first, position); the end is within n_ctx
  int64_t first = 0;                // more than 0 where what came before was lost: a cache that keeps a window went back too far
  Cache* cache = nullptr;           // of make_draft_cache()
  float* logits = nullptr;          // [n_vocab] after the last token; null: none wanted
  float* state = nullptr;           // [draft_width()]: stands for the state behind the last token in a further guess; may be null
  DraftBlock* block = nullptr;      // what follows the last token, of a model with draft_block(); then there are no logits and no state
  std::stop_token stop;
};

class Model {
 public:
  virtual ~Model() = default;
  virtual int max_tokens() const = 0;
  // Timelines that one forward() takes a token further. On the CPU each gets the bits that it would get alone, on a GPU those that it
  // gets in any other batch.
  virtual int max_batch() const { return 1; }
  virtual std::unique_ptr<Cache> make_cache(int64_t n_ctx) const = 0;
  virtual uint64_t cache_bytes(int64_t n_ctx) const = 0;
  // False when stopped; the cache then holds `position` tokens, as after rewind(position). std::bad_alloc where there is no
  // memory for the rows; the same holds then.
  virtual bool forward(const ForwardRequest& request) = 0;

  // Drafts: width of a state; 0 where the model has no draft layer, and the others are not called.
  virtual int64_t draft_width() const { return 0; }
  // Tokens that one draft() guesses; 0: one, and further ones behind its own state.
  virtual int draft_block() const { return 0; }
  virtual std::unique_ptr<Cache> make_draft_cache(int64_t n_ctx) const {
    static_cast<void>(n_ctx);
    return nullptr;
  }
  virtual uint64_t draft_cache_bytes(int64_t n_ctx) const {
    static_cast<void>(n_ctx);
    return 0;
  }
  // As forward(). A token's results are the same bits in any division into calls.
  virtual bool draft(const DraftRequest& request) {
    static_cast<void>(request);
    return false;
  }
};

}  // namespace engine
