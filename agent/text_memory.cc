// SPDX-License-Identifier: Apache-2.0
#include "agent/text_memory.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace agent {
namespace {

using engine::Token;

constexpr Token kEdge = -1;  // stands before each text and matches nothing
constexpr std::array<size_t, 3> kKeys{6, 3, 1};
// Places looked at for one key, nearest first. What a text said last is what it says next; the rest is only counted
// less exactly.
constexpr size_t kMostTokens = 1u << 24;
constexpr size_t kMostPlaces = 256;

// Found on held-out files of training packages, by the lines that come out right; flat around here. What followed one or two tokens
// the model knows better.
constexpr double kModelShare = 0.25;
double discount(size_t n_matched) {
  return n_matched == 1 ? 1.0 : n_matched == 2 ? 0.95 : n_matched <= 4 ? 0.8 : 0.6;
}

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

void TextMemory::mix(std::span<const Token> context, std::span<float> logits) const {
  std::vector<Follower> found = followers(context.last(std::min(context.size(), kLongestMatch)));
  std::erase_if(found, [&](const Follower& f) { return static_cast<size_t>(f.token) >= logits.size(); });
  if (found.empty()) return;
  double most = -INFINITY, sum = 0;
  for (const float logit : logits) most = std::max(most, static_cast<double>(logit));
  if (!std::isfinite(most)) return;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - most);
  const double log_total = most + std::log(sum);

  struct Candidate {
    Token token;
    double model, mixed;
    size_t count;
  };
  std::vector<Candidate> candidates;
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.token < b.token; });
  for (const Follower& f : found)
    if (candidates.empty() || candidates.back().token != f.token) {
      const double p = std::exp(static_cast<double>(logits[static_cast<size_t>(f.token)]) - log_total);
      candidates.push_back({f.token, p, p, 0});
    }
  double rest = 1;  // what is left of the model's probability of a token that followed nowhere
  for (size_t n = 1; n <= kLongestMatch; ++n) {
    size_t total = 0, kinds = 0, c = 0;
    for (Candidate& candidate : candidates) candidate.count = 0;
    for (const Follower& f : found) {
      while (candidates[c].token != f.token) ++c;
      if (f.n_matched >= n) ++candidates[c].count, ++total;
    }
    if (total == 0) break;
    for (const Candidate& candidate : candidates) kinds += candidate.count > 0;
    const double d = discount(n), back = d * static_cast<double>(kinds) / static_cast<double>(total);
    for (Candidate& candidate : candidates)
      candidate.mixed =
          std::max(static_cast<double>(candidate.count) - d, 0.0) / static_cast<double>(total) + back * candidate.mixed;
    rest *= back;
  }
  const double shift = std::log(kModelShare + (1 - kModelShare) * rest) - log_total;
  for (float& logit : logits) logit = static_cast<float>(static_cast<double>(logit) + shift);
  for (const Candidate& candidate : candidates)
    logits[static_cast<size_t>(candidate.token)] =
        static_cast<float>(std::log(kModelShare * candidate.model + (1 - kModelShare) * candidate.mixed));
}

}  // namespace agent
