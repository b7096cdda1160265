// SPDX-License-Identifier: Apache-2.0
// agent/code/language_traits.h: what the search driver must know of a language, as data: node types of the Tree-sitter
// grammars (pinned in cmake/grammars) and the words of the language.
#pragma once
#include <string_view>
#include <vector>

#include "tools/syntax.h"

namespace agent {

using Words = std::vector<std::string_view>;

struct LanguageTraits {
  // Node types.
  Words functions, classes, blocks, loops, conditionals;
  Words statements;        // simple statements: one line of work
  Words binaries;          // nodes with an operator between two operands
  Words calls, arguments;  // a call, and the list in its parentheses
  Words members;           // receiver and member: a.b, a->b, a::b
  Words subscripts;
  Words integers, strings;
  Words characters;  // a type of its own; empty where a character is a short string
  Words parameters;  // parameter lists
  Words imports;     // import, include, use
  // Words and marks.
  std::string_view not_prefix, and_word, or_word, true_word, false_word, null_word;
  std::string_view statement_end;  // ";" or nothing
  std::string_view comment;        // to the end of the line
  bool braces = true;              // blocks in braces; else by indentation
};

// nullptr for languages without code to mutate (JSON, Bash).
const LanguageTraits* language_traits(tools::Language language);

}  // namespace agent
