// SPDX-License-Identifier: Apache-2.0
#include "agent/code/token_ngrams.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace agent {
namespace {

constexpr double kKinds = 150, kWords = 5000;  // alternatives where nothing is known
constexpr size_t kWordReach = 2;
constexpr uint64_t kKindChain = 1, kExactChain = 2, kWordChain = 3, kSpaceChain = 4;

uint64_t mixed(uint64_t a, uint64_t b) {
  uint64_t x = a * 0x9e3779b97f4a7c15ull + b + 0x7f4a7c15ull;
  x = (x ^ (x >> 31)) * 0xbf58476d1ce4e5b9ull;
  return x ^ (x >> 27);
}

uint64_t hash_of(std::string_view text) {
  uint64_t hash = 14695981039346656037ull;
  for (char ch : text) hash = (hash ^ static_cast<unsigned char>(ch)) * 1099511628211ull;
  return mixed(hash, text.size());
}

// A token's contexts in one chain, shortest first; [0] has nothing before it.
template <size_t N>
std::array<uint64_t, N> contexts(std::span<const GramToken> tokens, size_t at, uint64_t chain,
                                 uint64_t GramToken::*part) {
  std::array<uint64_t, N> found{};
  uint64_t context = chain;
  for (size_t n = 0; n < N; ++n) {
    found[n] = mixed(context, n);
    context = mixed(context, n < at ? tokens[at - 1 - n].*part : 0);
  }
  return found;
}

uint64_t gap(std::span<const GramToken> tokens, size_t at) {
  return mixed(at == 0 ? 0 : tokens[at - 1].kind, tokens[at].kind);
}

}  // namespace

std::vector<GramToken> gram_tokens(std::string_view text, std::span<const LexedToken> tokens) {
  std::vector<GramToken> grams;
  grams.reserve(tokens.size());
  for (size_t i = 0; i < tokens.size(); ++i) {
    const LexedToken& token = tokens[i];
    const std::string_view written = text.substr(token.range.begin, token.range.end - token.range.begin);
    GramToken gram;
    switch (token.kind) {
      case LexedKind::kName:
        gram = {1, hash_of(written)};
        break;
      case LexedKind::kNumber:
        gram = {2, hash_of(written)};
        break;
      case LexedKind::kString:
        gram = {3, hash_of(written)};
        break;
      case LexedKind::kQuote:
        gram = {4, 4};
        break;
      case LexedKind::kLineEnd:
        gram.kind = gram.word = static_cast<uint64_t>(11 + token.indent_step);
        break;
      default:
        gram.kind = gram.word = hash_of(written);
    }
    const bool same_line = i > 0 && tokens[i - 1].kind != LexedKind::kLineEnd && token.kind != LexedKind::kLineEnd;
    if (same_line) gram.spaces = static_cast<int>(std::min<size_t>(2, token.range.begin - tokens[i - 1].range.end));
    grams.push_back(gram);
  }
  return grams;
}

void TokenNgrams::count(uint64_t context, uint64_t what) {
  Seen& seen = contexts_[context];
  ++seen.total;
  if (++counts_[mixed(context, what)] == 1) ++seen.kinds;
}

void TokenNgrams::add(std::span<const GramToken> tokens) {
  for (size_t i = 0; i < tokens.size(); ++i) {
    for (uint64_t context : contexts<kReach + 1>(tokens, i, kKindChain, &GramToken::kind))
      count(context, tokens[i].kind);
    for (uint64_t context : contexts<kWordReach + 1>(tokens, i, kExactChain, &GramToken::word))
      count(context, tokens[i].kind);
    if (tokens[i].kind != tokens[i].word)
      for (uint64_t context : contexts<kWordReach + 1>(tokens, i, mixed(kWordChain, tokens[i].kind), &GramToken::word))
        count(context, tokens[i].word);
    const uint64_t space = static_cast<uint64_t>(tokens[i].spaces);
    count(mixed(kSpaceChain, tokens[i].kind), space);
    count(mixed(kSpaceChain, gap(tokens, i)), space);
  }
  n_tokens_ += tokens.size();
}

double TokenNgrams::interpolate(double shorter, uint64_t context, uint64_t what) const {
  const auto seen = contexts_.find(context);
  if (seen == contexts_.end()) return shorter;
  const auto counted = counts_.find(mixed(context, what));
  const double n = counted == counts_.end() ? 0 : counted->second;
  const double kinds = seen->second.kinds, total = seen->second.total;
  return (n + kinds * shorter) / (total + kinds);
}

double TokenNgrams::logprob(std::span<const GramToken> tokens, size_t at) const {
  const GramToken& token = tokens[at];
  double by_kind = 1 / kKinds, exact = 1 / kKinds;
  for (uint64_t context : contexts<kReach + 1>(tokens, at, kKindChain, &GramToken::kind))
    by_kind = interpolate(by_kind, context, token.kind);
  for (uint64_t context : contexts<kWordReach + 1>(tokens, at, kExactChain, &GramToken::word))
    exact = interpolate(exact, context, token.kind);
  double log = std::log(.5 * by_kind + .5 * exact);
  if (token.kind != token.word) {
    double word = 1 / kWords;
    for (uint64_t context : contexts<kWordReach + 1>(tokens, at, mixed(kWordChain, token.kind), &GramToken::word))
      word = interpolate(word, context, token.word);
    log += std::log(word);
  }
  double space = 1. / 3;
  for (uint64_t context : {mixed(kSpaceChain, token.kind), mixed(kSpaceChain, gap(tokens, at))})
    space = interpolate(space, context, static_cast<uint64_t>(token.spaces));
  return log + std::log(space);
}

}  // namespace agent
