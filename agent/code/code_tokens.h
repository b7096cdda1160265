// SPDX-License-Identifier: Apache-2.0
// agent/code/code_tokens.h: a text as a row of tokens that know their place in the syntax tree. Used only inside agent/.
//
// Note     Every byte that is no white space belongs to one token. In code a token is a leaf of the tree (`==` is one);
// in strings and
//          comments, whose inside the grammars leave whole, it is a word or one mark.
// Owns     A CodeText owns its nodes, its tokens and a shared copy of the text.
#pragma once
#include <string_view>
#include <vector>

#include "agent/code/syntax_nodes.h"

namespace agent {

enum class Zone { kCode, kString, kComment };

struct CodeToken {
  tools::Range range;
  Zone zone = Zone::kCode;
  bool word = false;  // begins as a name or a number does
  int node = -1;      // the innermost node around it
};

class CodeText {
 public:
  explicit CodeText(const tools::SyntaxTree& tree);

  const std::string& text() const { return nodes.tree().text(); }
  int size() const { return static_cast<int>(tokens.size()); }
  std::string_view token(int i) const {  // empty outside the row
    return i < 0 || i >= size() ? std::string_view() : nodes.text(tokens[static_cast<size_t>(i)].range);
  }
  const CodeToken& at(int i) const { return tokens[static_cast<size_t>(i)]; }
  // The first token that ends after `byte`; size() where none does.
  int token_after(size_t byte) const;
  // Tokens [first, last) that share a byte with the range.
  struct Run {
    int first = 0, last = 0;
  };
  Run tokens_in(tools::Range range) const;
  // White space between token i - 1 and token i, the text's ends included.
  tools::Range gap(int i) const;
  // The innermost node that holds both nodes.
  int common_node(int a, int b) const;
  // The innermost named node around tokens [first, last); with equal ranges the outermost of them.
  int node_of(int first, int last) const;

  const SyntaxNodes nodes;
  std::vector<CodeToken> tokens;
  int depth = 0;  // of the deepest node
};

bool is_word_byte(char c);
// The same words and marks, from a text without a tree.
std::vector<std::string_view> words_and_marks(std::string_view text);

}  // namespace agent
