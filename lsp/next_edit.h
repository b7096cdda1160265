// SPDX-License-Identifier: Apache-2.0
// lsp/next_edit.h: the next edit in the words of each client: ghost text, Copilot's inline edit, code actions, our own
// request.
//
// Note     Pure steps; agent/next_edit.h decides. Offers are about one text: what is written here names its version,
// and the server sends nothing about a
//          text that has changed meanwhile. Source: LSP 3.17 and 3.18; docs/editor-protocol.md for graft/nextEdit.
#pragma once
#include <optional>
#include <stop_token>
#include <vector>

#include "agent/next_edit.h"
#include "base/json.h"
#include "lsp/client.h"
#include "lsp/documents.h"
#include "lsp/lsp.h"
#include "lsp/settings.h"

namespace lsp {

using NextEdits = std::vector<agent::NextEdit>;

// Whether there may be any: cheap, for the main thread.
bool may_have_next_edit(const Document& document, const Settings& settings);
// The cursor is at the newest edit: it may be under way.
bool at_newest_edit(const Document& document, size_t cursor);

// On a worker. Empty without a tree, and where the work was stopped.
NextEdits predict_next_edits(const Services& services, const Document& document, const tools::SyntaxTree* tree,
                             size_t cursor, const Settings& settings, std::stop_token stop);

// An item of textDocument/inlineCompletion for an offer on the cursor's line; its range holds the cursor, as editors
// want it.
std::optional<base::Json> next_edit_item(const Document& document, const NextEdits& offers, size_t cursor,
                                         PositionEncoding encoding);
// The result of textDocument/copilotInlineEdit: the first offer.
base::Json copilot_edits(const Document& document, const NextEdits& offers, PositionEncoding encoding);
// The result of graft/nextEdit: all of them.
base::Json next_edit_result(const Document& document, const NextEdits& offers, PositionEncoding encoding);

// Whether the client, in params of textDocument/codeAction, takes actions of this kind.
bool wants_rewrite(const base::Json& params);
// "Make the same change here" for an offer on the lines of the range asked about, and at all places.
void add_next_edit_actions(base::Json& actions, const Document& document, const NextEdits& offers, ByteRange range,
                           const ClientCapabilities& can);

}  // namespace lsp
