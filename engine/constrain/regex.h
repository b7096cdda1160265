// SPDX-License-Identifier: Apache-2.0
// engine/constrain/regex.h: regular expressions as ECMA-262 writes them, which is what JSON Schema's `pattern` holds.
//
// Takes    Alternation, groups (capturing, (?:...), named), * + ? {m,n} (lazy ones mean the same set), classes, . \d \w
//          \s and their opposites, \p{L} \p{Ll} \p{M} \p{N} \p{P} \p{S}, escapes \xhh \uhhhh \u{h...} \cX, ^ and $, and
//          lookahead outside of repeats. Characters are Unicode; . is any but a line end; \d and \w are ASCII.
// Refuses  Back references, lookbehind, \b, flags, other \p: kInvalidArgument with the offset.
// Bounds   64 kB of pattern, groups nested 200 deep.
// Source   ECMA-262, "RegExp (Regular Expression) Objects", with the u flag, and what Annex B adds for literal braces.
#pragma once
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/constrain/code_points.h"

namespace engine {

struct RegexNode {
  enum class Kind { kEmpty, kSet, kConcat, kAlt, kRepeat, kBegin, kEnd, kLookahead };
  Kind kind = Kind::kEmpty;
  CodePoints set = {};        // kSet
  std::vector<int> of = {};   // kConcat, kAlt: parts; kRepeat, kLookahead: one
  uint32_t min = 0, max = 0;  // kRepeat
  bool negative = false;      // kLookahead
  bool asserts = false;       // whether ^, $ or a lookahead is in it
};
struct Regex {
  std::vector<RegexNode> nodes;
  int root = 0;
};

base::Result<Regex> parse_regex(std::string_view pattern);

// kWhole: the texts that the pattern matches from end to end. kSearch: the texts in which it matches somewhere.
enum class RegexMatch { kWhole, kSearch };
base::Result<ExprId> compile_regex(ExprStore& store, std::string_view pattern, RegexMatch match, Spelling spelling);

}  // namespace engine
