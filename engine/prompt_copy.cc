// SPDX-License-Identifier: Apache-2.0
#include "engine/prompt_copy.h"

#include <algorithm>

namespace engine {
namespace {

constexpr int kPlaces = 16;       // earlier places looked at: repetitive text has thousands
constexpr size_t kLongest = 64;   // tokens compared; longer matches count alike

}  // namespace

// Places, not hashes, are compared in the end: grams that collide cost time alone.
uint64_t PromptCopy::gram_at(size_t end) const {
  uint64_t gram = 0;
  for (size_t i = end - kGram; i < end; ++i) gram = (gram ^ static_cast<uint32_t>(history_[i])) * 0x9e3779b97f4a7c15U;
  return gram;
}

void PromptCopy::add(Token token) {
  history_.push_back(token);
  earlier_.push_back(kNone);
  if (history_.size() < kGram) return;
  // A gram is entered under the index that follows it: propose() finds all but the one at the very end.
  const auto [place, first] = latest_.try_emplace(gram_at(history_.size()), kNone);
  earlier_.back() = place->second;
  place->second = static_cast<int32_t>(history_.size());
}

PromptCopy::Copy PromptCopy::propose(size_t n) const {
  const size_t end = history_.size();
  if (end <= kGram || n == 0) return {};
  size_t best = 0, best_length = kGram - 1;
  int32_t place = earlier_[end - 1];
  for (int i = 0; i < kPlaces && place != kNone; ++i, place = earlier_[static_cast<size_t>(place) - 1]) {
    const auto at = static_cast<size_t>(place);
    size_t length = 0;
    while (length < std::min(at, kLongest) && history_[at - 1 - length] == history_[end - 1 - length]) ++length;
    if (length <= best_length) continue;
    best = at;
    best_length = length;
  }
  if (best_length < kGram) return {};
  return {std::span(history_).subspan(best, std::min(n, end - best)), best_length};
}

}  // namespace engine
