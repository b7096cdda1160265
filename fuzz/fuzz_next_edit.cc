// SPDX-License-Identifier: Apache-2.0
// Changes of texts in every language, and what is offered after each. Input: a byte for the language, one for the number of changes, three for each change
// (place, bytes that give way, bytes that come from elsewhere in the text), then the text.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "agent/next_edit.h"
#include "base/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kMaxBytes = 6'000;
  if (size < 2 || size > kMaxBytes) return 0;
  const auto language = static_cast<tools::Language>(data[0] % 12);
  const size_t n_changes = data[1] % 6;
  if (size < 2 + 3 * n_changes) return 0;
  std::string text(reinterpret_cast<const char*>(data) + 2 + 3 * n_changes, size - 2 - 3 * n_changes);
  agent::EditHistory history;
  agent::EditHistory::Time now{};
  size_t cursor = 0;
  for (size_t i = 0; i < n_changes; ++i) {
    const uint8_t* change = data + 2 + 3 * i;
    const size_t begin = change[0] * text.size() / 256, end = std::min(text.size(), begin + change[1] % 16);
    const size_t from = change[2] * text.size() / 256;
    const std::string fresh = text.substr(from, change[1] / 16);
    now += std::chrono::seconds(change[2] % 30);
    history.changed(text, begin, end, fresh, now);
    text.replace(begin, end - begin, fresh);
    cursor = begin + fresh.size();
  }
  size_t last_end = 0;
  std::vector<agent::RecentEdit> edits = history.edits();
  for (const auto& edit : edits)
    if (text.compare(edit.begin, edit.new_text.size(), edit.new_text) != 0) std::abort();
  std::sort(edits.begin(), edits.end(), [](const auto& a, const auto& b) { return a.begin < b.begin; });
  for (const auto& edit : edits) {
    if (edit.begin < last_end) std::abort();
    last_end = edit.begin + edit.new_text.size();
  }
  const auto tree = tools::SyntaxTree::parse(language, text);
  if (!tree) return 0;
  for (const double least : {0.0, agent::kSureNextEdit}) {
    auto offers = agent::next_edits({*tree, history.edits(), cursor, least, 50}, {});
    if (!offers) std::abort();
    std::sort(offers->begin(), offers->end(), [](const auto& a, const auto& b) { return a.range.begin < b.range.begin; });
    size_t end = 0;
    for (const agent::NextEdit& offer : *offers) {
      if (offer.range.begin < end || offer.range.end < offer.range.begin || offer.range.end > text.size()) std::abort();
      if (!(offer.probability >= least && offer.probability <= 1)) std::abort();
      if (text.compare(offer.range.begin, offer.range.end - offer.range.begin, offer.new_text) == 0) std::abort();
      end = offer.range.end;
    }
  }
  return 0;
}
