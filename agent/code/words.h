// SPDX-License-Identifier: Apache-2.0
// agent/code/words.h: words in a text, and how much two names are alike.
#pragma once
#include <string_view>

namespace agent {

// Whether `word` stands in `text` with no name character on either side.
bool has_word(std::string_view text, std::string_view word);

// Insertions, deletions, exchanges and swaps of two neighbours that lead from one to the other; at_most + 1 where they are more.
int edit_distance(std::string_view a, std::string_view b, int at_most);

// 0: nothing in common; 1: equal. The better of the longest shared front and back, and the edit distance.
double name_similarity(std::string_view a, std::string_view b);

}  // namespace agent
