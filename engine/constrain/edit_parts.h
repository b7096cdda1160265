// SPDX-License-Identifier: Apache-2.0
// engine/constrain/edit_parts.h: what the grammars of both edit formats are made of; private to engine/constrain.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/constrain/expression.h"

namespace engine {

struct GrammarFile {
  std::string path, hash;
  std::string text;                     // each line ends in "\n", the last one too
  std::vector<std::string_view> lines;  // of `text`, without "\n"
};

// Which files an edit has named already, as small numbers; 0: none.
class NamedFiles {
 public:
  explicit NamedFiles(size_t n_files) : sets_{std::vector<bool>(n_files, false)} { ids_[sets_[0]] = 0; }
  bool has(uint32_t set, size_t file) const { return sets_[set][file]; }
  uint32_t with(uint32_t set, size_t file);

 private:
  std::vector<std::vector<bool>> sets_;
  std::map<std::vector<bool>, uint32_t> ids_;
};

// A line that an edit may add, its "\n" included: characters of UTF-8 but for control characters other than tabs and form feeds.
// `not_this`: lines that it must not be; kNothing: any may.
ExprId new_line(ExprStore& store, ExprId not_this);

// One of the fronts, each with what follows it; kNothing of none.
ExprId one_of(ExprStore& store, const std::vector<std::pair<std::string, ExprId>>& fronts);

// Lines that `a` has, but for the one text `not_this`.
ExprId other_than(ExprStore& store, ExprId a, std::string_view not_this);

ExprId search_replace_edits(ExprStore& store, std::vector<GrammarFile> files, uint32_t max_lines);
ExprId line_op_edits(ExprStore& store, std::vector<GrammarFile> files, uint32_t max_lines);

}  // namespace engine
