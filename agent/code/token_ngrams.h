// SPDX-License-Identifier: Apache-2.0
// agent/code/token_ngrams.h: how usual a run of tokens is in the code at hand.
//
// Two chains of n-grams over the tokens' kinds are mixed: one sees up to four kinds before (names, numbers and strings
// are a kind each, marks and words of the language are their own, the end of a line says how the indentation goes on),
// the other up to two tokens as they are written. What a name is called comes from the names and marks before it, and
// whether white space stands before a token from the two around the gap.
//
// Units    Natural logs.
// Threads  add() is the owner's alone; the rest may run on many threads between.
// Cost     About fifteen look-ups a token.
// Source   Witten and Bell 1991 (interpolation by the number of kinds that follow); naturalness of code as evidence
//          against a token: Hindle et al. 2012, Campbell et al. 2014.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/code/lexed_tokens.h"

namespace agent {

// A token as the chains see it.
struct GramToken {
  uint64_t kind = 0, word = 0;  // hashes; equal for marks and words of the language
  int spaces = 0;               // 0, 1, 2: none, one, more, before it on its line
  friend bool operator==(const GramToken&, const GramToken&) = default;
};

std::vector<GramToken> gram_tokens(std::string_view text, std::span<const LexedToken> tokens);

class TokenNgrams {
 public:
  static constexpr size_t kReach = 4;  // tokens before the one that is foretold

  void add(std::span<const GramToken> tokens);
  // Of tokens[at], after those before it in the span.
  double logprob(std::span<const GramToken> tokens, size_t at) const;
  size_t n_tokens() const { return n_tokens_; }

 private:
  struct Seen {
    uint32_t total = 0, kinds = 0;
  };
  void count(uint64_t context, uint64_t what);
  double interpolate(double shorter, uint64_t context, uint64_t what) const;

  std::unordered_map<uint64_t, Seen> contexts_;
  std::unordered_map<uint64_t, uint32_t> counts_;
  size_t n_tokens_ = 0;
};

}  // namespace agent
