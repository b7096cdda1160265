// SPDX-License-Identifier: Apache-2.0
// lsp/workspace_edit.h: from an edit of files on disk to the editor's WorkspaceEdit.
//
// Promise  An edit goes to the editor only where the text that it was made for is what the editor has, or, for files
// that are not
//          open, what the disk has. What a WorkspaceEdit cannot say exactly (bytes that are not UTF-8, an executable
//          bit) is held back with a sentence that says so.
// Units    Bytes of the text as the editor has it: without a byte order mark, which editors keep to themselves.
#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "lsp/client.h"
#include "lsp/documents.h"
#include "tools/edit.h"

namespace lsp {

struct PreparedFile {
  tools::FileAction action = tools::FileAction::kModify;
  std::filesystem::path path, new_path;  // absolute
  std::shared_ptr<const Text> base;      // null for kCreate
  std::vector<tools::Replacement> replacements;
};

// Reads the files that `edit` names, which must be those it was made for. Any thread.
base::Result<std::vector<PreparedFile>> prepare_edit(const tools::Edit& edit, const std::filesystem::path& root);

struct EditLabel {
  std::string label, description;
  bool needs_confirmation = true;
};
// Main thread, as `documents` is. An error says why the edit is held back.
base::Result<base::Json> workspace_edit(const std::vector<PreparedFile>& files, const Documents& documents,
                                        const ClientCapabilities& can, const EditLabel& label);

// Whether the editor's text is what is on disk: nothing to lose, and what a command would see. Any thread.
bool is_saved(const Document& document, const std::filesystem::path& path);

}  // namespace lsp
