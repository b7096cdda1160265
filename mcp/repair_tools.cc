// SPDX-License-Identifier: Apache-2.0
// The tools that run the project's own commands: a verified repair, verified tests.
#include <algorithm>

#include "agent/report_json.h"
#include "base/strings.h"
#include "mcp/tools.h"
#include "tools/apply.h"

namespace mcp {
namespace {

using base::Json;
using Type = Parameter::Type;

constexpr int64_t kMostSeconds = 86'400;
constexpr size_t kMaxCheckBytes = 64u << 10;

int int_of(const Json& arguments, const char* name) {
  return static_cast<int>(base::json_int(arguments, name));
}

// Writes what was verified, where the call wants that: "applied", and "task" or why not ("held_back").
void apply(Workplace& place, const tools::Edit& edit, const std::string& name, Json& result) {
  const auto lock = place.writing();
  const auto task = tools::write_edit(place.options.root, edit, name);
  result["applied"] = static_cast<bool>(task);
  if (task)
    result["task"] = task->id;
  else
    result["held_back"] = task.error().message;
}

Json applied_members(Json members) {
  members["applied"] = schema_of("boolean", "Whether the patch was written to the work tree");
  members["task"] = schema_of("string", "For `undo`, where it was applied");
  members["held_back"] = schema_of("string", "Why it was not applied although that was asked for");
  return members;
}

base::Result<Answer> fix(Workplace& place, const Call& call) {
  agent::FixRequest request;
  request.root = place.options.root;
  request.check = base::json_string(call.arguments, "check");
  if (base::trim(request.check).empty()) return base::invalid("The argument `check` is empty; give a shell command.");
  if (request.check.size() > kMaxCheckBytes || request.check.find('\0') != std::string::npos)
    return base::invalid(base::cat("The argument `check` is longer than ", kMaxCheckBytes, " bytes or holds a NUL."));
  for (const Json& given : call.arguments["paths"]) {
    auto path = Workplace::path_of(given.get<std::string>());
    if (!path) return std::move(path).error().in("The argument `paths`");
    request.focus.push_back(std::move(*path));
  }
  request.budget_checks = int_of(call.arguments, "budget");
  request.budget_time = std::chrono::seconds(int_of(call.arguments, "timeout_seconds"));
  request.check_timeout = std::chrono::seconds(
      std::min(int_of(call.arguments, "check_timeout_seconds"), int_of(call.arguments, "timeout_seconds")));
  request.side_by_side = place.options.jobs;
  auto model = place.model();
  if (!model) return std::move(model).error();
  request.model = *model;

  const auto progress = [&](const agent::FixProgress& now) {
    call.report(agent::progress_words(now, request.budget_checks));
  };
  const auto report = place.services.fix(request, progress, call.stop);
  if (!report) return report.error();
  if (call.stop.stop_requested()) return base::cancelled();
  Json result = agent::fix_json(*report);
  result["applied"] = false;
  if (base::json_bool(call.arguments, "apply") && report->status == agent::FixReport::Status::kVerified)
    apply(place, report->edit, "fix: " + request.check, result);
  return Answer{std::move(result)};
}

base::Result<Answer> write_tests(Workplace& place, const Call& call) {
  auto file = Workplace::path_of(base::json_string(call.arguments, "file"));
  if (!file) return std::move(file).error().in("The argument `file`");
  if (auto allowed = Workplace::may_touch(*file); !allowed) return std::move(allowed).error();
  agent::TestRequest request;
  request.root = place.options.root;
  request.file = *file;
  request.symbol = base::json_string(call.arguments, "symbol");
  request.budget_time = std::chrono::seconds(int_of(call.arguments, "timeout_seconds"));
  request.max_mutants = int_of(call.arguments, "mutants");
  const auto progress = [&](const agent::TestProgress& now) {
    call.report(base::cat(now.detail, ": ", now.phase, " ", now.done, "/", now.total));
  };
  const auto report = place.services.write_tests(request, progress, call.stop);
  if (!report) return report.error();
  if (call.stop.stop_requested()) return base::cancelled();
  Json result = agent::test_json(*report);
  result["applied"] = false;
  if (base::json_bool(call.arguments, "apply") && report->status == agent::TestReport::Status::kVerified)
    apply(place, report->edit, base::cat("test ", request.file, request.symbol.empty() ? "" : ":", request.symbol),
          result);
  return Answer{std::move(result)};
}

}  // namespace

Tool fix_tool(Workplace& place) {
  const ServeOptions& defaults = place.options;
  Tool tool{.name = "fix", .title = "Repair until a check passes"};
  tool.description =
      "Finds a small edit (one to a few lines, in one or two places) with which a failing shell command passes, and "
      "proves it: the command was seen to fail without the edit and to pass with it, in a sandbox without network, "
      "on a copy of the files. Returns a git patch and its evidence, or status `none`. Writes nothing unless `apply` "
      "is true. Verified is not right: where a check hardly looks, a wrong change passes too; read the patch, "
      "`words` and `alternatives`.";
  tool.parameters = {
      {"check", Type::kString, "Shell command that fails now and should exit 0, run in the root of the work tree",
       true},
      {"paths", Type::kStrings, "Files or folders to look in first, relative to the root", false, Json::array()},
      {"apply", Type::kBoolean, "Also write a verified repair to the work tree; `undo` takes it back", false, false},
      {"budget", Type::kInteger, "Runs of the check on candidates", false, defaults.budget, 1, 100'000},
      {"timeout_seconds", Type::kInteger, "For all of it, the proof as well", false, defaults.timeout_s, 1,
       kMostSeconds},
      {"check_timeout_seconds", Type::kInteger, "For one run of the check", false, defaults.check_timeout_s, 1,
       kMostSeconds}};
  tool.output_schema = object_of(
      applied_members(
          {{"status", {{"enum", {"verified", "already_passes", "none"}}}},
           {"summary", schema_of("string", "One sentence for a person")},
           {"patch", schema_of("string", "In git's format; empty where none was found")},
           {"proposer", schema_of("string", "What kind of edit it is")},
           {"strength", {{"enum", {"weak", "unclear", "fair"}}, {"description", "What the check says of it"}}},
           {"words", schema_of("string", "Why: which tests run the changed lines, what else passes")},
           {"evidence", schema_of("object", "`runs`: how the check ended without and with the patch")},
           {"alternatives", list_of(schema_of("object"), "Other changes that passed once; not proven")},
           {"tried", list_of(schema_of("string"), "What was looked at")},
           {"seconds", schema_of("number")}}),
      {"status", "summary", "patch", "evidence", "applied"});
  tool.hints = {.destructive = true};  // with `apply`
  tool.is_long = true;
  tool.run = [&place](const Call& call) { return fix(place, call); };
  return tool;
}

Tool write_tests_tool(Workplace& place) {
  Tool tool{.name = "write_tests", .title = "Write tests that were run"};
  tool.description =
      "Writes tests for a function or for all of a file that no test names yet (Python with pytest, C++ with "
      "doctest): every test was built, passed five times in a sandbox without network, and fails for at least one "
      "small change of the function. They say what the code does today. Returns a git patch, or status `none`. "
      "Writes nothing unless `apply` is true.";
  tool.parameters = {
      {"file", Type::kString, "The file to test, relative to the root", true},
      {"symbol", Type::kString, "A function or method in it, such as `parse` or `Quantity.parse`", false},
      {"apply", Type::kBoolean, "Also write the tests to the work tree; `undo` takes them back", false, false},
      {"timeout_seconds", Type::kInteger, "For trying small changes", false, place.options.tests_timeout_s, 1,
       kMostSeconds},
      {"mutants", Type::kInteger, "At most so many small changes of each function", false, 48, 1, 1000}};
  tool.output_schema = object_of(
      applied_members({{"status", {{"enum", {"verified", "none"}}}},
                       {"patch", schema_of("string", "In git's format; empty where none was kept")},
                       {"test_file", schema_of("string", "Created or appended to")},
                       {"functions", list_of(schema_of("object"), "What was done for each function")},
                       {"evidence", schema_of("object", "The command, how often it passed, its output's end")},
                       {"note", schema_of("string", "What a person has to do besides")},
                       {"seconds", schema_of("number")}}),
      {"status", "patch", "functions", "evidence", "applied"});
  tool.is_long = true;
  tool.run = [&place](const Call& call) { return write_tests(place, call); };
  return tool;
}

}  // namespace mcp
