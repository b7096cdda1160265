// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/text_difference.h"

#include <algorithm>

#include "agent/code/lexed_tokens.h"

namespace agent {
namespace {

// Words and numbers whole, every other byte alone.
std::vector<std::string_view> words_and_marks(std::string_view text) {
  std::vector<std::string_view> found;
  for (size_t at = 0; at < text.size();) {
    size_t end = at + 1;
    if (is_name_byte(text[at]))
      while (end < text.size() && is_name_byte(text[end])) ++end;
    found.push_back(text.substr(at, end - at));
    at = end;
  }
  return found;
}

}  // namespace

TextDifference::TextDifference(std::string before, std::string after)
    : before_(std::move(before)), after_(std::move(after)) {
  const auto put = [&](Change change) {
    while (change.begin < change.end && change.begin_after < change.end_after &&
           before_[change.begin] == after_[change.begin_after])
      ++change.begin, ++change.begin_after;
    while (change.begin < change.end && change.begin_after < change.end_after &&
           before_[change.end - 1] == after_[change.end_after - 1])
      --change.end, --change.end_after;
    if (change.begin < change.end || change.begin_after < change.end_after) changes_.push_back(change);
  };
  const std::vector<std::string_view> a = words_and_marks(before_), b = words_and_marks(after_);
  if (a.size() > kMaxTokens || b.size() > kMaxTokens) {
    put({0, before_.size(), 0, after_.size()});
    return;
  }
  // shared[i][j]: bytes of the longest common subsequence of a from i on and b from j on.
  std::vector<std::vector<size_t>> shared(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = a.size(); i-- > 0;)
    for (size_t j = b.size(); j-- > 0;)
      shared[i][j] =
          std::max({a[i] == b[j] ? shared[i + 1][j + 1] + a[i].size() : 0, shared[i + 1][j], shared[i][j + 1]});
  Change open{0, 0, 0, 0};
  size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    if (i < a.size() && j < b.size() && a[i] == b[j] && shared[i][j] == shared[i + 1][j + 1] + a[i].size()) {
      put(open);
      open = {open.end + a[i].size(), open.end + a[i].size(), open.end_after + b[j].size(),
              open.end_after + b[j].size()};
      ++i, ++j;
    } else if (j >= b.size() || (i < a.size() && shared[i + 1][j] >= shared[i][j + 1])) {
      open.end += a[i++].size();
    } else {
      open.end_after += b[j++].size();
    }
  }
  put(open);
}

std::optional<std::string> TextDifference::became(size_t begin, size_t end) const {
  // Positions move by what the changes before them put in and took away.
  std::optional<size_t> first, last;
  size_t behind = 0, behind_after = 0;  // the end of the change before
  bool changed = false;
  const auto place = [&](size_t at) { return behind_after + (at - behind); };
  for (const Change& change : changes_) {
    if (change.end < begin || (change.end == begin && change.begin < begin)) {
      behind = change.end;
      behind_after = change.end_after;
      continue;
    }
    if (change.begin > end || (change.begin == end && change.end > end)) break;
    if (change.begin < begin || change.end > end) return std::nullopt;
    if (!first) first = place(begin);
    changed = true;
    behind = change.end;
    behind_after = change.end_after;
  }
  if (!changed) return std::nullopt;
  last = place(end);
  return after_.substr(*first, *last - *first);
}

}  // namespace agent
