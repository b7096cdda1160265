// SPDX-License-Identifier: Apache-2.0
// agent/memory/text_memory.h: what the texts at hand, and a table of what much text says, know of the next token, mixed into a
// model's distribution.
//
// A small model forgets what its window does not hold, and copies badly what it holds. A memory finds the places in the
// given texts where the last tokens stood before, and lets what followed there speak: an expert for each of a few
// lengths of match (expert_mixture.h), whose shares are the counts of the tokens that followed matches at least so
// long. A few more know other contexts than a match: the last tokens in any order, the line.
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

#include "agent/memory/expert_mixture.h"
#include "agent/memory/ngram_table.h"
#include "engine/engine.h"

namespace agent {

// Of each token of a vocabulary, whether it holds the end of a line.
using LineBreaks = std::shared_ptr<const std::vector<bool>>;
LineBreaks line_breaks_of(const engine::Engine& model);

// Where in its line a token stands, as far as a text tells.
struct LineState {
  static constexpr engine::Token kEdge = -1, kNone = -2;

  engine::Token ended_by = kEdge;  // the token that ended the line before; kEdge in a text's first line
  engine::Token first = kNone;     // of its line; kNone at the line's start
  engine::Token before = kNone;    // the first token of the line before
  void pass(engine::Token token, bool breaks);
};

class TextMemory {
 public:
  // `breaks`: of the model whose tokens these are; null: none does.
  explicit TextMemory(LineBreaks breaks = nullptr);
  // A text of its own: no match reaches from one text into another. Later texts count as nearer.
  void add(std::span<const engine::Token> text);
  // Goes on with the latest text; begins the first.
  void extend(std::span<const engine::Token> more);
  void clear();
  // From now on asks `table` too, of the model whose tokens these are; null: none. clear() keeps it.
  void consult(std::shared_ptr<const NgramTable> table) { table_ = std::move(table); }
  size_t n_tokens() const { return tokens_.size(); }

  // `logits`, [n_vocab], of the token after `context`: in, a model's; out, natural logs of the mixture. Unchanged where
  // nothing is known. `context`: its last kContext tokens are looked at.
  void mix(std::span<const engine::Token> context, std::span<float> logits) const;

  // What the memory knows of the token after `context`, of those in a vocabulary of `n_vocab`.
  struct Knowledge {
    std::vector<Expert> experts;
    size_t longest_match = 0;  // tokens
  };
  Knowledge knowledge(std::span<const engine::Token> context, size_t n_vocab) const;

  static constexpr size_t kLongestMatch = 16, kContext = 256;

 private:
  // By what is told apart: the last tokens, by falling number, and the contexts of expert_mixture.h's PlaceExperts.
  enum Way : size_t { kMatch6, kMatch3, kMatch1, kWayInLine, kWayBehind, kWaySkipped, kWays };
  // Positions of the same key, the latest first: a chain through `before` from `last`.
  struct Chains {
    std::vector<int32_t> last;  // by hash; -1: none
    std::vector<int32_t> before;
  };
  struct Follower {
    engine::Token token;
    uint32_t n_matched;
    size_t position;
  };
  // What a place is found by: the first `n` of the values.
  struct Key {
    std::array<engine::Token, 6> values{};
    size_t n = 0;  // 0: this place is not found that way
    bool operator==(const Key&) const = default;
    uint32_t hash() const;
  };

  bool breaks(engine::Token token) const;
  static Key key_of(Way way, std::span<const engine::Token> before, const LineState& line);
  Key key_at(Way way, size_t position) const;
  void link(Way way);
  void count_recent(size_t position);
  template <typename Visit>
  void visit(Way way, const Key& key, Visit visit) const;
  std::vector<Follower> followers(std::span<const engine::Token> context) const;
  void ask_matches(std::span<const Follower> found, std::vector<Expert>& experts) const;
  void ask_table(std::span<const engine::Token> context, size_t n_vocab, std::vector<Expert>& experts) const;
  void ask_places(std::span<const engine::Token> context, size_t n_vocab, std::span<const Follower> found,
                  std::vector<Expert>& experts) const;

  LineBreaks breaks_;
  std::vector<engine::Token> tokens_;  // of all texts, kEdge before each
  std::vector<LineState> lines_;       // before each of them
  LineState end_;                      // behind the last
  std::vector<uint32_t> recent_;       // by token: how often among the last of them
  std::array<Chains, kWays> chains_;
  std::shared_ptr<const NgramTable> table_;
};

}  // namespace agent
