// SPDX-License-Identifier: Apache-2.0
// agent/code/name_uses.h: where a file's names get their meaning and where they are used, function by function.
//
// A table of each grammar's nodes tells the one from the other; no types, no imports of other files. Good enough to say
// that a name is likely to mean nothing where it stands, not to prove it.
//
// Owns     Views into the text of the tree, which must live as long.
// Cost     Linear in the tree.
#pragma once
#include <string_view>
#include <vector>

#include "tools/syntax.h"

namespace agent {

enum class NameKind {
  kBinding,  // a variable, parameter, function or import gets its name here
  kUse,      // a name alone, as a value
  kMember,   // behind a receiver or a path, or the key of an argument: other files may know it
  kType
};

struct NameUse {
  std::string_view name;
  tools::Range range;
  NameKind kind = NameKind::kUse;
  int function = -1;  // number of the outermost function around it, in order; -1 outside all. A function's own name is outside
};

struct NameUses {
  std::vector<NameUse> names;            // by place
  std::vector<tools::Range> functions;  // the outermost ones, by number
};
// Empty for languages without a table (JSON, Bash).
NameUses name_uses(const tools::SyntaxTree& tree);

// A file of the language says itself, in imports and definitions, what its names mean; in the others, headers or files
// beside it do as well.
bool names_are_imported(tools::Language language);

// Part of the language: `len` in Python, `make` in Go, `this`.
bool is_builtin_name(tools::Language language, std::string_view name);

}  // namespace agent
