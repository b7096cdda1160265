// SPDX-License-Identifier: Apache-2.0
// engine/constrain/grammar_text.h: GBNF text as a tree (grammar.h says what is taken).
//
// Bounds   1 MiB of text, 50,000 rules, groups nested 200 deep.
// Errors   Throws GrammarProblem; compile_grammar makes an error of it.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/constrain/code_points.h"

namespace engine {

struct GrammarNode {
  enum class Kind { kEmpty, kText, kSet, kRule, kConcat, kAlt, kRepeat };
  Kind kind = Kind::kEmpty;
  std::string text = {};     // kText
  CodePoints set = {};       // kSet
  size_t rule = 0;           // kRule
  std::vector<int> of = {};  // parts; kRepeat: one
  uint32_t min = 0, max = 0;
};
struct GrammarRule {
  std::string name;
  int body = -1;
  int line = 0;  // where it is first named
};

struct Grammar {
  std::vector<GrammarNode> nodes;
  std::vector<GrammarRule> rules;
  std::unordered_map<std::string, size_t> ids;
};

struct GrammarProblem {
  int line;
  std::string what;
};

// Every rule that is named has a body, and one is named root.
Grammar parse_grammar(std::string_view text);

}  // namespace engine
