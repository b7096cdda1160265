// SPDX-License-Identifier: Apache-2.0
// lsp/structure.h: answers that follow from the syntax tree alone: symbols, folds, growing selections.
//
// Threads  From any thread; the tree must be of the document's text.
#pragma once
#include <vector>

#include "base/json.h"
#include "lsp/documents.h"
#include "tools/syntax.h"

namespace lsp {

// `DocumentSymbol[]`, or the flat `SymbolInformation[]` of older clients.
base::Json document_symbols(const Document& document, const tools::SyntaxTree& tree, PositionEncoding encoding,
                            bool hierarchical);
// Whole-line folds, the outermost of each first line.
base::Json folding_ranges(const Document& document, const tools::SyntaxTree& tree);
// One chain for each position.
base::Json selection_ranges(const Document& document, const tools::SyntaxTree& tree, PositionEncoding encoding,
                            const std::vector<Position>& positions);

}  // namespace lsp
