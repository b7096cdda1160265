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
#include "tools/apply.h"
#include "tools/edit_formats.h"
#include "tools/work_tree.h"

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

void run(const ApplyOptions& options, Context& context) {
  auto text = read_edit_text(options.edit_file);
  if (!text) return context.fail(text.error());
  auto work_tree = tools::WorkTree::open(context.folder);
  if (!work_tree) return context.fail(work_tree.error());
  tools::ApplyRequest request;
  request.format = *tools::edit_format_of_name(options.format);
  request.text = *text;
  request.name = base::cat("apply ", options.format, " ", options.edit_file);
  request.dry_run = options.dry_run;
  request.skip_parse = options.skip_parse;
  const auto outcome = tools::apply_text(*work_tree, *work_tree, request, context.stop);
  if (!outcome) return context.fail(outcome.error());
  if (!outcome->recovered.empty()) std::fprintf(stderr, "graft: %s\n", outcome->recovered.c_str());
  if (!outcome->refused.empty()) {
    context.exit_code = 1;
    const std::string reason =
        outcome->refused + (outcome->by_parse_gate ? " (--skip-parse applies it all the same)" : "");
    if (context.json) std::printf("%s\n", base::dump_json({{"status", "refused"}, {"reason", reason}}).c_str());
    std::fprintf(stderr, "graft: the edit is refused: %s\n", reason.c_str());
    return;
  }

  for (const std::string& note : outcome->notes) std::fprintf(stderr, "graft: %s\n", note.c_str());
  for (const std::string& fault : outcome->syntax) std::fprintf(stderr, "graft: %s\n", fault.c_str());
  if (context.json) {
    base::Json out = {{"status", options.dry_run ? "would apply" : "applied"},
                      {"patch", outcome->patch},
                      {"files", outcome->files},
                      {"notes", outcome->notes},
                      {"syntax", outcome->syntax}};
    if (!outcome->task.empty()) out["task"] = outcome->task;
    std::printf("%s\n", base::dump_json(out).c_str());
    return;
  }
  print_patch(outcome->patch);
  const size_t n = outcome->files.size();
  if (options.dry_run)
    std::fprintf(stderr, "graft: would change %zu %s; nothing was written\n", n, n == 1 ? "file" : "files");
  else
    std::fprintf(stderr, "graft: changed %zu %s as task %s; `graft undo` takes it back\n", n, n == 1 ? "file" : "files",
                 outcome->task.c_str());
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
