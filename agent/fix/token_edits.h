// SPDX-License-Identifier: Apache-2.0
// agent/fix/token_edits.h: the slips of a hand at a keyboard, undone: a mark put in, taken away, exchanged, two neighbours
// swapped, a word of the language spelt right, a line indented otherwise.
//
// Every place of a line is tried, inside strings as well: a lost quote makes code of them. What an edit is worth is for
// others to say.
//
// Units    Byte offsets of the file.
// Bounds   At most kMaxUnits words and marks of a line, nearest to `around`.
#pragma once
#include <cstddef>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "agent/code/bracket_layout.h"
#include "agent/code/code_base.h"
#include "tools/edit.h"

namespace agent {

enum class EditKind {
  kInsert,     // a mark was lost
  kUndouble,   // a mark or word was typed twice
  kDelete,     // a mark too many
  kSwap,       // two neighbours stand in the wrong order
  kMistyped,   // a key beside the right one, or the right one without shift
  kReplace,    // another mark
  kKeyword,    // a word of the language, misspelt
  kSplit,      // a space was lost
  kSplitMark,  // a mark was lost, and two words became one
  kIndent,
  kCloser,  // a closing bracket on a line of its own
};
inline constexpr size_t kEditKinds = 11;

struct TokenEdit {
  tools::Replacement replacement;
  EditKind kind;
};

inline constexpr size_t kMaxUnits = 120;

// Names that the code has, to find two of them in one word.
using KnownNames = std::unordered_set<std::string_view>;

// `around`: the byte of the file where the mistake is thought to be.
std::vector<TokenEdit> line_edits(const CodeFile& file, int line, size_t around, const KnownNames& names);
// Other widths for the line's indentation: those of its neighbours, and one step more or less.
std::vector<TokenEdit> indent_edits(const CodeFile& file, int line);
// The closers that the indentation misses, each at the places where it may have stood.
std::vector<TokenEdit> closer_edits(const CodeFile& file, const BracketLayout& layout);

}  // namespace agent
