// SPDX-License-Identifier: Apache-2.0
// tools/apply.h: an edit's whole way to the disk: read, located, tried in memory, parsed, written with a journal.
//
// Promise  As tools/writer.h: all files or none, checked against the contents that the edit was made for, one step back.
// Errors   The machine or the caller is at fault (kIo, kExhausted, kInternal, kCancelled; kDenied for a folder that cannot
//          be opened or that another process writes to). An edit that does not fit is no error: `refused` says why.
// Threads  Any; two writers of one work tree at once: the second gets kDenied.
#pragma once
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "tools/edit.h"
#include "tools/edit_formats.h"
#include "tools/work_tree.h"
#include "tools/writer.h"

namespace tools {

struct ApplyRequest {
  EditFormat format = EditFormat::kSearchReplace;
  std::string_view text;  // borrowed for the call
  std::string name = {};  // for the log
  bool dry_run = false;
  bool skip_parse = false;  // new syntax errors are told and do not refuse
  // Asked of every path that the edit names, new ones too; its error refuses. Empty: all paths that safe_path() takes.
  std::function<base::Status(std::string_view path)> may_touch = {};
};

struct ApplyOutcome {
  std::string refused;         // why nothing was done; then there is no patch
  bool by_parse_gate = false;  // refused for what skip_parse would let pass
  std::string patch;           // git format
  std::vector<std::string> files, notes, syntax;
  std::string task;       // empty after a dry run
  std::string recovered;  // as Writer::recovered()
};

// `files`: where the edit reads what it refers to: the work tree, or a view of it that shows less.
base::Result<ApplyOutcome> apply_text(const WorkTree& tree, const FileSource& files, const ApplyRequest& request,
                                      std::stop_token stop);

// An edit that was made and verified elsewhere.
base::Result<Task> write_edit(const std::filesystem::path& root, const Edit& edit, std::string_view name);

// {"task", "name", "time" (Unix, seconds), "undone", "files": [{"path", "change": "created"|"deleted"|"modified"}]}
base::Json task_json(const Task& task);

}  // namespace tools
