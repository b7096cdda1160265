// SPDX-License-Identifier: Apache-2.0
// agent/complete/completion_text.h: the text around a completion: what the model sees of the file, where a completion ends, and
// what is taken off it so that it fits between prefix and suffix. Pure steps, no model.
//
// Units    Bytes. Prefix and suffix are the texts before and after the cursor, from the start and to the end of the
// file.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace agent {

struct ContextWindow {
  std::string_view prefix, suffix;
};
// The nearest part of both within the budgets, on whole lines where lines are short. While the user types, the front of
// the prefix stays where it is for a quarter of the budget before it moves: a kept-warm session then has only the new
// text to read.
ContextWindow context_window(std::string_view prefix, std::string_view suffix, size_t prefix_bytes,
                             size_t suffix_bytes);

// Bytes of the cursor's line behind it where they are closing signs and blanks alone, as an editor puts them there while a
// person types: a line that is written on can hold them itself, and fit_between() takes them off. Nothing where code follows.
std::optional<size_t> closing_rest(std::string_view suffix);

// Where `text` leaves the block that the cursor stands in (by indentation); its size where it does not.
size_t block_end(std::string_view prefix, std::string_view text);

// `text` so that it fits: the suffix's own beginning, brackets that the rest of the
// line closes, lines that follow anyway, and blanks at the end are taken off. Empty where nothing of worth is left:
// white space, a neighbouring line, the same few characters again and again.
std::string fit_between(std::string_view prefix, std::string text, std::string_view suffix);

// `text` with the closers of the brackets that it opens, or a body for a Python-like colon: what the user will type
// after it.
std::string with_expected_end(std::string_view prefix, std::string_view text);

}  // namespace agent
