// SPDX-License-Identifier: Apache-2.0
// `graft undo` and `graft log`: what was written to this work tree, and the way back.
#include <CLI/App.hpp>
#include <cstdio>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "tools/apply.h"
#include "tools/work_tree.h"
#include "tools/writer.h"

namespace cli {
namespace {

struct UndoOptions {
  std::string task;
  bool redo = false;
};

std::string local_time(int64_t unix_seconds) {
  const auto seconds = static_cast<std::time_t>(unix_seconds);
  std::tm local{};
  char text[32];
  if (::localtime_r(&seconds, &local) == nullptr || std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &local) == 0)
    return "?";
  return text;
}

base::Result<std::unique_ptr<tools::Writer>> open_writer(const Context& context) {
  auto tree = tools::WorkTree::open(context.folder);
  if (!tree) return std::move(tree).error();
  auto writer = tools::Writer::open(*tree);
  if (writer && !(*writer)->recovered().empty()) std::fprintf(stderr, "graft: %s\n", (*writer)->recovered().c_str());
  return writer;
}

void undo(const UndoOptions& options, Context& context) {
  auto writer = open_writer(context);
  if (!writer) return context.fail(writer.error());
  const auto task = options.redo ? (*writer)->redo(options.task) : (*writer)->undo(options.task);
  if (!task && task.error().code != base::ErrorCode::kInvalidArgument) return context.fail(task.error());
  if (!task) {  // the honest "no"
    context.exit_code = 1;
    if (context.json)
      std::printf("%s\n", base::dump_json({{"status", "refused"}, {"reason", task.error().message}}).c_str());
    std::fprintf(stderr, "graft: %s\n", task.error().message.c_str());
    return;
  }
  if (context.json) {
    base::Json out = tools::task_json(*task);
    out["status"] = options.redo ? "brought back" : "undone";
    std::printf("%s\n", base::dump_json(out).c_str());
    return;
  }
  std::printf("task %s (%s) is %s:\n", task->id.c_str(), task->name.c_str(), options.redo ? "back" : "undone");
  for (const tools::FileChange& change : task->changes) std::printf("  %s\n", change.path.c_str());
  std::fprintf(stderr, "graft: `graft undo%s %s` turns this round\n", options.redo ? "" : " --redo", task->id.c_str());
}

void log(Context& context) {
  auto writer = open_writer(context);
  if (!writer) return context.fail(writer.error());
  const auto tasks = (*writer)->log();
  if (!tasks) return context.fail(tasks.error());
  if (context.json) {
    base::Json list = base::Json::array();
    for (const tools::Task& task : *tasks) list.push_back(tools::task_json(task));
    std::printf("%s\n", base::dump_json(list).c_str());
    return;
  }
  if (tasks->empty()) std::fprintf(stderr, "graft: nothing was written to this work tree yet\n");
  for (const tools::Task& task : *tasks) {
    std::printf("%4s  %s  %s%s\n", task.id.c_str(), local_time(task.unix_seconds).c_str(), task.name.c_str(),
                task.undone ? "  (undone)" : "");
    for (const tools::FileChange& change : task.changes)
      std::printf("      %s %s\n", !change.before ? "+" : !change.after ? "-" : "~", change.path.c_str());
  }
}

}  // namespace

void add_undo_command(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("undo", "Take a task back as one step; refuses where its files changed since");
  auto options = std::make_shared<UndoOptions>();
  command->add_option("TASK", options->task, "Number from `graft log`; without it, the last one");
  command->add_flag("--redo", options->redo, "Bring an undone task back");
  command->callback([options, &context] { undo(*options, context); });

  CLI::App* log_command = app.add_subcommand("log", "What was written to this work tree");
  log_command->callback([&context] { log(context); });
}

}  // namespace cli
