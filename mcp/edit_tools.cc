// SPDX-License-Identifier: Apache-2.0
// The tools that write to the work tree, and the way back.
#include "base/strings.h"
#include "mcp/tools.h"
#include "tools/apply.h"

namespace mcp {
namespace {

using base::Json;
using Type = Parameter::Type;

// A refusal is an error of the call, so that its caller tries something else; the files are as they were.
Answer refusal(const std::string& reason) {
  return {{{"status", "refused"}, {"reason", reason}}, true};
}

base::Result<Answer> apply_edit(Workplace& place, const Call& call) {
  const std::string text = base::json_string(call.arguments, "edit");
  if (text.size() > tools::kMaxEditTextBytes)
    return base::invalid(base::cat("The argument `edit` is longer than ", tools::kMaxEditTextBytes, " bytes."));
  const auto tree = place.tree();
  if (!tree) return tree.error();
  const std::string format = base::json_string(call.arguments, "format");
  tools::ApplyRequest request;
  request.format = *tools::edit_format_of_name(format);
  request.text = text;
  request.name = "mcp: apply " + format;
  request.dry_run = !base::json_bool(call.arguments, "apply");
  request.skip_parse = base::json_bool(call.arguments, "allow_syntax_errors");
  request.may_touch = Workplace::may_touch;
  const auto lock = place.writing();
  const auto outcome = tools::apply_text(*tree, OpenFiles(*tree), request, call.stop);
  if (!outcome) return outcome.error();
  if (outcome->by_parse_gate) return refusal(outcome->refused + " (`allow_syntax_errors` applies it all the same)");
  if (!outcome->refused.empty()) return refusal(outcome->refused);
  Json result = {{"status", request.dry_run ? "would_apply" : "applied"},
                 {"patch", outcome->patch},
                 {"files", outcome->files},
                 {"notes", outcome->notes},
                 {"syntax", outcome->syntax}};
  if (!outcome->task.empty()) result["task"] = outcome->task;
  return Answer{std::move(result)};
}

base::Result<Answer> undo(Workplace& place, const Call& call) {
  const auto lock = place.writing();
  const auto tree = place.tree();
  if (!tree) return tree.error();
  const auto writer = tools::Writer::open(*tree);
  if (!writer) return writer.error();
  if (call.stop.stop_requested()) return base::cancelled();
  const bool redo = base::json_bool(call.arguments, "redo");
  const std::string id = base::json_string(call.arguments, "task");
  const auto task = redo ? (*writer)->redo(id) : (*writer)->undo(id);
  if (!task && task.error().code == base::ErrorCode::kInvalidArgument) return refusal(task.error().message);
  if (!task) return task.error();
  Json result = tools::task_json(*task);
  result["status"] = redo ? "brought_back" : "undone";
  return Answer{std::move(result)};
}

base::Result<Answer> log(Workplace& place, const Call&) {
  const auto lock = place.writing();
  const auto tree = place.tree();
  if (!tree) return tree.error();
  const auto writer = tools::Writer::open(*tree);
  if (!writer) return writer.error();
  const auto tasks = (*writer)->log();
  if (!tasks) return tasks.error();
  Json list = Json::array();
  for (const tools::Task& task : *tasks) list.push_back(tools::task_json(task));
  return Answer{{{"tasks", std::move(list)}}};
}

Json task_members() {
  return {{"task", schema_of("string", "Its number")},
          {"name", schema_of("string", "What it was for")},
          {"time", schema_of("integer", "Unix time in seconds")},
          {"undone", schema_of("boolean")},
          {"files", list_of(object_of({{"path", schema_of("string")}, {"change", schema_of("string")}}, {}))}};
}

Json with_refusal(Json members, std::vector<std::string> statuses) {
  statuses.emplace_back("refused");
  members["status"] = {{"enum", statuses}};
  members["reason"] = schema_of("string", "Of a refusal; nothing was changed");
  return object_of(std::move(members), {"status"});
}

}  // namespace

Tool apply_edit_tool(Workplace& place) {
  Tool tool{.name = "apply_edit", .title = "Apply an edit, or refuse it"};
  tool.description =
      "Applies an edit to files of the work tree where its own lines are found, at one place only, or refuses it and "
      "shows the nearest lines. A new syntax error refuses too. All files or none; lines that the edit does not name "
      "keep their bytes. Without `apply` it returns the git patch and writes nothing. `undo` takes it back.";
  tool.parameters = {
      {"format",
       Type::kString,
       "How the edit is written. search-replace: the file's name on a line, then <<<<<<< SEARCH, old lines, =======, "
       "new lines, >>>>>>> REPLACE. unified: a diff. apply-patch: *** Begin Patch. whole-file: the name, then a "
       "fenced block. line-ops: hashes and line numbers.",
       true,
       std::nullopt,
       0,
       0,
       {"search-replace", "unified", "apply-patch", "whole-file", "line-ops"}},
      {"edit", Type::kString, "The edit's text; paths in it are relative to the root", true},
      {"apply", Type::kBoolean, "Write it; else only show what would be written", false, false},
      {"allow_syntax_errors", Type::kBoolean, "Apply although the new text has new syntax errors", false, false}};
  tool.output_schema =
      with_refusal({{"patch", schema_of("string", "In git's format")},
                    {"files", list_of(schema_of("string"), "That change")},
                    {"notes", list_of(schema_of("string"), "Steps of finding the place that were not exact")},
                    {"syntax", list_of(schema_of("string"), "New syntax errors that were allowed")},
                    {"task", schema_of("string", "For `undo`, where it was applied")}},
                   {"would_apply", "applied"});
  tool.hints = {.destructive = true};  // with `apply`
  tool.run = [&place](const Call& call) { return apply_edit(place, call); };
  return tool;
}

Tool undo_tool(Workplace& place) {
  Tool tool{.name = "undo", .title = "Take a task back"};
  tool.description =
      "Takes back, as one step, what a task wrote to the work tree; refuses, and names the files, where one of them "
      "is not as the task left it. `redo` brings an undone task back. Tasks are what `fix`, `write_tests` and "
      "`apply_edit` wrote, here or by Graft's commands.";
  tool.parameters = {{"task", Type::kString, "Number of the task; without it the last one", false, ""},
                     {"redo", Type::kBoolean, "Bring an undone task back", false, false}};
  tool.output_schema = with_refusal(task_members(), {"undone", "brought_back"});
  tool.hints = {.destructive = true};
  tool.run = [&place](const Call& call) { return undo(place, call); };
  return tool;
}

Tool log_tool(Workplace& place) {
  Tool tool{.name = "log", .title = "What was written"};
  tool.description =
      "Lists what Graft wrote to this work tree, oldest first: tasks with their files, and which were undone.";
  tool.output_schema = object_of({{"tasks", list_of(object_of(task_members(), {"task", "name", "files"}))}}, {"tasks"});
  // Not read-only in all cases: after a crash the journal is brought to its end first.
  tool.hints = {.idempotent = true};
  tool.run = [&place](const Call& call) { return log(place, call); };
  return tool;
}

}  // namespace mcp
