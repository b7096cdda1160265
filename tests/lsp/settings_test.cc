// SPDX-License-Identifier: Apache-2.0
#include "lsp/settings.h"

#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "lsp/uri.h"
#include "lsp/workspace.h"

using Json = nlohmann::json;

TEST_CASE("settings: the server's names, types and defaults are those of the schema file for all editors") {
  std::ifstream file(GRAFT_SOURCE_DIR "/editors/settings.schema.json");
  REQUIRE(file);
  const Json schema = Json::parse(file);
  const Json& properties = schema["properties"];
  std::ifstream package_file(GRAFT_SOURCE_DIR "/editors/vscode/package.json");
  REQUIRE(package_file);
  const Json package = Json::parse(package_file);
  const Json& in_vscode = package["contributes"]["configuration"]["properties"];
  for (const auto& setting : lsp::all_settings()) {
    CAPTURE(setting.name);
    REQUIRE(properties.contains(setting.name));
    CHECK(properties[setting.name]["type"] == setting.type);
    CHECK(properties[setting.name]["default"] == Json::parse(setting.default_json));
    CHECK(properties[setting.name]["description"].is_string());
    REQUIRE(in_vscode.contains(setting.name));
    CHECK(in_vscode[setting.name]["type"] == setting.type);
    CHECK(in_vscode[setting.name]["default"] == Json::parse(setting.default_json));
  }
}

TEST_CASE("settings: as a tree, with dotted names, wrapped in \"graft\"; wrong values keep what was") {
  std::vector<std::string> problems;
  for (const char* text :
       {R"({"check":{"command":"c","budget":5}})", R"({"check.command":"c","check.budget":5})",
        R"({"graft.check.command":"c","graft.check.budget":5})", R"({"graft":{"check":{"command":"c","budget":5}}})"}) {
    CAPTURE(text);
    const auto settings = lsp::read_settings(Json::parse(text), {}, problems);
    CHECK(settings.check_command == "c");
    CHECK(settings.check_budget == 5);
  }
  CHECK(lsp::read_settings(Json::parse(R"({"check":{"jobs":3}})"), {}, problems).check_jobs == 3);
  CHECK(problems.empty());
  lsp::Settings before;
  before.check_jobs = 2;
  before.check_budget = 9;
  const auto settings = lsp::read_settings(
      Json::parse(
          R"({"check":{"command":3,"budget":0,"timeoutSeconds":1e99,"jobs":65},"completion":{"enabled":"yes"},"model":null})"),
      before, problems);
  CHECK(settings.check_budget == 9);
  CHECK(settings.check_jobs == 2);
  CHECK(settings.completion_enabled);
  CHECK(problems.size() == 5);
  CHECK(lsp::read_settings(Json::array({1}), before, problems).check_budget == 9);
}

TEST_CASE("uri: paths and back, escapes, and what is no file here") {
  CHECK(lsp::path_of_uri("file:///a%20b/%C3%A9.py") == std::filesystem::path("/a b/\xC3\xA9.py"));
  CHECK(lsp::path_of_uri("file://localhost/a/../b") == std::filesystem::path("/b"));
  CHECK(lsp::uri_of_path("/a b/#?%.py") == "file:///a%20b/%23%3F%25.py");
  CHECK(lsp::path_of_uri(lsp::uri_of_path("/x/\xF0\x9F\x98\x80 y")) == std::filesystem::path("/x/\xF0\x9F\x98\x80 y"));
  for (const char* bad : {"untitled:Untitled-1", "http://a/b", "file://host/a", "file:///a%00b", "", "file:"})
    CHECK_FALSE(lsp::path_of_uri(bad));
}

TEST_CASE("workspace: the innermost folder around a file, the only one for files outside") {
  lsp::Workspace workspace;
  workspace.initialize(
      Json::parse(R"({"workspaceFolders":[{"uri":"file:///p"},{"uri":"file:///p/inner/"},{"uri":"http://x"}]})"));
  REQUIRE(workspace.folders().size() == 2);
  CHECK(workspace.folder_of("file:///p/inner/a.py")->path == "/p/inner");
  CHECK(workspace.folder_of("file:///p/innermost/a.py")->path == "/p");
  CHECK(workspace.folder_of("file:///q/a.py") == nullptr);
  workspace.change(Json::parse(R"({"event":{"removed":[{"uri":"file:///p/inner/"}],"added":[]}})"));
  CHECK(workspace.folder_of("file:///q/a.py")->path == "/p");
}
