// SPDX-License-Identifier: Apache-2.0
#include "agent/next_edit/edit_history.h"

#include <algorithm>

namespace agent {
namespace {

bool on_one_line(std::string_view text, size_t from, size_t to) {
  return text.substr(from, to - from).find('\n') == std::string_view::npos;
}

bool inside_character(std::string_view text, size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80;
}

// A change as it is told may hold more than differs: a whole line for one sign. Whole characters only.
void narrow(std::string_view before, size_t& begin, size_t& old_end, std::string_view& inserted) {
  const std::string_view old = before.substr(begin, old_end - begin);
  const size_t shorter = std::min(old.size(), inserted.size());
  size_t front = 0, back = 0;
  while (front < shorter && old[front] == inserted[front]) ++front;
  while (front > 0 && (inside_character(old, front) || inside_character(inserted, front))) --front;
  while (back < shorter - front && old[old.size() - 1 - back] == inserted[inserted.size() - 1 - back]) ++back;
  while (back > 0 && (inside_character(old, old.size() - back) || inside_character(inserted, inserted.size() - back))) --back;
  begin += front;
  old_end -= back;
  inserted = inserted.substr(front, inserted.size() - front - back);
}

size_t end_of(const RecentEdit& edit) {
  return edit.begin + edit.new_text.size();
}

}  // namespace

void EditHistory::changed(std::string_view before, size_t begin, size_t old_end, std::string_view inserted, Time now) {
  if (begin > old_end || old_end > before.size()) return clear();
  if (before.substr(begin, old_end - begin) == inserted) return;
  narrow(before, begin, old_end, inserted);
  last_change_ = now;
  // Code of several lines that was written is the text from now on, once something is changed inside it.
  std::erase_if(edits_, [&](const Entry& entry) {
    return entry.edit.new_text.find('\n') != std::string::npos && begin < end_of(entry.edit) &&
           old_end > entry.edit.begin;
  });
  // In `before`: what the change and the edits that it goes on with take up together. Each edit taken in may bring
  // others.
  size_t from = begin, to = old_end;
  std::vector<Entry> taken, kept = std::move(edits_);
  edits_.clear();
  if (!kept.empty() && now - kept.back().last <= kPause) {
    const size_t a = std::min(from, kept.back().edit.begin), b = std::max(to, end_of(kept.back().edit));
    if (on_one_line(before, a, b)) from = a, to = b;
  }
  for (bool grew = true; grew;) {
    grew = false;
    for (size_t i = 0; i < kept.size(); ++i) {
      if (kept[i].edit.begin > to || end_of(kept[i].edit) < from) continue;
      from = std::min(from, kept[i].edit.begin);
      to = std::max(to, end_of(kept[i].edit));
      taken.push_back(std::move(kept[i]));
      kept.erase(kept.begin() + static_cast<ptrdiff_t>(i));
      grew = true;
      break;
    }
  }
  std::sort(taken.begin(), taken.end(), [](const Entry& a, const Entry& b) { return a.edit.begin < b.edit.begin; });
  Entry fresh{{from, "", ""}, now};
  size_t at = from;
  for (const Entry& entry : taken) {
    fresh.edit.old_text.append(before.substr(at, entry.edit.begin - at)).append(entry.edit.old_text);
    at = end_of(entry.edit);
  }
  fresh.edit.old_text.append(before.substr(at, to - at));
  fresh.edit.new_text.append(before.substr(from, begin - from)).append(inserted);
  fresh.edit.new_text.append(before.substr(old_end, to - old_end));

  for (Entry& entry : kept)
    if (entry.edit.begin >= old_end) entry.edit.begin = entry.edit.begin - old_end + begin + inserted.size();
  edits_ = std::move(kept);
  const bool undone = fresh.edit.old_text == fresh.edit.new_text;
  const bool too_large = fresh.edit.old_text.size() > kMostEditBytes || fresh.edit.new_text.size() > kMostEditBytes;
  if (!undone && !too_large) edits_.push_back(std::move(fresh));
  if (edits_.size() > kMostEdits) edits_.erase(edits_.begin());
}

std::vector<RecentEdit> EditHistory::edits() const {
  std::vector<RecentEdit> edits;
  for (const Entry& entry : edits_) edits.push_back(entry.edit);
  return edits;
}

}  // namespace agent
