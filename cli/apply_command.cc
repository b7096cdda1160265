// SPDX-License-Identifier: Apache-2.0
// `graft apply`: a proposed edit, located, checked and written.
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Validators.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/patch_output.h"
#include "tools/edit_formats.h"
#include "tools/syntax.h"
#include "tools/work_tree.h"
#include "tools/writer.h"

namespace cli {
namespace {

struct ApplyOptions {
  std::string format, edit_file;
  bool dry_run = false, skip_parse = false;
};

base::Result<std::string> read_edit_text(const std::string& name) {
  if (name != "-") return base::read_file(name, tools::kMaxEditTextBytes);
  std::string text;
  char chunk[1 << 16];
  for (;;) {
    const ssize_t n = ::read(STDIN_FILENO, chunk, sizeof chunk);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::system_error(errno, "read the edit from standard input");
    if (n == 0) return text;
    text.append(chunk, static_cast<size_t>(n));
    if (text.size() > tools::kMaxEditTextBytes)
      return base::Error{base::ErrorCode::kExhausted,
                         base::cat("the edit is larger than the limit of ", tools::kMaxEditTextBytes, " bytes")};
  }
}

// The answer "no": exit code 1, unless the system and not the edit is the cause.
void refuse(Context& context, const base::Error& error) {
  const bool broken = error.code == base::ErrorCode::kIo || error.code == base::ErrorCode::kExhausted ||
                      error.code == base::ErrorCode::kInternal;
  if (broken || error.code == base::ErrorCode::kCancelled) return context.fail(error);
  context.exit_code = 1;
  if (context.json) std::printf("%s\n", base::dump_json({{"status", "refused"}, {"reason", error.message}}).c_str());
  std::fprintf(stderr, "graft: the edit is refused: %s\n", error.message.c_str());
}

// What the parse gate has against the new files.
std::vector<std::string> syntax_faults(tools::CandidateTrees& trees, const std::string& tree,
                                       const tools::WorkTree& work_tree) {
  std::vector<std::string> faults;
  for (const std::string& path : trees.changed_paths(tree)) {
    const auto old_text = work_tree.read(path);
    const auto new_text = trees.read(tree, path);
    if (!new_text) continue;
    const tools::GateResult gate = tools::parse_gate(path, old_text ? *old_text : std::string(), *new_text);
    if (!gate.passed) faults.push_back(gate.reason);
  }
  return faults;
}

void run(const ApplyOptions& options, Context& context) {
  auto text = read_edit_text(options.edit_file);
  if (!text) return context.fail(text.error());
  auto work_tree = tools::WorkTree::open(context.folder);
  if (!work_tree) return context.fail(work_tree.error());
  const auto located = tools::read_edit(*tools::edit_format_of_name(options.format), *text, *work_tree);
  if (!located) return refuse(context, located.error());

  auto trees = tools::CandidateTrees::create(*work_tree);
  if (!trees) return context.fail(trees.error());
  const auto tree = (*trees)->add(located->edit);
  if (!tree) return refuse(context, tree.error());
  const auto patch = (*trees)->patch(*tree);
  if (!patch) return context.fail(patch.error());
  const std::vector<std::string> faults = syntax_faults(**trees, *tree, *work_tree);
  if (!faults.empty() && !options.skip_parse)
    return refuse(context, base::invalid(base::cat(faults.front(), " (--skip-parse applies it all the same)")));
  if (context.stop.stop_requested()) return context.fail(base::cancelled());

  std::string task;
  if (!options.dry_run) {
    auto writer = tools::Writer::open(*work_tree);
    if (!writer) return context.fail(writer.error());
    if (!(*writer)->recovered().empty()) std::fprintf(stderr, "graft: %s\n", (*writer)->recovered().c_str());
    if (const auto checked = (*writer)->check(located->edit); !checked) return refuse(context, checked.error());
    const auto applied = (*writer)->apply(located->edit, base::cat("apply ", options.format, " ", options.edit_file));
    if (!applied)
      return applied.error().code == base::ErrorCode::kInvalidArgument ? refuse(context, applied.error())
                                                                       : context.fail(applied.error());
    task = applied->id;
  }

  for (const std::string& note : located->notes) std::fprintf(stderr, "graft: %s\n", note.c_str());
  for (const std::string& fault : faults) std::fprintf(stderr, "graft: %s\n", fault.c_str());
  if (context.json) {
    base::Json out = {{"status", options.dry_run ? "would apply" : "applied"},
                      {"patch", *patch},
                      {"files", (*trees)->changed_paths(*tree)},
                      {"notes", located->notes},
                      {"syntax", faults}};
    if (!task.empty()) out["task"] = task;
    std::printf("%s\n", base::dump_json(out).c_str());
    return;
  }
  print_patch(*patch);
  const size_t n = (*trees)->changed_paths(*tree).size();
  if (options.dry_run)
    std::fprintf(stderr, "graft: would change %zu %s; nothing was written\n", n, n == 1 ? "file" : "files");
  else
    std::fprintf(stderr, "graft: changed %zu %s as task %s; `graft undo` takes it back\n", n, n == 1 ? "file" : "files",
                 task.c_str());
}

}  // namespace

void add_apply_command(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("apply", "Apply a proposed edit to the work tree, or refuse it");
  auto options = std::make_shared<ApplyOptions>();
  command->add_option("--format", options->format, "How the edit is written (docs/edit-formats.md)")
      ->required()
      ->check(CLI::IsMember({"search-replace", "unified", "apply-patch", "whole-file", "line-ops"}));
  command->add_flag("--dry-run", options->dry_run, "Print the patch and write nothing");
  command->add_flag("--skip-parse", options->skip_parse, "Apply although the new text has new syntax errors");
  command->add_option("EDITFILE", options->edit_file, "The edit; - for standard input")->required();
  command->callback([options, &context] { run(*options, context); });
}

}  // namespace cli
