// SPDX-License-Identifier: Apache-2.0
// engine/constrain/vocabulary.h: a tokenizer's tokens as byte strings, in the order in which masks walk them.
//
// What     Tokens are cut into slices that masks can take as a whole: text without anything that JSON escapes, in ASCII
//          by length, in other whole UTF-8 characters, and the rest by length. Each slice is a flat trie.
// Owns     Its tokens. Constant after make, may be shared between threads.
// Note     A token that ends generation or is no text (special tokens, unused ids, the empty string) is in no slice.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"

namespace engine {

// Text that the tokens of a slice are made of, for the proof that all of them may follow.
enum class SliceText { kPlainAscii, kPlainUtf8, kAny };

struct TrieNode {
  uint8_t byte;
  bool token_ends;      // whether `token` is one
  uint16_t n_children;  // the nodes from `children` on
  uint32_t children;
  Token token;
};

struct Slice {
  SliceText text;
  int max_bytes;                // of its longest token
  uint32_t n_roots;             // nodes of the first byte: the first ones
  std::vector<TrieNode> nodes;  // siblings side by side, by rising byte: who skips the dead ones reads on
  std::vector<uint32_t> mask;   // bit t: token t is in the slice
};

class Vocabulary {
 public:
  // `bytes_of[t]`: what token t writes; empty: it writes no text. `ends`: the tokens that end generation.
  static std::shared_ptr<const Vocabulary> make(std::vector<std::string> bytes_of, std::vector<Token> ends);
  // Asks the engine for each token's bytes; prefer Engine::vocabulary(), which keeps the answer.
  static std::shared_ptr<const Vocabulary> of(const Engine& engine);

  int n_tokens() const { return static_cast<int>(bytes_of_.size()); }
  size_t mask_words() const { return (bytes_of_.size() + 31) / 32; }
  std::string_view bytes_of(Token token) const { return bytes_of_[static_cast<size_t>(token)]; }
  std::span<const Token> ends() const { return ends_; }
  bool is_end(Token token) const;
  std::span<const Slice> slices() const { return slices_; }
  // Tokens with the same bytes as one that a trie holds.
  const std::vector<std::pair<Token, Token>>& twins() const { return twins_; }
  // The longest token, in bytes.
  size_t max_bytes() const { return max_bytes_; }

 private:
  Vocabulary() = default;
  std::vector<std::string> bytes_of_;
  std::vector<Token> ends_;
  std::vector<Slice> slices_;
  std::vector<std::pair<Token, Token>> twins_;  // (in the trie, its twin)
  size_t max_bytes_ = 0;
};

// The byte sets of slices' texts: what JSON strings hold without an escape.
bool is_plain_ascii(unsigned char byte);

}  // namespace engine
