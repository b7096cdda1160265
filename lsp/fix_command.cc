// SPDX-License-Identifier: Apache-2.0
#include "lsp/fix_command.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "agent/evidence_words.h"
#include "agent/report_json.h"
#include "base/strings.h"
#include "lsp/uri.h"

namespace lsp {
namespace {

using base::Json;
using namespace std::chrono_literals;

// A status line is read by a person.
constexpr auto kBetweenReports = 100ms;
constexpr const char* kNoCheck = "No check is set: set graft.check.command to the command that should pass.";

const Json& first_argument(const Json& params) {
  static const Json none = Json::object();
  const auto arguments = params.find("arguments");
  return arguments != params.end() && arguments->is_array() && !arguments->empty() && arguments->front().is_object()
             ? arguments->front()
             : none;
}

// LSP 3.17, "CodeActionKind": asking for a kind asks for what lies below it too.
bool wants_quick_fix(const Json& context) {
  const auto only = context.find("only");
  if (only == context.end() || !only->is_array()) return true;
  return std::any_of(only->begin(), only->end(), [](const Json& kind) { return kind == "quickfix" || kind == ""; });
}

Json write_report(const agent::FixReport& report) {
  Json result = {{"status", agent::status_name(report.status)},
                 {"summary", report.summary},
                 {"evidence", agent::runs_json(report.evidence)},
                 {"checks", report.checks},
                 {"candidates", report.candidates},
                 {"seconds", report.seconds},
                 {"also_passed", report.also_passed},
                 {"tried", report.tried}};
  if (report.status != agent::FixReport::Status::kVerified) return result;
  result["proposer"] = report.proposer;
  result["patch"] = report.patch;
  agent::add_evidence(result, report);
  return result;
}

}  // namespace

struct FixCommand::Task {
  agent::FixRequest request;
  FixResult result = FixResult::kApply;
  std::vector<std::pair<DocumentPtr, std::filesystem::path>> open;  // documents of the project
  Reply reply;
  Reply::Other other;  // for a cancellation by progress
  std::optional<Progress> progress;
};

FixCommand::FixCommand(const Services& services, Client& client, const Documents& documents, EngineThread& engine,
                       Status& status, Post post, bool threaded)
    : services_(services),
      client_(client),
      documents_(documents),
      engine_(engine),
      status_(status),
      post_(std::move(post)),
      agent_(threaded ? 1 : 0) {}

Json FixCommand::code_actions(const Json& params, const Settings& settings) const {
  Json actions = Json::array();
  const auto found = params.find("context");
  const Json context = found != params.end() && found->is_object() ? *found : Json::object();
  const auto diagnostics = context.find("diagnostics");
  const bool has_diagnostics = diagnostics != context.end() && diagnostics->is_array() && !diagnostics->empty();
  const bool automatic = base::json_int(context, "triggerKind", 1) == 2;  // CodeActionTriggerKind.Automatic
  // No light bulb on every line: unasked, only where something is wrong.
  if (!services_.fix || !wants_quick_fix(context) || (automatic && !has_diagnostics)) return actions;

  Json argument = {{"uri", document_uri(params)}};
  Json action = {{"title", "Fix with Graft"}, {"kind", "quickfix"}};
  if (has_diagnostics) {
    action["diagnostics"] = *diagnostics;
    argument["focus"] = true;  // look in this file first
  }
  if (!settings.check_command.empty()) {
    action["command"] = {
        {"title", "Fix with Graft"}, {"command", kFixCommand}, {"arguments", Json::array({std::move(argument)})}};
  } else if (client_.capabilities.disabled_code_actions) {
    action["disabled"] = {{"reason", kNoCheck}};
  } else {
    return actions;
  }
  actions.push_back(std::move(action));
  return actions;
}

void FixCommand::start(const Json& params, const Folder* folder, const Settings& settings, FixResult result,
                       Reply reply) {
  const Json& argument = first_argument(params);
  auto task = std::make_shared<Task>();
  task->request.check = base::json_string(argument, "check", settings.check_command);
  task->request.budget_checks =
      static_cast<int>(std::clamp<int64_t>(base::json_int(argument, "budget", settings.check_budget), 1, 10'000));
  task->request.check_timeout = std::chrono::seconds(
      std::clamp<int64_t>(base::json_int(argument, "timeoutSeconds", settings.check_timeout_seconds), 1, 86'400));
  task->request.budget_time = std::chrono::seconds(settings.check_total_seconds);
  task->request.side_by_side = settings.check_jobs;
  task->result = result;
  if (!services_.fix) return reply.fail({RpcCode::kRequestFailed, "This build cannot repair."});
  if (base::trim(task->request.check).empty()) return reply.fail({RpcCode::kInvalidParams, kNoCheck});
  if (folder == nullptr)
    return reply.fail(
        {RpcCode::kInvalidParams, "The file lies in no folder that is open in the editor: open its project."});
  if (running_) return reply.fail({RpcCode::kRequestFailed, "A repair is running already; cancel it first."});

  task->request.root = folder->path;
  const auto path = path_of_uri(base::json_string(argument, "uri"));
  const auto relative = path ? relative_to(folder->path, *path) : std::nullopt;
  if (relative && base::json_bool(argument, "focus")) task->request.focus = {*relative};
  for (const auto& document : documents_.all())
    if (auto at = path_of_uri(document->uri); at && relative_to(folder->path, *at))
      task->open.emplace_back(document, *at);

  task->other = reply.other();
  task->reply = std::move(reply);
  task->progress.emplace(client_, params, "Graft", "running " + task->request.check);
  running_ = task;
  status_.fixing(true, "running the check");
  Job job = [this, task] { run(task); };
  if (!agent_.submit(job)) end(task, "not started");
}

void FixCommand::cancel(const Json& params) {
  const auto token = params.find("token");
  if (running_ && token != params.end() && running_->progress->has_token(*token))
    running_->other.fail({RpcCode::kRequestCancelled, "Cancelled."});
}

// The agent thread.
void FixCommand::run(const std::shared_ptr<Task>& task) {
  auto report = std::make_unique<base::Result<agent::FixReport>>(base::cancelled());
  auto files = std::make_unique<base::Result<std::vector<PreparedFile>>>(std::vector<PreparedFile>{});
  try {
    *report = repair(*task);
    if (*report && (*report)->status == agent::FixReport::Status::kVerified)
      *files = prepare_edit((*report)->edit, task->request.root);
  } catch (const std::exception& e) {
    *report = base::Error{base::ErrorCode::kInternal, base::cat("internal error in the repair: ", e.what())};
  }
  post_([this, task, report = std::move(report), files = std::move(files)] { deliver(task, *report, *files); });
}

base::Result<agent::FixReport> FixCommand::repair(Task& task) {
  const std::stop_token stop = task.reply.stop();
  std::string unsaved;
  for (const auto& [document, path] : task.open)
    if (!is_saved(*document, path)) unsaved += (unsaved.empty() ? "" : ", ") + path.filename().string();
  if (!unsaved.empty())
    return base::Error{base::ErrorCode::kDenied, "The check runs on what is saved. Save these files first: " + unsaved};

  task.request.model = engine_.model(stop);
  if (stop.stop_requested()) return base::cancelled();
  auto last = std::chrono::steady_clock::time_point();
  const auto on_progress = [&](const agent::FixProgress& progress) {
    const auto now = std::chrono::steady_clock::now();
    if (now - last < kBetweenReports) return;
    last = now;
    const std::string text = agent::progress_words(progress, task.request.budget_checks);
    task.progress->report(text, std::min(100, progress.checks * 100 / task.request.budget_checks));
    status_.fixing(true, text);
  };
  return services_.fix(task.request, on_progress, stop);
}

void FixCommand::deliver(const std::shared_ptr<Task>& task, const base::Result<agent::FixReport>& report,
                         const base::Result<std::vector<PreparedFile>>& files) {
  if (!report) {
    task->reply.fail(rpc_error(report.error()));
    if (task->result == FixResult::kApply && report.error().code != base::ErrorCode::kCancelled)
      client_.show(MessageType::kWarning, "Graft: " + report.error().message);
    return end(task, report.error().message);
  }
  Json result = write_report(*report);
  if (report->status != agent::FixReport::Status::kVerified) {
    if (task->result == FixResult::kApply) client_.show(MessageType::kInfo, "Graft: " + report->summary);
    task->reply.result(result);
    return end(task, report->summary);
  }
  const EditLabel label{"Fix with Graft",
                        base::cat(report->summary, " Evidence: ", agent::strength_name(agent::strength_of(*report)),
                                  ": ", agent::evidence_words(*report), ". Proposed by ", report->proposer, "."),
                        task->result == FixResult::kApply};
  auto edit = files ? workspace_edit(*files, documents_, client_.capabilities, label) : files.error();
  if (!edit) {
    result["held_back"] = edit.error().message;
    result["applied"] = false;
    if (task->result == FixResult::kApply)
      client_.show(MessageType::kWarning, "Graft found a fix and holds it back: " + edit.error().message + ".");
    task->reply.result(result);
    return end(task, "held back: " + edit.error().message);
  }
  hand_over(task, std::move(result), std::move(*edit));
}

void FixCommand::hand_over(const std::shared_ptr<Task>& task, Json result, Json edit) {
  const std::string summary = base::json_string(result, "summary");
  result["edit"] = edit;
  if (task->result == FixResult::kReturn || !client_.capabilities.apply_edit) {
    task->reply.result(result);
    return end(task, summary);
  }
  end(task, summary);
  client_.request(
      "workspace/applyEdit", {{"label", "Fix with Graft"}, {"edit", std::move(edit)}},
      [this, task, result = std::move(result)](const Json& answer, const std::optional<RpcError>& error) mutable {
        const bool applied = !error && base::json_bool(answer, "applied");
        result["applied"] = applied;
        if (!applied) {
          const std::string reason = error ? error->message : base::json_string(answer, "failureReason");
          result["held_back"] = "the editor did not apply it" + (reason.empty() ? "" : ": " + reason);
          client_.show(MessageType::kInfo, "Graft: the fix was not applied.");
        }
        task->reply.result(result);
      });
}

void FixCommand::end(const std::shared_ptr<Task>& task, const std::string& summary) {
  task->progress->end(summary);
  status_.fixing(false);
  if (running_ == task) running_.reset();
}

}  // namespace lsp
