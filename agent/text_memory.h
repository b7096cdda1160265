// SPDX-License-Identifier: Apache-2.0
// agent/text_memory.h: what the texts at hand, and a table of what much text says, know of the next token, mixed into a
// model's distribution.
//
// A small model forgets what its window does not hold, and copies badly what it holds. A memory finds the places in the
// given texts where the last tokens stood before, and lets what followed there speak: an expert for each of a few
// lengths of match (expert_mixture.h), whose shares are the counts of the tokens that followed matches at least so
// long.
//
// Threads  add() and clear() are the owner's alone; mix() may run on many threads between them.
// Cost     add: constant a token. mix: at most a few thousand comparisons, and two passes over the vocabulary.
// Source   Cache models (Kuhn, De Mori 1990) mix what was just said; matches of many lengths: PPM (Cleary, Witten
// 1984).
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "agent/expert_mixture.h"
#include "agent/ngram_table.h"
#include "engine/engine.h"

namespace agent {

class TextMemory {
 public:
  TextMemory();
  // A text of its own: no match reaches from one text into another. Later texts count as nearer.
  void add(std::span<const engine::Token> text);
  // Goes on with the latest text; begins the first.
  void extend(std::span<const engine::Token> more);
  void clear();
  // From now on asks `table` too, of the model whose tokens these are; null: none. clear() keeps it.
  void consult(std::shared_ptr<const NgramTable> table) { table_ = std::move(table); }
  size_t n_tokens() const { return tokens_.size(); }

  // `logits`, [n_vocab], of the token after `context`: in, a model's; out, natural logs of the mixture. Unchanged where
  // nothing is known. `context`: its last kLongestMatch tokens are looked at.
  void mix(std::span<const engine::Token> context, std::span<float> logits) const;

  // What the memory knows of the token after `context`, of those in a vocabulary of `n_vocab`.
  struct Knowledge {
    std::vector<Expert> experts;
    size_t longest_match = 0;  // tokens
  };
  Knowledge knowledge(std::span<const engine::Token> context, size_t n_vocab) const;

  static constexpr size_t kLongestMatch = 16;

 private:
  // Positions that follow the same few tokens, the latest first: a chain through `before` from `last`.
  struct Chains {
    size_t n_key = 1;           // tokens
    std::vector<int32_t> last;  // by hash; -1: none
    std::vector<int32_t> before;
  };
  struct Follower {
    engine::Token token;
    uint32_t n_matched;
  };

  void link(Chains& chains, size_t position);
  std::vector<Follower> followers(std::span<const engine::Token> context) const;
  void ask_table(std::span<const engine::Token> context, size_t n_vocab, std::vector<Expert>& experts) const;

  std::vector<engine::Token> tokens_;  // of all texts, kEdge before each
  std::array<Chains, 3> chains_;       // by falling n_key
  std::shared_ptr<const NgramTable> table_;
};

}  // namespace agent
