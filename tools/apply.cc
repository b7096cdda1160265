// SPDX-License-Identifier: Apache-2.0
#include "tools/apply.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "tools/syntax.h"

namespace tools {
namespace {

// The answer "no", unless the system and not the edit is the cause.
base::Result<ApplyOutcome> refuse(const base::Error& error) {
  const bool broken = error.code == base::ErrorCode::kIo || error.code == base::ErrorCode::kExhausted ||
                      error.code == base::ErrorCode::kInternal;
  if (broken || error.code == base::ErrorCode::kCancelled) return error;
  ApplyOutcome outcome;
  outcome.refused = error.message;
  return outcome;
}

// What the parse gate has against the new files.
std::vector<std::string> syntax_faults(CandidateTrees& trees, const std::string& tree, const WorkTree& work_tree) {
  std::vector<std::string> faults;
  for (const std::string& path : trees.changed_paths(tree)) {
    const auto old_text = work_tree.read(path);
    const auto new_text = trees.read(tree, path);
    if (!new_text) continue;
    const GateResult gate = parse_gate(path, old_text ? *old_text : std::string(), *new_text);
    if (!gate.passed) faults.push_back(gate.reason);
  }
  return faults;
}

base::Status check_paths(const Edit& edit, const ApplyRequest& request) {
  if (!request.may_touch) return base::ok();
  for (const FileEdit& file : edit.files) {
    if (auto allowed = request.may_touch(file.path); !allowed) return allowed;
    if (file.new_path.empty()) continue;
    if (auto allowed = request.may_touch(file.new_path); !allowed) return allowed;
  }
  return base::ok();
}

}  // namespace

base::Result<ApplyOutcome> apply_text(const WorkTree& tree, const FileSource& files, const ApplyRequest& request,
                                      std::stop_token stop) {
  const auto located = read_edit(request.format, request.text, files);
  if (!located) return refuse(located.error());
  if (const base::Status allowed = check_paths(located->edit, request); !allowed) return refuse(allowed.error());
  auto trees = CandidateTrees::create(tree);
  if (!trees) return std::move(trees).error();
  const auto added = (*trees)->add(located->edit);
  if (!added) return refuse(added.error());
  auto patch = (*trees)->patch(*added);
  if (!patch) return std::move(patch).error();
  ApplyOutcome outcome;
  outcome.syntax = syntax_faults(**trees, *added, tree);
  if (!outcome.syntax.empty() && !request.skip_parse) {
    outcome.refused = outcome.syntax.front();
    outcome.by_parse_gate = true;
    return outcome;
  }
  if (stop.stop_requested()) return base::cancelled();
  outcome.patch = std::move(*patch);
  outcome.files = (*trees)->changed_paths(*added);
  outcome.notes = located->notes;
  if (request.dry_run) return outcome;

  auto writer = Writer::open(tree);
  if (!writer) return std::move(writer).error();
  outcome.recovered = (*writer)->recovered();
  if (const auto checked = (*writer)->check(located->edit); !checked) return refuse(checked.error());
  auto task = (*writer)->apply(located->edit, request.name);
  if (!task && task.error().code == base::ErrorCode::kInvalidArgument) return refuse(task.error());
  if (!task) return std::move(task).error();
  outcome.task = task->id;
  return outcome;
}

base::Result<Task> write_edit(const std::filesystem::path& root, const Edit& edit, std::string_view name) {
  auto tree = WorkTree::open(root);
  if (!tree) return std::move(tree).error();
  auto writer = Writer::open(*tree);
  if (!writer) return std::move(writer).error();
  return (*writer)->apply(edit, name);
}

base::Json task_json(const Task& task) {
  base::Json files = base::Json::array();
  for (const FileChange& change : task.changes)
    files.push_back({{"path", change.path},
                     {"change", !change.before  ? "created"
                                : !change.after ? "deleted"
                                                : "modified"}});
  return {{"task", task.id},
          {"name", task.name},
          {"time", task.unix_seconds},
          {"undone", task.undone},
          {"files", std::move(files)}};
}

}  // namespace tools
