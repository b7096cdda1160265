// SPDX-License-Identifier: Apache-2.0
#include "engine/session_drafts.h"

#include <algorithm>

#include "engine/sampling.h"

namespace engine {
namespace {

// Pairs that wait for more of their kind: the layer's weights are read once for all of them.
constexpr size_t kWaiting = 32;

// Below, a guess is likelier wrong than right.
constexpr float kLeastSurvival = 0.5f;

}  // namespace

SessionDrafts::SessionDrafts(const Model& model, int n_ctx, int n_vocab)
    : width_(static_cast<size_t>(model.draft_width())),
      n_vocab_(static_cast<size_t>(n_vocab)),
      n_ctx_(static_cast<size_t>(n_ctx)),
      at_once_(static_cast<size_t>(model.max_tokens())),
      blocks_(model.draft_block() > 0),
      cache_(model.make_draft_cache(n_ctx)) {}

std::unique_ptr<SessionDrafts> SessionDrafts::fork() const {
  auto cache = cache_->fork(static_cast<int64_t>(n_pairs_));
  if (!cache) return nullptr;
  std::unique_ptr<SessionDrafts> made(new SessionDrafts);
  made->width_ = width_, made->n_vocab_ = n_vocab_, made->n_ctx_ = n_ctx_, made->at_once_ = at_once_, made->blocks_ = blocks_;
  made->cache_ = std::move(cache);
  made->first_pair_ = first_pair_, made->n_pairs_ = n_pairs_, made->first_ = first_, made->end_ = end_;
  made->states_ = states_;
  return made;
}

uint64_t SessionDrafts::memory_bytes() const {
  return cache_->memory_bytes() + (states_.capacity() + logits_.capacity() + last_.capacity() + block_.logits.capacity()) * sizeof(float);
}

float* SessionDrafts::room(size_t position, size_t n) {
  if (position != end_) states_.clear(), first_ = end_ = position;
  const size_t keep = std::clamp(n_pairs_, first_, end_);  // older states have become pairs
  states_.erase(states_.begin(), states_.begin() + static_cast<std::ptrdiff_t>((keep - first_) * width_));
  first_ = keep;
  states_.resize((end_ - first_ + n) * width_);
  return states_.data() + (end_ - first_) * width_;
}

base::Status SessionDrafts::added(std::span<const Token> timeline, const Run& run, std::stop_token stop) {
  const size_t before = end_;
  end_ = timeline.size();
  if (guessed_after_ && n_pairs_ + 1 == before && timeline[before] == *guessed_after_) ++n_pairs_;
  guessed_after_.reset();
  if (timeline.size() - 1 < n_pairs_ + kWaiting) return base::ok();
  return run_pairs(timeline, timeline.size() - 1, false, run, stop);
}

void SessionDrafts::rewind(size_t n) {
  guessed_after_.reset();
  if (n > 0 && n - 1 >= first_ && n <= end_) {
    end_ = n;
    states_.resize((end_ - first_) * width_);
    rewind_pairs(std::min(n_pairs_, n - 1));
  } else {
    // The state behind the last token is gone: its pair stays that of the token that followed it once. A guess may be
    // worse for it.
    states_.clear();
    first_ = end_ = n;
    rewind_pairs(std::min(n_pairs_, n));
  }
}

void SessionDrafts::rewind_pairs(size_t n) {
  const bool kept = static_cast<size_t>(cache_->rewind(static_cast<int64_t>(n))) == n && n >= first_pair_;
  n_pairs_ = kept ? n : first_;
  if (!kept) first_pair_ = first_;
}

base::Status SessionDrafts::run_pairs(std::span<const Token> tokens, size_t end, bool wants_guess, const Run& run,
                                      std::stop_token stop) {
  while (n_pairs_ < end) {
    const size_t n = std::min(end - n_pairs_, at_once_);
    DraftRequest request;
    request.tokens = tokens.subspan(n_pairs_ + 1, n);
    request.states = state(n_pairs_);
    request.position = static_cast<int64_t>(n_pairs_);
    request.first = static_cast<int64_t>(first_pair_);
    request.cache = cache_.get();
    request.stop = stop;
    if (wants_guess && n_pairs_ + n == end && blocks_) {
      request.block = &block_;
    } else if (wants_guess && n_pairs_ + n == end) {
      request.logits = logits_.data();
      request.state = last_.data();
    }
    if (base::Status ran = run(request); !ran) return ran;
    n_pairs_ += n;
  }
  return base::ok();
}

// The first one is in any case: so what drafts cost and save stays known.
std::vector<Token> SessionDrafts::promising(size_t n) const {
  std::vector<Token> guesses;
  float survival = 1.0f;
  for (size_t i = 0; i < std::min(n, block_.tokens.size()); ++i) {
    survival *= block_.confidence[i];
    if (i > 0 && !(survival >= kLeastSurvival)) break;
    guesses.push_back(block_.tokens[i]);
  }
  return guesses;
}

base::Result<std::vector<Token>> SessionDrafts::guess(std::span<const Token> timeline, Token next, size_t n,
                                                      const Run& run, std::stop_token stop) {
  const size_t length = timeline.size();
  std::vector<Token> guesses;
  // Where states are missing there are no guesses until new ones came.
  if (n == 0 || length == 0 || end_ != length || first_ > n_pairs_ || n_pairs_ >= length) return guesses;
  if (!blocks_) logits_.resize(n_vocab_), last_.resize(width_);
  std::vector<Token> tokens(timeline.begin(), timeline.end());
  tokens.push_back(next);
  if (base::Status ran = run_pairs(tokens, length, true, run, stop); !ran) return std::move(ran).error();
  n_pairs_ = length - 1;
  guessed_after_ = next;
  if (blocks_) return promising(n);
  guesses.push_back(argmax(logits_));
  // Further ones take the layer's own result for the state behind the token that was guessed.
  for (size_t position = length; guesses.size() < n && position < n_ctx_; ++position) {
    const std::vector<float> before = last_;
    DraftRequest request;
    request.tokens = std::span(guesses).last(1);
    request.states = before.data();
    request.position = static_cast<int64_t>(position);
    request.first = static_cast<int64_t>(first_pair_);
    request.cache = cache_.get();
    request.logits = logits_.data();
    request.state = last_.data();
    request.stop = stop;
    if (base::Status ran = run(request); !ran) return std::move(ran).error();
    guesses.push_back(argmax(logits_));
  }
  return guesses;
}

}  // namespace engine
