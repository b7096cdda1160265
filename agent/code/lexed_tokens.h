// SPDX-License-Identifier: Apache-2.0
// agent/code/lexed_tokens.h: a text as the tokens of its language, also where it does not parse.
//
// One lexer for all languages, driven by a few facts of each. What is not closed where it must be (a string at the end
// of its line, a comment at the end of the text) gives its opening mark alone, and reading goes on behind it: the rest
// of the text keeps its tokens.
//
// Units    Byte offsets.
// Cost     Linear in the text, but for marks that open what nobody closes: those look ahead once for each kind.
// Errors   None: any bytes are some tokens.
#pragma once
#include <span>
#include <string_view>
#include <vector>

#include "tools/syntax.h"

namespace agent {

enum class LexedKind {
  kName,
  kKeyword,
  kNumber,
  kString,
  kMark,     // an operator, a bracket, a separator
  kQuote,    // of a string that is not closed
  kLineEnd,  // between two lines that hold tokens; empty, at the end of the first one's last token
};

struct LexedToken {
  LexedKind kind = LexedKind::kMark;
  tools::Range range;
  int indent_step = 0;  // of kLineEnd: -1, 0 or 1, the next line's indentation against this one's
};

// The tokens of `text` from `begin` on, where nothing may be open; comments are left out. Ends at the first line end at
// or behind `end`.
std::vector<LexedToken> lexed_tokens(std::string_view text, tools::Language language, tools::Range range);
inline std::vector<LexedToken> lexed_tokens(std::string_view text, tools::Language language) {
  return lexed_tokens(text, language, {0, text.size()});
}

std::span<const std::string_view> keywords(tools::Language language);

bool is_name_byte(char ch);          // of names and numbers; every byte of a letter beyond ASCII
bool opens(std::string_view mark);   // ( [ {
bool closes(std::string_view mark);  // ) ] }
char partner_of(char bracket);       // '(' of ')' and back; 0 of others

}  // namespace agent
