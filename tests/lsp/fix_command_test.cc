// SPDX-License-Identifier: Apache-2.0
#include "lsp/fix_command.h"

#include <doctest/doctest.h>

#include "lsp/uri.h"
#include "tests/lsp/harness.h"
#include "tests/support/temp_dir.h"

using test::Harness, test::Json;

namespace {

tools::FileEdit file_edit(tools::FileAction action, std::string path, std::optional<std::string> old_text,
                          std::vector<tools::Replacement> replacements) {
  tools::FileEdit edit;
  edit.action = action;
  edit.path = std::move(path);
  if (old_text) edit.base = tools::content_hash(*old_text);
  edit.replacements = std::move(replacements);
  return edit;
}

// A project with one file, open in the editor, and a repair that the test scripts.
struct Project {
  test::TempDir folder;
  agent::FixRequest asked;
  agent::FixReport report;
  std::function<void()> during = [] {};
  std::unique_ptr<Harness> server;
  agent::FixProgress doing{"trying", "src/a.py:1", 3, 9, 0.5};

  explicit Project(const std::string& text, const std::string& fix_result = "return",
                   Json more_capabilities = Json::object()) {
    folder.write("src/a.py", text);
    lsp::Services services;
    services.fix = [this](const agent::FixRequest& request,
                          const std::function<void(const agent::FixProgress&)>& progress,
                          std::stop_token stop) -> base::Result<agent::FixReport> {
      asked = request;
      progress(doing);
      const auto call = during;  // it may replace itself
      call();
      if (stop.stop_requested()) return base::cancelled();
      return report;
    };
    server = std::make_unique<Harness>(services);
    Json capabilities = {{"workspace",
                          {{"applyEdit", true},
                           {"workspaceEdit",
                            {{"documentChanges", true},
                             {"changeAnnotationSupport", Json::object()},
                             {"resourceOperations", {"create", "delete"}}}}}}};
    capabilities.merge_patch(more_capabilities);
    server->start(
        {{"capabilities", capabilities},
         {"rootUri", lsp::uri_of_path(folder.path())},
         {"initializationOptions", {{"fixResult", fix_result}, {"check", {{"command", "make test"}, {"budget", 7}}}}}});
  }

  std::string uri() const { return lsp::uri_of_path(folder.path() / "src/a.py"); }
  void open(const std::string& text) { server->open(uri(), text); }
  // The repair replaces `from` by `to` in the file as it is on disk.
  void will_replace(const std::string& from, const std::string& to) {
    const std::string text = folder.read("src/a.py");
    const size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    report.status = agent::FixReport::Status::kVerified;
    report.summary = "The check passes.";
    report.proposer = "mutation: comparison";
    report.patch = "diff --git ...";
    report.evidence = {{"base", "exit 1", 0.5, "boom"}, {"4b82", "exit 0", 0.4, ""}};
    report.others_tried = 4;
    report.also_passed = 1;
    report.alternatives = {{"diff --git b", "mutation: boolean", "src/a.py:1: another", {true, 1, 0}}};
    report.edit.files = {file_edit(tools::FileAction::kModify, "src/a.py", text, {{at, at + from.size(), to}})};
  }
  Json fix(Json argument = Json::object()) {
    if (!argument.contains("uri")) argument["uri"] = uri();
    return server->request("workspace/executeCommand",
                           {{"command", "graft.fix"}, {"arguments", {argument}}, {"workDoneToken", "t"}});
  }
};

}  // namespace

TEST_CASE("graft.fix: the check comes from the settings, the result carries edit, evidence and patch") {
  Project project("if a > b:\n  pass\n");
  project.open("if a > b:\n  pass\n");
  project.will_replace(">", ">=");
  const Json result = project.fix()["result"];
  CHECK(project.asked.check == "make test");
  CHECK(project.asked.budget_checks == 7);
  CHECK(project.asked.root == project.folder.path());
  CHECK(result["status"] == "verified");
  CHECK(result["patch"] == "diff --git ...");
  CHECK(result["evidence"].size() == 2);
  CHECK(result["evidence"][0]["ending"] == "exit 1");
  CHECK(result["strength"] == "weak");
  CHECK(result["words"] == "which tests run the changed lines is not known; 1 of 4 other changes passes as well: read them");
  CHECK(result["tests"].is_null());
  CHECK(result["others_tried"] == 4);
  REQUIRE(result["alternatives"].size() == 1);
  CHECK(result["alternatives"][0]["patch"] == "diff --git b");
  CHECK(result["alternatives"][0]["tests"] == Json{{"failed_before", 1}, {"passed_before", 0}, {"at_least", false}});
  const Json& change = result["edit"]["documentChanges"][0];
  CHECK(change["textDocument"] == Json{{"uri", project.uri()}, {"version", 1}});
  CHECK(change["edits"][0]["newText"] == ">=");
  CHECK(change["edits"][0]["range"]["start"] == Json{{"line", 0}, {"character", 5}});
  CHECK(result["edit"]["changeAnnotations"]["graft"]["needsConfirmation"] == false);  // the plugin reviews
  // Progress under the client's token: begin, at least one report, end.
  std::vector<std::string> kinds;
  for (const Json& note : project.server->take("$/progress")) kinds.push_back(note["params"]["value"]["kind"]);
  CHECK(kinds == std::vector<std::string>{"begin", "report", "end"});
}

TEST_CASE("graft.fix: progress counts checks and candidates once there are any") {
  Project project("a = 1\n");
  const auto told = [&] {
    project.fix();
    for (const Json& note : project.server->take("$/progress"))
      if (note["params"]["value"]["kind"] == "report") return std::string(note["params"]["value"]["message"]);
    return std::string();
  };
  CHECK(told() == "trying: src/a.py:1 (3 of 7 checks, 9 candidates, 0 s)");
  project.doing = {"running the check", "make test", 0, 0, 0.0};
  CHECK(told() == "running the check: make test");
}

TEST_CASE(
    "graft.fix: with \"apply\" the editor is asked to apply, with a confirmation, and the outcome is in the result") {
  Project project("a = 1\n", "apply");
  project.will_replace("1", "2");
  project.server->send({{"id", "f"},
                        {"method", "workspace/executeCommand"},
                        {"params", {{"command", "graft.fix"}, {"arguments", {{{"uri", project.uri()}}}}}}});
  const auto asked = project.server->take("workspace/applyEdit");
  REQUIRE(asked.size() == 1);
  const Json& edit = asked[0]["params"]["edit"];
  CHECK(edit["changeAnnotations"]["graft"]["needsConfirmation"] == true);
  CHECK(edit["changeAnnotations"]["graft"]["description"].get<std::string>().find("Evidence: weak: ") != std::string::npos);
  CHECK(edit["documentChanges"][0]["textDocument"]["version"].is_null());  // not open in the editor
  CHECK(edit["documentChanges"][0]["edits"][0]["annotationId"] == "graft");
  project.server->send({{"id", asked[0]["id"]}, {"result", {{"applied", false}, {"failureReason", "no"}}}});
  const Json& answer = project.server->sent.back();
  CHECK(answer["id"] == "f");
  CHECK(answer["result"]["applied"] == false);
  CHECK(answer["result"]["held_back"] == "the editor did not apply it: no");
}

TEST_CASE("graft.fix: unsaved changes in the project are refused by name before anything runs") {
  Project project("a = 1\n");
  project.open("a = 1\n");
  project.server->change(project.uri(), 2, 0, 4, 5, "3");
  const Json answer = project.fix();
  CHECK(answer["error"]["code"] == -32803);
  CHECK(answer["error"]["message"].get<std::string>().find("a.py") != std::string::npos);
  CHECK(project.asked.check.empty());
  // Saved again (typed back to what is on disk), it runs.
  project.server->change(project.uri(), 3, 0, 4, 5, "1");
  CHECK(project.fix()["result"]["status"] == "none");
}

TEST_CASE("graft.fix: an edit is held back when the text changed in the editor or on disk meanwhile") {
  Project typed("a = 1\n");
  typed.open("a = 1\n");
  typed.will_replace("1", "2");
  typed.during = [&] { typed.server->change(typed.uri(), 2, 0, 0, 0, "b"); };
  Json result = typed.fix()["result"];
  CHECK(result["status"] == "verified");
  CHECK_FALSE(result.contains("edit"));
  CHECK(result["applied"] == false);
  CHECK(result["held_back"] == "a.py changed in the editor since the check ran");

  Project written("a = 1\n");
  written.will_replace("1", "2");
  written.during = [&] { written.folder.write("src/a.py", "a = 10\n"); };
  result = written.fix()["result"];
  CHECK_FALSE(result.contains("edit"));
  CHECK(result["held_back"] == "src/a.py changed on disk since the check ran");
}

TEST_CASE("graft.fix: byte order mark and CRLF: positions are the editor's, an edit of Latin-1 is held back") {
  Project marked(
      "\xEF\xBB\xBF"
      "a = 1\r\nb = 1\r\n");
  marked.open("a = 1\r\nb = 1\r\n");
  marked.will_replace("b = 1", "b = 2");
  const Json result = marked.fix()["result"];
  CHECK(result["edit"]["documentChanges"][0]["edits"][0]["range"]["start"] == Json{{"line", 1}, {"character", 0}});
  CHECK(result["edit"]["documentChanges"][0]["edits"][0]["range"]["end"] == Json{{"line", 1}, {"character", 5}});

  Project latin("# caf\xE9\na = 1\n");
  latin.will_replace("1", "2");
  CHECK(latin.fix()["result"]["held_back"] == "src/a.py is not UTF-8");
}

TEST_CASE("graft.fix: new and removed files need an editor that takes them") {
  Project project("a = 1\n");
  project.will_replace("1", "2");
  project.report.edit.files.push_back(file_edit(tools::FileAction::kCreate, "b.py", std::nullopt, {{0, 0, "c = 1\n"}}));
  Json result = project.fix()["result"];
  REQUIRE(result["edit"]["documentChanges"].size() == 3);
  CHECK(result["edit"]["documentChanges"][1]["kind"] == "create");

  Project plain("a = 1\n", "return", {{"workspace", {{"workspaceEdit", nullptr}}}});
  plain.will_replace("1", "2");
  CHECK(plain.fix()["result"]["edit"]["changes"][plain.uri()].size() == 1);
  plain.report.edit.files.push_back(file_edit(tools::FileAction::kDelete, "src/b.py", "x", {}));
  plain.folder.write("src/b.py", "x");
  CHECK(plain.fix()["result"]["held_back"] == "b.py is to be removed, which this editor does not take");
}

TEST_CASE("graft.fix: cancelled by the progress or by the request, it answers RequestCancelled and the next one runs") {
  Project project("a = 1\n");
  project.during = [&] { project.server->notify("window/workDoneProgress/cancel", {{"token", "t"}}); };
  CHECK(project.fix()["error"]["code"] == -32800);
  project.during = [&] { project.server->notify("$/cancelRequest", {{"id", 3}}); };
  CHECK(project.fix()["error"]["code"] == -32800);
  bool refused = false;
  project.during = [&] {
    project.during = [] {};
    refused = project.fix()["error"]["code"] == -32803;  // one at a time
  };
  CHECK(project.fix()["result"]["status"] == "none");
  CHECK(refused);
}

TEST_CASE("graft.fix: no check, no folder, no such command") {
  Project project("a = 1\n");
  CHECK(project.fix({{"check", "  "}})["error"]["code"] == -32602);
  CHECK(project.fix({{"check", "pytest -q"}})["result"]["status"] == "none");
  CHECK(project.asked.check == "pytest -q");
  CHECK(project.server->request("workspace/executeCommand", {{"command", "rm"}})["error"]["code"] == -32602);
  lsp::Services services;
  services.fix = [](const auto&, const auto&, std::stop_token) -> base::Result<agent::FixReport> {
    return agent::FixReport{};
  };
  Harness bare(services);
  bare.start({{"capabilities", Json::object()}, {"initializationOptions", {{"check", {{"command", "x"}}}}}});
  CHECK(bare.request("workspace/executeCommand", {{"command", "graft.fix"}})["error"]["code"] == -32602);
}

TEST_CASE("codeAction: offered where asked for or where something is wrong; disabled with a reason without a check") {
  Project project("a = 1\n");
  project.open("a = 1\n");
  const auto actions = [&](Json context) {
    return project.server->request("textDocument/codeAction",
                                   {{"textDocument", {{"uri", project.uri()}}}, {"context", context}})["result"];
  };
  CHECK(actions({{"triggerKind", 2}, {"diagnostics", Json::array()}}).empty());
  CHECK(actions({{"only", {"refactor"}}}).empty());
  const Json invoked = actions({{"triggerKind", 1}, {"diagnostics", Json::array()}});
  REQUIRE(invoked.size() == 1);
  CHECK(invoked[0]["command"]["command"] == "graft.fix");
  const Json found = actions({{"triggerKind", 2}, {"diagnostics", {{{"message", "m"}}}}});
  REQUIRE(found.size() == 1);
  CHECK(found[0]["command"]["arguments"][0]["focus"] == true);
  project.server->notify("workspace/didChangeConfiguration",
                         {{"settings", {{"graft", {{"check", {{"command", ""}}}}}}}});
  CHECK(actions({{"triggerKind", 1}}).empty());  // this client can't show a disabled action
}
