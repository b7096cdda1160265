// SPDX-License-Identifier: Apache-2.0
// What the tools do to a work tree, and what they do not.
#include <doctest/doctest.h>

#include <filesystem>

#include "tests/mcp/harness.h"
#include "tests/support/fake_model.h"

using test::Harness, test::Json;

namespace {

std::string text_of(const Json& result) {
  return result["content"][0]["text"];
}

bool says(const Json& result, const char* words) {
  return text_of(result).find(words) != std::string::npos;
}

const Json kEdit = {{"format", "search-replace"},
                    {"edit", "a.py\n<<<<<<< SEARCH\nx = 1\n=======\nx = 5\n>>>>>>> REPLACE\n"}};

Json with(Json object, const char* key, Json value) {
  object[key] = std::move(value);
  return object;
}

}  // namespace

TEST_CASE("mcp: the text of a result says what its structure says") {
  Harness harness;
  harness.start();
  const Json result = harness.call("symbols", {{"file", "a.py"}});
  CHECK(result["isError"] == false);
  CHECK(Json::parse(text_of(result)) == result["structuredContent"]);
}

TEST_CASE("mcp: a repair writes nothing unless asked to, and undo takes it back") {
  Harness harness;
  harness.start();
  const Json proposed = harness.call("fix", {{"check", "make test"}})["structuredContent"];
  CHECK(proposed["status"] == "verified");
  CHECK(proposed["applied"] == false);
  CHECK(proposed["evidence"]["runs"].size() == 2);
  CHECK(proposed["strength"] == "unclear");
  CHECK(harness.files.read("a.py") == "x = 1\n");
  const Json written = harness.call("fix", {{"check", "make test"}, {"apply", true}})["structuredContent"];
  CHECK(written["applied"] == true);
  CHECK(harness.files.read("a.py") == "x = 2\n");
  const Json log = harness.call("log")["structuredContent"]["tasks"];
  REQUIRE(log.size() == 1);
  CHECK(log[0]["task"] == written["task"]);
  CHECK(log[0]["name"] == "fix: make test");
  CHECK(harness.call("undo", {{"task", written["task"]}})["structuredContent"]["status"] == "undone");
  CHECK(harness.files.read("a.py") == "x = 1\n");
  CHECK(harness.call("undo", {{"redo", true}})["structuredContent"]["status"] == "brought_back");
  CHECK(harness.files.read("a.py") == "x = 2\n");
  const Json none = harness.call("undo", {{"task", "77"}});
  CHECK(none["isError"] == true);
  CHECK(none["structuredContent"]["status"] == "refused");
}

TEST_CASE("mcp: a repair of files that changed meanwhile is held back, and told with its patch") {
  mcp::Services services = Harness::quick_services();
  Harness* place = nullptr;
  services.fix = [&](const agent::FixRequest& request, const auto&, std::stop_token) {
    auto report = test::quick_fix(request);
    place->files.write("a.py", "x = 1  # typed meanwhile\n");
    return report;
  };
  Harness harness(services);
  place = &harness;
  harness.start();
  const Json result = harness.call("fix", {{"check", "make"}, {"apply", true}})["structuredContent"];
  CHECK(result["status"] == "verified");
  CHECK(result["applied"] == false);
  CHECK(result["held_back"].get<std::string>().find("a.py") != std::string::npos);
  CHECK_FALSE(result["patch"].get<std::string>().empty());
  CHECK(harness.files.read("a.py") == "x = 1  # typed meanwhile\n");
}

TEST_CASE("mcp: what a repair gets from the call, and what it says while it runs") {
  agent::FixRequest seen;
  mcp::Services services = Harness::quick_services();
  services.fix = [&](const agent::FixRequest& request, const std::function<void(const agent::FixProgress&)>& progress,
                     std::stop_token) -> base::Result<agent::FixReport> {
    seen = request;
    progress({"trying", "a.py:1", 3, 9, 2});
    return agent::FixReport{};
  };
  Harness harness(services);
  harness.start();
  harness.request(
      "tools/call",
      {{"name", "fix"},
       {"arguments", {{"check", "make"}, {"paths", {"src/", "./a.py"}}, {"budget", 7}, {"timeout_seconds", 20}}},
       {"_meta", {{"progressToken", "t"}}}});
  CHECK(seen.check == "make");
  CHECK(seen.root == harness.files.path());
  CHECK(seen.focus == std::vector<std::string>{"src", "a.py"});
  CHECK(seen.budget_checks == 7);
  CHECK(seen.budget_time == std::chrono::seconds(20));
  CHECK(seen.check_timeout == std::chrono::seconds(20));  // of 60, what fits into 20
  REQUIRE(harness.sent.size() == 1);
  CHECK(harness.sent[0]["method"] == "notifications/progress");
  CHECK(harness.sent[0]["params"] == Json{{"progressToken", "t"},
                                          {"progress", 1},
                                          {"message", "trying: a.py:1 (3 of 7 checks, 9 candidates, 2 s)"}});
  harness.sent.clear();
  const Json quiet = harness.call("fix", {{"check", "make"}});
  CHECK(quiet["structuredContent"]["status"] == "none");
  CHECK(quiet["isError"] == false);  // the honest no is an answer
  CHECK(harness.sent.empty());       // no token, no progress
}

TEST_CASE("mcp: a failed repair is an error in words, and an exception ends the call only") {
  mcp::Services services = Harness::quick_services();
  services.fix = [](const agent::FixRequest&, const auto&, std::stop_token) -> base::Result<agent::FixReport> {
    return base::Error{base::ErrorCode::kDenied, "No isolation: install bubblewrap."};
  };
  services.write_tests = [](const agent::TestRequest&, const auto&,
                            std::stop_token) -> base::Result<agent::TestReport> { throw std::runtime_error("broken"); };
  Harness harness(services);
  harness.start();
  const Json failed = harness.call("fix", {{"check", "make"}});
  CHECK(failed["isError"] == true);
  CHECK(text_of(failed) == "No isolation: install bubblewrap.");
  CHECK(harness.request("tools/call", {{"name", "write_tests"}, {"arguments", {{"file", "a.py"}}}})["error"]["code"] ==
        -32603);
  CHECK(harness.request("ping").contains("result"));
}

TEST_CASE("mcp: tests are asked for by file and symbol") {
  Harness harness;
  harness.start();
  const Json result = harness.call("write_tests", {{"file", "src/a.py"}, {"symbol", "A.f"}})["structuredContent"];
  CHECK(result["note"] == "src/a.py|A.f");
  CHECK(result["status"] == "none");
  CHECK(says(harness.call("write_tests", {{"file", ".env"}}), "secrets"));
}

TEST_CASE("mcp: an edit is shown, then applied, or refused with its reason and the files as they were") {
  Harness harness;
  harness.start();
  const Json shown = harness.call("apply_edit", kEdit)["structuredContent"];
  CHECK(shown["status"] == "would_apply");
  CHECK(shown["patch"].get<std::string>().find("+x = 5") != std::string::npos);
  CHECK_FALSE(shown.contains("task"));
  CHECK(harness.files.read("a.py") == "x = 1\n");
  const Json applied = harness.call("apply_edit", with(kEdit, "apply", true))["structuredContent"];
  CHECK(applied["status"] == "applied");
  CHECK(applied["files"] == Json::array({"a.py"}));
  CHECK(harness.files.read("a.py") == "x = 5\n");
  const Json again = harness.call("apply_edit", with(kEdit, "apply", true));  // its lines are gone
  CHECK(again["isError"] == true);
  CHECK(again["structuredContent"]["status"] == "refused");
  CHECK(harness.call("undo")["structuredContent"]["task"] == applied["task"]);
  CHECK(harness.files.read("a.py") == "x = 1\n");
  const Json broken = {{"format", "whole-file"}, {"edit", "a.py\n```\ndef f(:\n```\n"}, {"apply", true}};
  CHECK(says(harness.call("apply_edit", broken), "`allow_syntax_errors`"));
  CHECK(harness.files.read("a.py") == "x = 1\n");
  CHECK(harness.call("apply_edit", with(broken, "allow_syntax_errors", true))["structuredContent"]["status"] ==
        "applied");
  CHECK(harness.files.read("a.py") == "def f(:\n");
}

TEST_CASE("mcp: secrets, .git, links and what lies outside are neither read nor written, by any tool") {
  Harness harness;
  harness.start();
  const std::string word = "s3cr3t-word";
  for (const char* name : {".env", "sub/.env.local", "id_rsa", ".ssh/config.py"})
    harness.files.write(name, word + "\nx = 1\n");
  harness.files.write("server.key", "-----BEGIN PRIVATE KEY-----\n" + word + "\n");
  test::TempDir outside;
  outside.write("o.py", word + " = 1\n");
  std::filesystem::create_symlink(outside.path() / "o.py", harness.files.path() / "link.py");
  std::filesystem::create_directory_symlink(outside.path(), harness.files.path() / "folder");
  const std::string out = "../" + outside.path().filename().string() + "/o.py";
  for (const std::string& path : std::vector<std::string>{
           ".env", "sub/.env.local", "id_rsa", ".ssh/config.py", "server.key", "link.py", "folder/o.py", out,
           (outside.path() / "o.py").string(), ".git/config", ".GIT/config", "~/x.py"}) {
    CAPTURE(path);
    std::vector<Json> results = {
        harness.call("symbols", {{"file", path}}),
        harness.call("complete", {{"file", path}, {"line", 1}, {"column", 1}}),
        // Near enough that the nearest lines would be shown.
        harness.call("apply_edit", {{"format", "search-replace"},
                                    {"edit", path + "\n<<<<<<< SEARCH\ns3cr3t-wort\n=======\ny\n>>>>>>> REPLACE\n"},
                                    {"apply", true}}),
        harness.call("apply_edit", {{"format", "apply-patch"},
                                    {"edit", "*** Begin Patch\n*** Delete File: " + path + "\n*** End Patch\n"},
                                    {"apply", true}}),
        harness.call("apply_edit", {{"format", "apply-patch"},
                                    {"edit", "*** Begin Patch\n*** Update File: " + path +
                                                 "\n*** Move to: moved.py\n@@\n-x = 1\n+x = 2\n*** End Patch\n"},
                                    {"apply", true}})};
    for (const Json& result : results) {
      CHECK(result["isError"] == true);
      CHECK_FALSE(says(result, word.c_str()));
    }
  }
  CHECK_FALSE(std::filesystem::exists(harness.files.path() / "moved.py"));
  CHECK(harness.files.read(".env") == word + "\nx = 1\n");
  CHECK(outside.read("o.py") == word + " = 1\n");
  // New files under such names are not made either.
  for (const char* name : {".env.production", ".aws/new.py", "a/id_ed25519", ".git/hooks/post-commit"}) {
    CAPTURE(name);
    const Json made = harness.call(
        "apply_edit", {{"format", "whole-file"}, {"edit", std::string(name) + "\n```\ny\n```\n"}, {"apply", true}});
    CHECK(made["isError"] == true);
    const Json moved =
        harness.call("apply_edit", {{"format", "apply-patch"},
                                    {"edit", std::string("*** Begin Patch\n*** Update File: a.py\n*** Move to: ") +
                                                 name + "\n@@\n-x = 1\n+x = 2\n*** End Patch\n"},
                                    {"apply", true}});
    CHECK(moved["isError"] == true);
    CHECK_FALSE(std::filesystem::exists(harness.files.path() / name));
  }
  CHECK(harness.files.read("a.py") == "x = 1\n");
  // An example of one is a file like others, and a public key that only has the name of a private one.
  harness.files.write(".env.example", "A=1\n");
  harness.files.write("public.pem", "-----BEGIN CERTIFICATE-----\n");
  for (const char* edit : {".env.example\n```\nA=2\n```\n", "public.pem\n```\nz\n```\n"})
    CHECK(harness.call("apply_edit", {{"format", "whole-file"}, {"edit", edit}})["isError"] == false);
}

TEST_CASE("mcp: completions come from the model, and their lack is said") {
  Harness without;
  without.start();
  CHECK(says(without.call("complete", {{"file", "a.py"}, {"line", 1}, {"column", 3}}), "--model"));

  int loads = 0;
  mcp::Services services = Harness::quick_services();
  services.load_model = [&]() -> base::Result<std::shared_ptr<const engine::Engine>> {
    if (++loads == 1) return base::Error{base::ErrorCode::kNotFound, "no such model"};
    return test::fake_model();
  };
  Harness harness(services);
  harness.start();
  CHECK(text_of(harness.call("complete", {{"file", "a.py"}, {"line", 1}, {"column", 3}})) == "no such model");
  for (int i = 0; i < 2; ++i) {
    const Json result = harness.call("complete", {{"file", "a.py"}, {"line", 1}, {"column", 3}})["structuredContent"];
    REQUIRE(result["completions"].size() == 1);
    CHECK(result["completions"][0]["text"] == "word@2");
  }
  CHECK(loads == 2);
}

TEST_CASE("mcp: symbols with their lines and what they lie in") {
  Harness harness;
  harness.files.write("b.py", "class A:\n    def f(self):\n        return 1\n\n\ndef g():\n    pass\n");
  harness.start();
  const Json result = harness.call("symbols", {{"file", "b.py"}})["structuredContent"];
  CHECK(result["language"] == "python");
  REQUIRE(result["symbols"].size() == 3);
  CHECK(result["symbols"][0] == Json{{"name", "A"}, {"kind", "class"}, {"line", 1}, {"end_line", 3}});
  CHECK(result["symbols"][1]["container"] == "A");
  CHECK(result["symbols"][2] == Json{{"name", "g"}, {"kind", "function"}, {"line", 6}, {"end_line", 7}});
  CHECK(says(harness.call("symbols", {{"file", "none.py"}}), "none.py"));
  harness.files.write("x.unknown", "?");
  CHECK(says(harness.call("symbols", {{"file", "x.unknown"}}), "language"));
}
