// SPDX-License-Identifier: Apache-2.0
// engine/constrain/code_points.h: sets of Unicode characters, and how they are written in bytes.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/constrain/expression.h"

namespace engine {

// Scalar values alone: surrogates are never members.
class CodePoints {
 public:
  using Range = std::pair<uint32_t, uint32_t>;  // both ends are in it
  CodePoints() = default;
  CodePoints(std::initializer_list<Range> ranges) {
    for (const Range& range : ranges) add(range.first, range.second);
  }
  static CodePoints all() { return {{0, 0x10ffff}}; }

  void add(uint32_t first, uint32_t last);
  void add(const CodePoints& other);
  CodePoints complement() const;
  bool contains(uint32_t code_point) const;
  bool empty() const { return ranges_.empty(); }
  // In order, apart from each other.
  const std::vector<Range>& ranges() const { return ranges_; }

 private:
  std::vector<Range> ranges_;
};

// How characters are written. kJson: as inside a JSON string, each in one way: as itself where JSON allows that, else
// by its short escape (\" \\ \b \f \n \r \t), else as \u00xx in lower case.
enum class Spelling { kUtf8, kJson };

// One character of `set`.
ExprId one_character(ExprStore& store, const CodePoints& set, Spelling spelling);
// `text`, which is UTF-8; bytes that are not become U+FFFD in kJson and stay in kUtf8.
std::string spelled(std::string_view text, Spelling spelling);

}  // namespace engine
