// SPDX-License-Identifier: Apache-2.0
// agent/next_edit/edit_context.h: what stands around a run of tokens, so that two places can be compared. Used only inside
// agent/.
#pragma once
#include <string>
#include <string_view>

#include "agent/code/code_tokens.h"
#include "agent/code/language_traits.h"

namespace agent {

// What a single token is in its place.
enum class TokenRole {
  kVariable,
  kCallee,
  kMember,
  kType,
  kKey,  // of a pair, of an argument given by name
  kLiteral,
  kText,  // in a string or a comment
  kMark,  // operators, keywords, punctuation
  kMany,  // more tokens than one, or none
};

// Views into the CodeText.
struct EditContext {
  TokenRole role = TokenRole::kMany;
  Zone zone = Zone::kCode;
  std::string_view left[2], right[2];  // the next tokens, the nearest first
  std::string_view parent_type, field;
  std::string_view callee;  // of the nearest list in brackets with a name in front: a call, a declaration
  int argument = -1;        // place in that list
  std::string_view key;     // of the pair, the named argument or the assignment around
  std::string_view line_before, line_after;  // the rest of the line(s)
};

// For tokens [first, last), or the gap in front of `first` where they are equal.
EditContext edit_context(const CodeText& text, CodeText::Run run);

TokenRole token_role(const CodeText& text, int token);
// The token gives a name its meaning: in a definition, a parameter list, an import.
bool is_declaring(const CodeText& text, int token);
// The text in which a declared name is meant: the function of a parameter or local variable, else everything.
tools::Range scope_of(const CodeText& text, int token, const LanguageTraits* traits);

// A list in brackets: its first and last child are brackets of one kind. Its elements are named_children().
bool is_bracketed(const CodeText& text, int node);
// The name in front of a bracketed list: `f` of `f(a)`; empty where there is none.
std::string_view name_before(const CodeText& text, int list);

}  // namespace agent
