// SPDX-License-Identifier: Apache-2.0
// agent/next_edit/edit_history.h: the last small edits of one text, put together from its changes as an editor reports them.
//
// Note     Typing comes as single letters. Changes that touch, and changes of one line with no long pause between them,
// are one edit. Code of several lines is one edit
//          while it is written; a change inside it is the next one. An edit
//          that leads back to what was there is none.
// Units    Bytes; the time is the caller's clock.
// Bounds   kMostEdits edits; one that grew over kMostEditBytes, and what a whole new text made, is forgotten.
// Threads  None: for one thread at a time.
#pragma once
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace agent {

// `new_text` stands at `begin` of the text now, where `old_text` stood before.
struct RecentEdit {
  size_t begin = 0;
  std::string old_text, new_text;
};

class EditHistory {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr size_t kMostEdits = 8, kMostEditBytes = 2000;
  static constexpr std::chrono::seconds kPause{10};

  // Bytes [begin, old_end) of `before` became `inserted`.
  void changed(std::string_view before, size_t begin, size_t old_end, std::string_view inserted, Time now);
  // The whole text was replaced.
  void clear() { edits_.clear(); }

  std::vector<RecentEdit> edits() const;  // the newest last; ranges are disjoint
  Time last_change() const { return last_change_; }

 private:
  struct Entry {
    RecentEdit edit;
    Time last{};
  };
  std::vector<Entry> edits_;
  Time last_change_{};
};

}  // namespace agent
