// SPDX-License-Identifier: Apache-2.0
// agent/next_edit/edit_shape.h: what one edit did, as tokens: the runs that gave way and the runs that came. Used only inside
// agent/.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/code/code_tokens.h"
#include "agent/next_edit/edit_history.h"

namespace agent {

// Tokens `before` of the text before the edit gave way to tokens `after` of the text now; one of them may be empty.
struct Hunk {
  CodeText::Run before, after;
};

enum class ShapeKind {
  kReplace,  // tokens by tokens, or by nothing
  kInsert,   // tokens between two others
  kWrap,     // tokens on both sides of a node
  kRewrite,  // several of these inside one node
};

struct EditShape {
  ShapeKind kind = ShapeKind::kReplace;
  std::shared_ptr<const CodeText> before, after;
  Hunk core;              // kReplace and kInsert: the change; kWrap: the node and what it became; kRewrite: all hunks
  std::string pre, post;  // kWrap: the text in front of the node and behind it
  std::vector<Hunk> hunks;

  std::string_view new_text() const;  // of core.after, with the white space inside
};

// Token runs longer than this are not one small edit.
inline constexpr int kMostEditTokens = 120;

// The shapes of an edit: several where it made the same change at several places. Empty where it is no small edit of
// code: white space alone, whole lines, too many tokens. `before` is `after` with the edit taken back.
std::vector<EditShape> edit_shapes(const RecentEdit& edit, const std::shared_ptr<const CodeText>& before,
                                   const std::shared_ptr<const CodeText>& after);

// Whether both texts' runs are the same tokens.
bool same_tokens(const CodeText& a, CodeText::Run run_a, const CodeText& b, CodeText::Run run_b);

}  // namespace agent
