// SPDX-License-Identifier: Apache-2.0
// agent/fix/text_difference.h: what became of the parts of one text in another.
//
// Units    Byte offsets.
// Source   The longest common subsequence of words and marks (dynamic programming); what differs is then cut at shared
//          bytes on both ends.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agent {

class TextDifference {
 public:
  struct Change {
    size_t begin, end;              // of the old text
    size_t begin_after, end_after;  // of the new one
  };

  // Texts of more than kMaxTokens words and marks are taken to differ as a whole.
  static constexpr size_t kMaxTokens = 300;

  TextDifference(std::string before, std::string after);

  const std::string& before() const { return before_; }
  const std::string& after() const { return after_; }
  const std::vector<Change>& changes() const { return changes_; }  // by position, apart from one another

  // What the part [begin, end) of the old text became; nothing where it stays as it was or one of its ends lies inside of a
  // change. What was put in at one of its ends belongs to it.
  std::optional<std::string> became(size_t begin, size_t end) const;

 private:
  std::string before_, after_;
  std::vector<Change> changes_;
};

}  // namespace agent
