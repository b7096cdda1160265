// SPDX-License-Identifier: Apache-2.0
// engine/constrain/edit_grammar.h: edits of given files as a language, in two of the formats of docs/edit-formats.md.
//
// What     Each text is an edit that applies: its places are in the files, each is sure, and they come in the order of the file
//          without meeting; what replaces lines is not what was there; no new line says that text is left out. A file comes once, and
//          files come in any order. In kLineOps the lines that stand there follow from their numbers, so that they cost a model nothing.
// Sees     A file's lines without byte order mark and carriage returns: line ends are those of the file whatever an edit writes.
// Threads  As ExprStore.
#pragma once
#include <span>

#include "base/result.h"
#include "engine/constrain.h"
#include "engine/constrain/expression.h"

namespace engine {

// As Constraint::from_edits(). kInvalidArgument names the file.
base::Result<ExprId> compile_edits(ExprStore& store, EditSyntax syntax, std::span<const EditableFile> files,
                                   uint32_t max_lines);

}  // namespace engine
