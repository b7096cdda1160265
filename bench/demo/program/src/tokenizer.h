// SPDX-License-Identifier: Apache-2.0
// Splits one line of a journal into words.
//
// Words are separated by spaces and tabs. A '#' at the start of a word begins a comment. Double
// quotes hold a word with spaces together; inside them, a backslash keeps the next character.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace larder {

struct Token {
  std::string text;
  std::size_t column = 1;  // of its first character in the line, counted in bytes from 1
  bool quoted = false;
};

struct TokenizedLine {
  std::vector<Token> tokens;
  std::string error;  // empty when the line could be read
};

TokenizedLine tokenize(std::string_view line);

// The text as tokenize() reads it back: quoted only where it has to be.
std::string quote(std::string_view text);

}  // namespace larder
