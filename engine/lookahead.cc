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
Lookahead::Lookahead(Session& session, std::span<const Token> prompt, size_t max_copied, size_t max_guessed)
    : session_(session),
      n_vocab_(static_cast<size_t>(session.engine().info().n_vocab)),
      drafts_((max_copied > 0 || max_guessed > 0) && session.engine().compute().device.empty()),
      copy_budget_(std::min(max_copied, kMaxDraft)),
      guess_budget_(std::min(max_guessed, kMaxDraft)) {
  if (drafts_)
    for (const Token token : prompt) copy_.add(token);
}

Lookahead::~Lookahead() {
  settle();
}

// Takes back what was evaluated and not chosen.
void Lookahead::settle() {
  if (draft_.empty()) return;
  if (account_.budget) {
    account_.budget->took_draft(account_.n_matched, draft_.size(), right_, account_.seconds);
    n_accepted_ += static_cast<int64_t>(right_);
  }
  if (right_ < draft_.size()) session_.rewind(static_cast<int>(session_.tokens().size() - (draft_.size() - right_)));
  draft_.clear();
  right_ = 0;
}

base::Result<std::span<const float>> Lookahead::next(Token token, std::span<const Token> forced, size_t n_wanted, std::stop_token stop) {
  if (drafts_) copy_.add(token);
  if (unchecked_) copy_budget_.saw(unchecked_->n_matched, unchecked_->token == token);
  unchecked_.reset();
  if (right_ < draft_.size() && draft_[right_] == token) {
    ++right_;
    return std::span<const float>(rows_).subspan(right_ * n_vocab_, n_vocab_);
  }
  settle();
  if (!drafts_) {
    if (!forced.empty()) return check(token, forced, {}, stop);
    if (base::Status evaluated = session_.append({&token, 1}, {}, stop); !evaluated)
      return std::move(evaluated).error();
    return session_.logits();
  }
  if (base::Status ready = catch_up(stop); !ready) return std::move(ready).error();
  if (!forced.empty()) return check(token, forced, {}, stop);
  const size_t room = static_cast<size_t>(session_.n_ctx()) - copy_.history().size();
  const size_t most = std::min(n_wanted - 1, room);
  const PromptCopy::Copy copy = copy_.propose(std::min(most, kMaxDraft));
  if (const size_t n = copy_budget_.worth(copy.n_matched, copy.tokens.size()); n > 0)
    return check(token, copy.tokens.first(n), {&copy_budget_, copy.n_matched}, stop);
  if (!copy.tokens.empty()) unchecked_ = {copy.n_matched, copy.tokens[0]};
  const size_t n = guess_budget_.worth(DraftBudget::kInvented, most);
  if (n == 0) return step(stop);
  const double start = now();
  const auto guessed = session_.draft(token, static_cast<int>(n), stop);
  if (!guessed) return guessed.error();
  if (guessed->empty()) return step(stop);
  return check(token, *guessed, {&guess_budget_, DraftBudget::kInvented, now() - start}, stop);
}

// A cache that keeps a window of the past may have gone back further than it was asked to.
base::Status Lookahead::catch_up(std::stop_token stop) {
  const std::span<const Token> history = copy_.history();
  const size_t held = session_.tokens().size();
  if (held + 1 == history.size()) return base::ok();
  const double start = now();
  const base::Status evaluated = session_.append(history.subspan(held, history.size() - 1 - held), {}, stop);
  if (account_.budget) account_.budget->cost_more(now() - start);
  return evaluated;
}

base::Result<std::span<const float>> Lookahead::step(std::stop_token stop) {
  const double start = now();
  if (base::Status evaluated = session_.append(copy_.history().last(1), {}, stop); !evaluated)
    return std::move(evaluated).error();
  const double seconds = now() - start;
  copy_budget_.took_plain(seconds);
  guess_budget_.took_plain(seconds);
  return session_.logits();
}

base::Result<std::span<const float>> Lookahead::check(Token token, std::span<const Token> draft, Account account, std::stop_token stop) {
  std::vector<Token> input(1, token);
  input.insert(input.end(), draft.begin(), draft.end());
  rows_.resize(std::max(rows_.size(), input.size() * n_vocab_));
  const size_t before = session_.tokens().size();
  const double start = now();
  if (base::Status evaluated = session_.append(input, std::span(rows_).first(input.size() * n_vocab_), stop);
      !evaluated) {
    session_.rewind(static_cast<int>(before));  // a long draft may have gone in by half
    return std::move(evaluated).error();
  }
  account_ = account;
  account_.seconds += now() - start;
  draft_.assign(draft.begin(), draft.end());
  if (account_.budget) n_drafted_ += static_cast<int64_t>(draft_.size());
  return std::span<const float>(rows_).first(n_vocab_);
}

}  // namespace engine
