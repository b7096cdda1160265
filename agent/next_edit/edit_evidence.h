// SPDX-License-Identifier: Apache-2.0
// agent/next_edit/edit_evidence.h: what speaks for and against making an edit again at a place, and the probability that follows.
//
// Source   Weights of a logistic regression, first set by hand, then fitted on windows that
// models/eval/repeated_edits.py makes of training
//          packages (docs/next-edit.md).
#pragma once
#include <array>
#include <cstddef>
#include <string_view>

namespace agent {

enum class Sign : size_t {
  kBias,
  // What was changed.
  kRename,     // a name where it is declared: of this scope
  kRenameUse,  // a use of a name that is declared here, into a name that is not there yet
  kCallee,
  kMember,
  kType,
  kKey,
  kVariable,
  kLiteral,
  kString,
  kComment,
  kMark,
  kMany,
  kInsertInList,
  kInsertBetween,
  kWrap,
  kRewrite,
  kWords,        // words in what gave way beyond the first, at most 4
  kLongLiteral,  // a literal that is hardly there by chance
  kFresh,        // a word came that the text had nowhere
  kTextSame,     // the node that was wrapped, to the letter
  kHeadSame,     // a call of the same function was wrapped or rewritten
  kHeadOther,
  // What is the same around.
  kLeft1,
  kLeft2,
  kRight1,
  kRight2,
  kBothSides,  // words on both sides
  kCalleeSame,
  kCalleeOther,
  kArgumentSame,
  kKeySame,
  kKeyOther,
  kChainSame,
  kLineSame,
  kSibling,     // rows of one list
  kSameLength,  // lists with as many elements
  // The examples.
  kTwoExamples,
  kLessAlike,  // than the examples are
  kCount
};
inline constexpr size_t kSigns = static_cast<size_t>(Sign::kCount);

struct Evidence {
  std::array<double, kSigns> values{};
  double& operator[](Sign sign) { return values[static_cast<size_t>(sign)]; }
  double operator[](Sign sign) const { return values[static_cast<size_t>(sign)]; }
  // Of the surroundings alone.
  double likeness() const;
  double probability() const;
};

std::string_view sign_name(Sign sign);

}  // namespace agent
