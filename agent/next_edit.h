// SPDX-License-Identifier: Apache-2.0
// agent/next_edit.h: after a small edit or two, the places where the same is likely to be done next, or nothing.
//
// What     The newest edit is read as tokens in its syntax: tokens for others, tokens put between others, a node
//          wrapped, a node rewritten. Earlier edits that did the same are further examples. Where what gave way
//          stands again, unchanged and in like surroundings, the edit is offered; what would bring a syntax error is
//          not. See docs/next-edit.md.
// Silence  is the default: new code, an edit that is under way (a fault in the syntax), one that was undone, one
//          without a like place.
// Threads  Any.
// Cost     A parse of what each edit changed, and a walk through the file.
// Errors   kCancelled on a stop request.
#pragma once
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "agent/next_edit/edit_history.h"
#include "base/result.h"
#include "tools/syntax.h"

namespace agent {

// Measured on windows of training packages (docs/next-edit.md): above it, one offer in twenty or fewer is wrong.
inline constexpr double kSureNextEdit = 0.5;
// A longer text gets no offers: the walk should not be felt.
inline constexpr size_t kMostNextEditBytes = 512u << 10;

struct NextEditRequest {
  tools::SyntaxTree tree;         // of the text now
  std::vector<RecentEdit> edits;  // the newest last, disjoint, as EditHistory gives them
  size_t cursor = 0;              // offers behind it come first
  double min_probability = kSureNextEdit;
  size_t most = 200;
};

struct NextEdit {
  tools::Range range;  // of the text now
  std::string new_text;
  double probability = 0;
  std::string why;                                       // for a person: "`get` became `fetch`"
  std::vector<std::pair<std::string, double>> evidence;  // signs that are not zero, by name
};

// Of one kind of change, not overlapping: all of them together make a valid edit. The next one to go to comes first;
// places that are clearly less sure come after the others.
base::Result<std::vector<NextEdit>> next_edits(const NextEditRequest& request, std::stop_token stop);

}  // namespace agent
