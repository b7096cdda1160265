// SPDX-License-Identifier: Apache-2.0
// engine/tokenizer/bpe.h: byte-pair merging of one piece.
//
// Rule     Repeatedly merge the adjacent pair with the lowest rank, the leftmost of equals, until no pair has a rank.
// Cost     O(n log n) in the piece's length.
// Source   Sennrich et al., arXiv:1508.07909, with ranks as in GPT-2.
#pragma once
#include <cstdint>
#include <vector>

#include "engine/engine.h"

namespace engine {

struct Merge {
  Token left, right, result;
};

class MergeTable {
 public:
  // Rank is the index; of two rules for one pair the later one holds, as in Hugging Face tokenizers.
  explicit MergeTable(const std::vector<Merge>& merges);
  MergeTable() : MergeTable(std::vector<Merge>{}) {}

  struct Rule {
    int32_t rank;  // -1: the pair does not merge
    Token result;
  };
  Rule find(Token left, Token right) const;

 private:
  struct Slot {
    uint64_t pair = kEmpty;
    Rule rule{-1, 0};
  };
  static constexpr uint64_t kEmpty = UINT64_MAX;
  size_t first_slot(uint64_t pair) const;

  std::vector<Slot> slots_;  // open addressing; a power of two, at most half full
};

// Merges `symbols` in place.
void merge_pairs(const MergeTable& table, std::vector<Token>& symbols);

}  // namespace engine
