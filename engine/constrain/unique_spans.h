// SPDX-License-Identifier: Apache-2.0
// engine/constrain/unique_spans.h: the spans of whole lines that occur once in a text: what an edit may name as its
// place.
//
// What     A span is some lines that follow each other, joined by "\n", without the line break after the last; it is
//          not empty. It
//          counts once for each line at which it starts as whole lines.
// How      Starts are sorted by what follows them (a suffix array over lines); a state is a range of starts that agree
//          in what was read. A start is of use as long as it has a span within the limit that no other start shares.
// Cost     O(n log^2 n) in the lines to build; a step is a binary search for each byte that may follow.
// Source   Manber and Myers, Suffix Arrays, 1990; Kasai et al., Linear-Time Longest-Common-Prefix Computation, 2001.
#pragma once
#include <cstdint>
#include <functional>
#include <string_view>

#include "engine/constrain/expression.h"

namespace engine {

// What follows a span that is lines [first, first + n), counted from 0; `tag` is what from() was asked with. Begins with a byte.
using AfterSpan = std::function<ExprId(uint32_t first, uint32_t n, uint32_t tag)>;

class UniqueSpans {
 public:
  // `text` is copied; `store` keeps `after` and all else.
  UniqueSpans(ExprStore& store, std::string_view text, uint32_t max_lines, AfterSpan after);
  // The spans that begin at line `first_line` or later, and occur once in the whole text. kNothing where there is none. O(n) in the
  // lines for each new `first_line` beyond 0.
  ExprId from(uint32_t first_line, uint32_t tag);

 private:
  class Family;
  ExprStore& store_;
  Family* family_;
};

// The spans themselves, with nothing after them. kNothing where no span of at most `max_lines` lines occurs once.
ExprId unique_spans(ExprStore& store, std::string_view text, uint32_t max_lines);

}  // namespace engine
