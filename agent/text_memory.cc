// SPDX-License-Identifier: Apache-2.0
#include "agent/text_memory.h"

#include <algorithm>
#include <bit>

namespace agent {
namespace {

using engine::Token;

constexpr Token kEdge = -1;  // stands before each text and matches nothing
constexpr std::array<size_t, 3> kKeys{6, 3, 1};
// Places looked at for one key, nearest first. What a text said last is what it says next; the rest is only counted
// less exactly.
constexpr size_t kMostTokens = 1u << 24;
constexpr size_t kMostPlaces = 256;
constexpr double kDiscount = 0.75, kLeastUnknown = 0.01;  // of a table

uint32_t hash_of(std::span<const Token> key) {
  uint64_t h = 0x9e3779b97f4a7c15U;
  for (const Token token : key) h = (h ^ static_cast<uint32_t>(token)) * 0xbf58476d1ce4e5b9U, h ^= h >> 29;
  return static_cast<uint32_t>(h >> 16);
}

}  // namespace

TextMemory::TextMemory() {
  for (size_t i = 0; i < chains_.size(); ++i) chains_[i].n_key = kKeys[i];
}

void TextMemory::clear() {
  tokens_.clear();
  for (Chains& chains : chains_) chains.last.clear(), chains.before.clear();
}

void TextMemory::add(std::span<const Token> text) {
  tokens_.push_back(kEdge);
  extend(text);
}

void TextMemory::extend(std::span<const Token> more) {
  if (tokens_.empty()) tokens_.push_back(kEdge);
  if (more.size() > kMostTokens - std::min(kMostTokens, tokens_.size())) return;
  tokens_.insert(tokens_.end(), more.begin(), more.end());
  for (Chains& chains : chains_) {
    size_t unlinked = chains.before.size();
    chains.before.resize(tokens_.size(), -1);
    if (chains.last.size() < tokens_.size()) {  // too many would share a hash
      chains.last.assign(std::bit_ceil(2 * tokens_.size()), -1);
      unlinked = 0;
    }
    for (size_t i = unlinked; i < tokens_.size(); ++i) link(chains, i);
  }
}

// `position`: of the token that follows the key.
void TextMemory::link(Chains& chains, size_t position) {
  if (tokens_[position] == kEdge || position < chains.n_key) return;
  const std::span<const Token> key(tokens_.data() + position - chains.n_key, chains.n_key);
  if (std::find(key.begin(), key.end(), kEdge) != key.end()) return;
  int32_t& last = chains.last[hash_of(key) & (chains.last.size() - 1)];
  chains.before[position] = last;
  last = static_cast<int32_t>(position);
}

std::vector<TextMemory::Follower> TextMemory::followers(std::span<const Token> context) const {
  std::vector<Follower> found;
  size_t longest_left = kLongestMatch;  // longer matches were found under a longer key
  for (const Chains& chains : chains_) {
    if (context.size() < chains.n_key || chains.last.empty()) continue;
    const auto key = context.last(chains.n_key);
    size_t n_places = 0;
    for (int32_t at = chains.last[hash_of(key) & (chains.last.size() - 1)]; at >= 0 && n_places < kMostPlaces;
         at = chains.before[static_cast<size_t>(at)], ++n_places) {
      const auto position = static_cast<size_t>(at);
      size_t n = 0;
      while (n < kLongestMatch && n < context.size() && tokens_[position - 1 - n] == context[context.size() - 1 - n])
        ++n;
      if (n >= chains.n_key && n <= longest_left) found.push_back({tokens_[position], static_cast<uint32_t>(n)});
    }
    longest_left = chains.n_key - 1;
  }
  return found;
}

TextMemory::Knowledge TextMemory::knowledge(std::span<const Token> context, size_t n_vocab) const {
  std::vector<Follower> found = followers(context.last(std::min(context.size(), kLongestMatch)));
  std::erase_if(found, [&](const Follower& f) { return static_cast<size_t>(f.token) >= n_vocab; });
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.token < b.token; });
  Knowledge known;
  for (const Follower& f : found) known.longest_match = std::max<size_t>(known.longest_match, f.n_matched);
  for (size_t k = 0; k < kMemoryExperts && kMemoryMatches[k] <= known.longest_match; ++k) {
    Expert expert{.number = 1 + k, .n_seen = 0, .shares = {}};
    for (const Follower& f : found) {
      if (f.n_matched < kMemoryMatches[k]) continue;
      if (expert.shares.empty() || expert.shares.back().token != f.token) expert.shares.push_back({f.token, 0});
      ++expert.shares.back().share, ++expert.n_seen;
    }
    for (Share& share : expert.shares) share.share /= expert.n_seen;
    known.experts.push_back(std::move(expert));
  }
  ask_table(context, n_vocab, known.experts);
  return known;
}

// How often a context was seen is guessed from its unknown mass, which absolute discounting makes of kinds and times.
void TextMemory::ask_table(std::span<const Token> context, size_t n_vocab, std::vector<Expert>& experts) const {
  for (size_t k = 0; table_ && k < kTableExperts; ++k) {
    if (kTableContexts[k] > context.size()) break;
    Expert expert{
        .number = 1 + kMemoryExperts + k, .n_seen = 0, .shares = table_->after(context.last(kTableContexts[k]))};
    std::erase_if(expert.shares, [&](const Share& share) { return static_cast<size_t>(share.token) >= n_vocab; });
    if (expert.shares.empty()) continue;
    double known = 0;
    for (const Share& share : expert.shares) known += share.share;
    for (Share& share : expert.shares) share.share /= known;
    expert.n_seen = kDiscount * static_cast<double>(expert.shares.size()) / std::max(kLeastUnknown, 1 - known);
    experts.push_back(std::move(expert));
  }
}

void TextMemory::mix(std::span<const Token> context, std::span<float> logits) const {
  const Knowledge known = knowledge(context, logits.size());
  mix_experts(known.experts, known.longest_match, logits);
}

}  // namespace agent
