// SPDX-License-Identifier: Apache-2.0
// agent/fix/literal_evidence.h: what failed comparisons say of literals, and the rewriting of one. Used only inside
// agent/fix.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/check/compared_values.h"
#include "agent/fix/text_difference.h"
#include "tools/syntax.h"

namespace agent {

// A number that came out and the one that was wanted in its place, as printed.
struct NumberPair {
  std::string actual, expected;
};

// With the trust in each, of 1: what may be meant either way is read both ways.
struct LiteralEvidence {
  std::vector<std::pair<TextDifference, double>> texts;
  std::vector<std::pair<NumberPair, double>> numbers;  // printed differently, of values that are alike but for numbers

  explicit LiteralEvidence(const std::vector<ComparedValues>& compared);
};

// A text in quotes as source.
struct TextLiteral {
  std::string_view text;                // with prefix and quotes
  tools::Range content;                 // between the quotes; offsets in `text`
  std::vector<tools::Range> filled_in;  // expressions in it, with their marks
};

using Rewrites = std::map<std::string, double>;  // other sources of a literal, and what speaks for them

// The parts of a text that the values show become what was wanted in their place.
void rewrite_text(const TextLiteral& literal, const LiteralEvidence& evidence, Rewrites& found);
// Its placeholders print numbers with as many digits as were wanted.
void rewrite_format(const TextLiteral& literal, const LiteralEvidence& evidence, Rewrites& found);
void rewrite_number(std::string_view text, const LiteralEvidence& evidence, Rewrites& found);

// The end of the placeholder or escape that begins at `at`; `at` where none does.
size_t end_of_placeholder(std::string_view text, size_t at, size_t end);

}  // namespace agent
