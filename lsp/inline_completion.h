// SPDX-License-Identifier: Apache-2.0
// lsp/inline_completion.h: ghost text: from a position in a document to a question for the model, and back.
//
// Note     Pure steps; the engine thread is in engine_thread.h. Source: LSP 3.18, "Inline Completion Request".
#pragma once
#include <optional>
#include <string>

#include "agent/complete.h"
#include "base/json.h"
#include "lsp/documents.h"
#include "lsp/settings.h"

namespace lsp {

// How an answer is written: the standard's items, or those of clients of textDocument/copilotInlineEdit.
enum class InlineDialect { kStandard, kCopilotEdit };

struct InlineQuestion {
  DocumentPtr document;
  std::vector<DocumentPtr> others;  // whose text may be copied from, the one edited last first
  InlineDialect dialect = InlineDialect::kStandard;
  size_t offset = 0;         // the cursor
  size_t replace_begin = 0;  // bytes [replace_begin, replace_end) give way to `selected` + completion
  size_t replace_end = 0;
  std::string selected;  // what the editor's own completion menu would insert there; may be empty
  bool single_line = true;
};

// Nothing where no suggestion makes sense (inside a word). kInvalidArgument for broken params.
base::Result<std::optional<InlineQuestion>> read_inline_question(const base::Json& params, InlineDialect dialect,
                                                                 const DocumentPtr& document, const Settings& settings,
                                                                 PositionEncoding encoding);
// The open documents of the same language: what is written in them is likely to be written here too. No other
// language's: the secrets of an open .env file, say, are not text for a program.
std::vector<DocumentPtr> related_documents(const Documents& documents, const Document& document);
agent::CompleteRequest complete_request(const InlineQuestion& question, const Settings& settings,
                                        const std::string& path);
base::Json write_inline_answer(const InlineQuestion& question, const std::vector<std::string>& texts,
                               PositionEncoding encoding);

// The suggestion shown last. While the user types what it says, the rest of it is the answer, without the model.
struct ShownSuggestion {
  DocumentPtr document;
  size_t offset = 0;
  std::string text;
  std::optional<std::string> rest_for(const InlineQuestion& question) const;
};

}  // namespace lsp
