// SPDX-License-Identifier: Apache-2.0
#include "agent/code/words.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <vector>

namespace agent {

int edit_distance(std::string_view a, std::string_view b, int at_most) {
  const int n = static_cast<int>(a.size()), m = static_cast<int>(b.size());
  if (std::abs(n - m) > at_most) return at_most + 1;
  std::vector<int> before2(static_cast<size_t>(m) + 1), before(before2), now(before2);
  for (int j = 0; j <= m; ++j) before[static_cast<size_t>(j)] = j;
  for (int i = 1; i <= n; ++i) {
    now[0] = i;
    for (int j = 1; j <= m; ++j) {
      const auto at = static_cast<size_t>(j);
      const char x = a[static_cast<size_t>(i - 1)], y = b[static_cast<size_t>(j - 1)];
      now[at] = std::min({before[at] + 1, now[at - 1] + 1, before[at - 1] + (x == y ? 0 : 1)});
      // Two neighbours exchanged count once: the commonest slip of the hand.
      if (i > 1 && j > 1 && x == b[static_cast<size_t>(j - 2)] && y == a[static_cast<size_t>(i - 2)])
        now[at] = std::min(now[at], before2[at - 2] + 1);
    }
    before2 = before;
    before = now;
  }
  return std::min(before[static_cast<size_t>(m)], at_most + 1);
}

bool has_word(std::string_view text, std::string_view word) {
  auto is_name = [](char ch) { return std::isalnum(static_cast<unsigned char>(ch)) != 0 || ch == '_'; };
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const bool starts = at == 0 || !is_name(text[at - 1]);
    const bool ends = at + word.size() >= text.size() || !is_name(text[at + word.size()]);
    if (starts && ends) return true;
  }
  return false;
}

double name_similarity(std::string_view a, std::string_view b) {
  if (a == b) return 1;
  const double longer = static_cast<double>(std::max(a.size(), b.size()));
  if (longer == 0) return 0;
  if (a.size() <= 2 && b.size() <= 2) return 0.7;  // i and j, x and y, lo and hi
  size_t front = 0;
  while (front < std::min(a.size(), b.size()) && a[front] == b[front]) ++front;
  size_t back = 0;
  while (back < std::min(a.size(), b.size()) - front && a[a.size() - 1 - back] == b[b.size() - 1 - back]) ++back;
  const double shared = static_cast<double>(front + back) / longer;
  const double edited = 1 - static_cast<double>(edit_distance(a, b, static_cast<int>(longer))) / longer;
  return std::max(shared, edited);
}

}  // namespace agent
