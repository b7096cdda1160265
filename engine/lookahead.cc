// SPDX-License-Identifier: Apache-2.0
#include "engine/lookahead.h"

#include <algorithm>
#include <chrono>

namespace engine {
namespace {

constexpr size_t kMaxDraft = 64;  // beyond, a wrong guess costs more than any right one saved

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

// A GPU takes one token and several through different kernels, whose sums differ in their last bits.
Lookahead::Lookahead(Session& session, std::span<const Token> prompt, size_t max_draft)
    : session_(session),
      n_vocab_(static_cast<size_t>(session.engine().info().n_vocab)),
      drafts_(max_draft > 0 && session.engine().compute().device.empty()),
      budget_(std::min(max_draft, kMaxDraft)) {
  if (drafts_)
    for (const Token token : prompt) copy_.add(token);
}

Lookahead::~Lookahead() {
  settle();
}

// Takes back what was evaluated and not chosen.
void Lookahead::settle() {
  if (draft_.empty()) return;
  budget_.took_draft(draft_.size(), right_, seconds_);
  n_accepted_ += static_cast<int64_t>(right_);
  if (right_ < draft_.size()) session_.rewind(static_cast<int>(session_.tokens().size() - (draft_.size() - right_)));
  draft_.clear();
  right_ = 0;
}

base::Result<std::span<const float>> Lookahead::next(Token token, size_t n_wanted, std::stop_token stop) {
  if (!drafts_) {
    if (base::Status evaluated = session_.append({&token, 1}, {}, stop); !evaluated)
      return std::move(evaluated).error();
    return session_.logits();
  }
  copy_.add(token);
  if (right_ < draft_.size() && draft_[right_] == token) {
    ++right_;
    return std::span<const float>(rows_).subspan(right_ * n_vocab_, n_vocab_);
  }
  settle();
  // A cache that keeps a window of the past may have gone back further than it was asked to.
  const std::span<const Token> history = copy_.history();
  const std::span<const Token> missing =
      history.subspan(session_.tokens().size()).first(history.size() - 1 - session_.tokens().size());
  if (base::Status evaluated = session_.append(missing, {}, stop); !evaluated) return std::move(evaluated).error();
  const size_t room = static_cast<size_t>(session_.n_ctx()) - history.size();
  const std::span<const Token> draft = copy_.propose(std::min({n_wanted - 1, room, budget_.tokens()}));
  return draft.empty() ? step(stop) : check(draft, stop);
}

base::Result<std::span<const float>> Lookahead::step(std::stop_token stop) {
  const double start = now();
  if (base::Status evaluated = session_.append(copy_.history().last(1), {}, stop); !evaluated)
    return std::move(evaluated).error();
  budget_.took_plain(now() - start);
  return session_.logits();
}

base::Result<std::span<const float>> Lookahead::check(std::span<const Token> draft, std::stop_token stop) {
  std::vector<Token> input(copy_.history().end() - 1, copy_.history().end());
  input.insert(input.end(), draft.begin(), draft.end());
  rows_.resize(std::max(rows_.size(), input.size() * n_vocab_));
  const size_t before = session_.tokens().size();
  const double start = now();
  if (base::Status evaluated = session_.append(input, std::span(rows_).first(input.size() * n_vocab_), stop);
      !evaluated) {
    session_.rewind(static_cast<int>(before));  // a long draft may have gone in by half
    return std::move(evaluated).error();
  }
  seconds_ = now() - start;
  draft_.assign(draft.begin(), draft.end());
  n_drafted_ += static_cast<int64_t>(draft_.size());
  return std::span<const float>(rows_).first(n_vocab_);
}

}  // namespace engine
