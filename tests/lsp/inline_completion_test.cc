// SPDX-License-Identifier: Apache-2.0
#include "lsp/inline_completion.h"

#include <doctest/doctest.h>

#include "tests/lsp/harness.h"

using test::Harness, test::Json;

namespace {

const char* kUri = "file:///p/a.py";

// A server whose model always says `text`; the questions that it got are kept.
struct Model {
  std::string text = "b)";
  std::vector<agent::CompleteRequest> asked;
  lsp::Services services() {
    return test::services_with([this](const agent::CompleteRequest& request, std::stop_token) {
      asked.push_back(request);
      return base::Result<std::vector<agent::CompletionItem>>({{text, -0.1, 2}});
    });
  }
};

Json ask(Harness& server, int line, int character, Json context = {{"triggerKind", 2}}) {
  Json params = test::at(kUri, line, character);
  params["context"] = std::move(context);
  return server.request("textDocument/inlineCompletion", params);
}

}  // namespace

TEST_CASE("inlineCompletion: the text around the cursor goes to the model, its answer comes with a range") {
  Model model;
  Harness server(model.services());
  CHECK(server.start({{"capabilities", Json::object()}, {"rootUri", "file:///p"}})["inlineCompletionProvider"]
            .is_object());
  server.open(kUri, "x = f(a, \ny = 2\n");
  const Json items = ask(server, 0, 9)["result"]["items"];
  REQUIRE(items.size() == 1);
  CHECK(items[0]["insertText"] == "b)");
  CHECK(items[0]["range"]["start"] == Json{{"line", 0}, {"character", 9}});
  CHECK(items[0]["range"]["end"] == items[0]["range"]["start"]);
  REQUIRE(model.asked.size() == 1);
  CHECK(model.asked[0].prefix == "x = f(a, ");
  CHECK(model.asked[0].suffix == "\ny = 2\n");
  CHECK(model.asked[0].path == "a.py");
  CHECK(model.asked[0].single_line);
}

TEST_CASE("inlineCompletion: open files of the same language come along, the one edited last first") {
  Model model;
  Harness server(model.services());
  server.start();
  server.open(kUri, "x = f(\n");
  server.open("file:///p/b.py", "b = 1\n");
  server.open("file:///p/c.py", "c = 1\n");
  server.notify("textDocument/didOpen", {{"textDocument", {{"uri", "file:///p/.env"}, {"languageId", "dotenv"}, {"version", 1}, {"text", "KEY=1\n"}}}});
  server.change("file:///p/b.py", 2, 0, 0, 0, "#");
  ask(server, 0, 6);
  REQUIRE(model.asked.size() == 1);
  CHECK(model.asked[0].other_texts == std::vector<std::string>{"#b = 1\n", "c = 1\n"});
}

TEST_CASE("inlineCompletion: the files around are read after the answer, once for a file") {
  std::vector<std::string> looked;
  const auto remembered = std::make_shared<std::vector<std::string>>();
  lsp::Services services = test::services_with(
      [&](const agent::CompleteRequest& request, std::stop_token) {
        if (request.path == "a.py" && looked.size() == 1) CHECK(*remembered == std::vector<std::string>{"around a.py"});
        if (looked.empty()) CHECK(remembered->empty());  // nobody waits for them
        return base::Result<std::vector<agent::CompletionItem>>(std::vector<agent::CompletionItem>());
      },
      remembered);
  services.near_files = [&](const std::filesystem::path& root, std::string_view path, std::stop_token) {
    looked.push_back(root.string() + " " + std::string(path));
    if (path == "broken.py") return base::Result<std::vector<std::string>>(base::invalid("no such folder"));
    return base::Result<std::vector<std::string>>({"around " + std::string(path)});
  };
  Harness server(std::move(services));
  server.start({{"capabilities", Json::object()}, {"rootUri", "file:///p"}});
  for (const char* name : {"a.py", "b.py", "broken.py"}) server.open("file:///p/" + std::string(name), "x = f(\n");
  const auto ask_in = [&](const std::string& uri) {
    Json params = test::at(uri, 0, 6);
    params["context"] = {{"triggerKind", 2}};
    CHECK(server.request("textDocument/inlineCompletion", params).contains("result"));
  };
  ask_in("file:///p/a.py");
  ask_in("file:///p/a.py");
  CHECK(looked == std::vector<std::string>{"/p a.py"});
  ask_in("file:///p/b.py");
  CHECK(*remembered == std::vector<std::string>{"around b.py"});
  ask_in("file:///p/broken.py");
  CHECK(*remembered == std::vector<std::string>{"around b.py"});
  server.open("file:///elsewhere/d.py", "x = f(\n");  // of no folder of the workspace
  ask_in("file:///elsewhere/d.py");
  CHECK(looked.size() == 3);
}

TEST_CASE("inlineCompletion: what the user types of a suggestion leaves the rest of it, without the model") {
  Model model;
  model.text = "hello)";
  Harness server(model.services());
  server.start();
  server.open(kUri, "x = f(\n");
  CHECK(ask(server, 0, 6)["result"]["items"][0]["insertText"] == "hello)");
  server.change(kUri, 2, 0, 6, 6, "h");
  server.change(kUri, 3, 0, 7, 7, "e");
  CHECK(ask(server, 0, 8)["result"]["items"][0]["insertText"] == "llo)");
  CHECK(model.asked.size() == 1);
  server.change(kUri, 4, 0, 8, 8, "X");  // something else: asked anew
  ask(server, 0, 9);
  CHECK(model.asked.size() == 2);
}

TEST_CASE("inlineCompletion: nothing inside a word, nothing when turned off") {
  Model model;
  Harness server(model.services());
  server.start();
  server.open(kUri, "value = 1\n");
  CHECK(ask(server, 0, 3)["result"]["items"].empty());
  server.notify("workspace/didChangeConfiguration",
                {{"settings", {{"graft", {{"completion", {{"enabled", false}}}}}}}});
  CHECK(ask(server, 0, 9)["result"]["items"].empty());
  CHECK(model.asked.empty());
}

TEST_CASE("inlineCompletion: extends what the editor's menu has selected") {
  Model model;
  Harness server(model.services());
  server.start();
  server.open(kUri, "x = pri\n");
  const Json range = {{"start", {{"line", 0}, {"character", 4}}}, {"end", {{"line", 0}, {"character", 7}}}};
  const Json items =
      ask(server, 0, 7,
          {{"triggerKind", 2}, {"selectedCompletionInfo", {{"range", range}, {"text", "print("}}}})["result"]["items"];
  REQUIRE(items.size() == 1);
  CHECK(items[0]["insertText"] == "print(b)");
  CHECK(items[0]["range"] == range);
  CHECK(model.asked[0].prefix == "x = print(");
}

TEST_CASE("inlineCompletion: several lines where a block begins, one elsewhere") {
  Model model;
  Harness server(model.services());
  server.start();
  server.open(kUri, "def f(a):\n    \nx = \nif a: \n");
  ask(server, 1, 4);
  ask(server, 2, 4);
  ask(server, 3, 6);
  ask(server, 2, 4, {{"triggerKind", 1}});
  REQUIRE(model.asked.size() == 4);
  CHECK_FALSE(model.asked[0].single_line);
  CHECK(model.asked[1].single_line);
  CHECK_FALSE(model.asked[2].single_line);
  CHECK_FALSE(model.asked[3].single_line);  // asked for by a person
}

TEST_CASE(
    "inlineCompletion: broken params, unknown documents and a model that fails are errors; no model is an empty "
    "answer") {
  Model model;
  Harness server(model.services());
  server.start();
  CHECK(ask(server, 0, 0)["error"]["code"] == -32602);
  server.open(kUri, "x\n");
  CHECK(server.request("textDocument/inlineCompletion", {{"textDocument", {{"uri", kUri}}}})["error"]["code"] ==
        -32602);
  CHECK(ask(server, 0, -1)["error"]["code"] == -32602);

  Harness broken(test::services_with([](const agent::CompleteRequest&, std::stop_token) {
    return base::Result<std::vector<agent::CompletionItem>>(base::corrupt("tensor x: bad"));
  }));
  broken.start();
  broken.open(kUri, "x = \n");
  CHECK(ask(broken, 0, 4)["error"]["code"] == -32803);

  lsp::Services none = model.services();
  none.load_model = [](const std::filesystem::path&) -> base::Result<std::shared_ptr<const engine::Engine>> {
    return base::Error{base::ErrorCode::kNotFound, "no model here"};
  };
  Harness without(none);
  without.start();
  without.open(kUri, "x = \n");
  CHECK(ask(without, 0, 4)["result"]["items"].empty());
  const auto status = without.take("graft/status");
  REQUIRE_FALSE(status.empty());
  CHECK(status.back()["params"] == Json{{"phase", "failed"}, {"detail", "no model here"}});
}

TEST_CASE("copilotInlineEdit: the same suggestion in the words of Copilot's clients") {
  Model model;
  Harness server(model.services());
  server.start();
  server.open(kUri, "x = f(a, \n");
  const Json edits = server.request("textDocument/copilotInlineEdit", test::at(kUri, 0, 9))["result"]["edits"];
  REQUIRE(edits.size() == 1);
  CHECK(edits[0]["text"] == "b)");
  CHECK(edits[0]["textDocument"] == Json{{"uri", kUri}, {"version", 1}});
}

TEST_CASE("complete_request: of a large file only the neighbourhood, with a front that stays while typing") {
  auto document = std::make_shared<lsp::Document>();
  std::string text;
  while (text.size() < (2u << 20)) text += "line of code\n";
  lsp::InlineQuestion question;
  question.offset = question.replace_begin = question.replace_end = text.size() / 2;
  document->text = std::make_shared<lsp::Text>(text);
  question.document = document;
  const auto first = lsp::complete_request(question, {}, "a.py");
  CHECK(first.prefix.size() < 400u << 10);
  CHECK(first.suffix.size() <= 256u << 10);
  question.offset = question.replace_begin = question.replace_end = text.size() / 2 + 1;
  const auto next = lsp::complete_request(question, {}, "a.py");
  CHECK(next.prefix.starts_with(first.prefix));
}
