// SPDX-License-Identifier: Apache-2.0
// engine/constrain/mask.h: which tokens may follow a state.
//
// How      A token may follow where its bytes lead to a state that is not dead. Tries are walked in preorder, dead
//          branches skipped. What makes it fast:
//          whole slices     where all text of a slice may follow (inside a string), its mask is taken without a walk
//          split items      what an expression allows does not depend on the stack below it, except for tokens that
//                           read past its end: the first part is kept by expression, the rest is a short list of
//                           tries' nodes
//          kept masks       by state, within a fixed memory
// Threads  One at a time.
// Errors   LimitExceeded (expression.h).
// Source   The ideas of context-independent tokens (Dong et al., XGrammar, arXiv:2411.15100, section 3.1) and of slices
//          (llguidance), over derivatives.
#pragma once
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/constrain/automaton.h"
#include "engine/constrain/vocabulary.h"

namespace engine {

class MaskMaker {
 public:
  MaskMaker(ExprStore& store, Automaton& automaton, std::shared_ptr<const Vocabulary> vocabulary);
  // bits: [vocabulary.mask_words()], overwritten.
  void mask(StateId state, std::span<uint32_t> bits);
  const Vocabulary& vocabulary() const { return *vocabulary_; }

 private:
  using Bits = std::vector<uint32_t>;
  struct Node {
    uint32_t slice, node;
  };
  // Siblings in a trie, and the state that their bytes are read in.
  struct Block {
    uint32_t begin, size;
    StateId state;
  };
  // What an expression allows whatever stands below it, and where tokens go on past its end.
  struct Split {
    Bits bits;
    std::vector<Node> past_end;
    bool worth_it = true;
  };

  void add_item(const Item& item, std::span<uint32_t> bits);
  void add_part(const Item& item, uint32_t slices, std::span<uint32_t> bits);
  const Split& split_of(ExprId expr, uint32_t slices);
  const Bits& whole_of(StateId state, uint32_t slices);
  void walk_slices(StateId state, uint32_t slices, Bits& bits, Split* split);
  void walk(Block first, const std::vector<TrieNode>& nodes, std::span<uint32_t> bits, std::vector<Node>* past_end,
            uint32_t slice);
  bool takes_all(StateId state, const Slice& slice, bool without_end);
  int plain_bytes(StateId state, SliceText text, bool without_end);
  int search_plain_bytes(StateId state, SliceText text, bool without_end);
  void make_room();

  ExprStore& store_;
  Automaton& automaton_;
  std::shared_ptr<const Vocabulary> vocabulary_;
  std::unordered_map<StateId, Bits> masks_;
  // By state or expression, and the set of slices that are looked at (bit i: slice i).
  std::unordered_map<uint64_t, Bits> wholes_;
  std::unordered_map<uint64_t, Split> splits_;
  std::unordered_map<uint64_t, int> plain_bytes_;
  int max_plain_bytes_[2] = {0, 0};  // of tokens, by SliceText
  std::vector<Block> blocks_;        // of a walk, still to be done
};

}  // namespace engine
