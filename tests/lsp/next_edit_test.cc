// SPDX-License-Identifier: Apache-2.0
#include "lsp/next_edit.h"

#include <doctest/doctest.h>

#include "tests/lsp/harness.h"

using test::Harness, test::Json;

namespace {

const char* kUri = "file:///p/a.py";
const char* kText = "get(1)\nx = 2\nget(3)\nprint(x, get(4))\n";

Json with_annotations() {
  return {
      {"capabilities",
       {{"workspace", {{"workspaceEdit", {{"documentChanges", true}, {"changeAnnotationSupport", Json::object()}}}}}}}};
}

// `get` in line 0 became `fetch`.
void make_an_edit(Harness& server) {
  server.open(kUri, kText);
  server.change(kUri, 2, 0, 0, 3, "fetch");
}

Json next_edit(Harness& server, int line, int character, std::optional<int> version = std::nullopt) {
  Json params = test::at(kUri, line, character);
  if (version) params["textDocument"]["version"] = *version;
  return server.request("graft/nextEdit", params);
}

Json actions(Harness& server, int line, Json context = {{"diagnostics", Json::array()}}) {
  Json position = {{"line", line}, {"character", 0}};
  return server.request("textDocument/codeAction", {{"textDocument", {{"uri", kUri}}},
                                                    {"range", {{"start", position}, {"end", position}}},
                                                    {"context", std::move(context)}})["result"];
}

Json span(int line, int from, int to) {
  return {{"start", {{"line", line}, {"character", from}}}, {"end", {{"line", line}, {"character", to}}}};
}

}  // namespace

TEST_CASE("graft/nextEdit: all places, the next one behind the cursor first, with the version they are about") {
  Harness server;
  server.start();
  make_an_edit(server);
  const Json result = next_edit(server, 1, 0)["result"];
  CHECK(result["version"] == 2);
  REQUIRE(result["edits"].size() == 2);
  CHECK(result["edits"][0]["range"] == span(2, 0, 3));
  CHECK(result["edits"][0]["newText"] == "fetch");
  CHECK(result["edits"][0]["why"] == "`get` became `fetch`");
  CHECK(result["edits"][0]["probability"] > 0.5);
  CHECK(result["edits"][1]["range"] == span(3, 9, 12));
  CHECK(next_edit(server, 3, 0)["result"]["edits"][0]["range"] == span(3, 9, 12));
}

TEST_CASE(
    "graft/nextEdit: nothing before an edit, after it was taken back, after a new text, where it is switched off") {
  Harness server;
  server.start();
  server.open(kUri, kText);
  CHECK(next_edit(server, 0, 0)["result"]["edits"].empty());
  server.change(kUri, 2, 0, 0, 3, "fetch");
  CHECK(next_edit(server, 0, 0)["result"]["edits"].size() == 2);
  server.change(kUri, 3, 0, 0, 5, "get");
  CHECK(next_edit(server, 0, 0)["result"]["edits"].empty());
  server.change(kUri, 4, 0, 0, 3, "fetch");
  server.notify("textDocument/didChange", {{"textDocument", {{"uri", kUri}, {"version", 5}}},
                                           {"contentChanges", {{{"text", "fetch(1)\nget(2)\n"}}}}});
  CHECK(next_edit(server, 0, 0)["result"]["edits"].empty());
  server.change(kUri, 6, 0, 0, 5, "put");
  server.change(kUri, 7, 1, 0, 3, "put");
  server.notify("workspace/didChangeConfiguration", {{"settings", {{"graft", {{"nextEdit", {{"enabled", false}}}}}}}});
  CHECK(next_edit(server, 0, 0)["result"]["edits"].empty());
  CHECK(actions(server, 0).empty());
}

TEST_CASE("graft/nextEdit: stale versions and broken params are refused") {
  Harness server;
  server.start();
  make_an_edit(server);
  CHECK(next_edit(server, 0, 0, 2)["result"]["edits"].size() == 2);
  CHECK(next_edit(server, 0, 0, 1)["error"]["code"] == -32801);
  CHECK(server.request("graft/nextEdit", {{"textDocument", {{"uri", kUri}}}})["error"]["code"] == -32602);
  CHECK(server.request("graft/nextEdit", test::at("file:///p/b.py", 0, 0))["error"]["code"] == -32602);
}

TEST_CASE("graft/nextEdit: a document of no known language has none") {
  Harness server;
  server.start();
  server.open(kUri + std::string("x"), kText, "plaintext");
  server.change(kUri + std::string("x"), 2, 0, 0, 3, "fetch");
  CHECK(server.request("graft/nextEdit", test::at(kUri + std::string("x"), 0, 0))["result"]["edits"].empty());
}

TEST_CASE("inlineCompletion: on the line of a next edit it is the item, with a range around the cursor") {
  Harness server(test::services_with([](const agent::CompleteRequest&, std::stop_token) {
    return base::Result<std::vector<agent::CompletionItem>>({{"from the model", -0.1, 2}});
  }));
  server.start();
  make_an_edit(server);
  const auto ask = [&](int line, int character) {
    return server.request("textDocument/inlineCompletion", test::at(kUri, line, character))["result"]["items"];
  };
  Json items = ask(2, 6);
  REQUIRE(items.size() == 1);
  CHECK(items[0]["insertText"] == "fetch(3)");
  CHECK(items[0]["range"] == span(2, 0, 6));
  items = ask(3, 0);
  REQUIRE(items.size() == 1);
  CHECK(items[0]["insertText"] == "print(x, fetch");
  CHECK(ask(1, 5)[0]["insertText"] == "from the model");  // no next edit on this line
  CHECK(ask(0, 5)[0]["insertText"] == "from the model");  // at the edit itself
}

TEST_CASE("copilotInlineEdit: the next edit wherever it is; another version is refused") {
  Harness server(test::services_with([](const agent::CompleteRequest&, std::stop_token) {
    return base::Result<std::vector<agent::CompletionItem>>({{"from the model", -0.1, 2}});
  }));
  server.start();
  make_an_edit(server);
  const auto ask = [&](int version) {
    Json params = test::at(kUri, 0, 5);
    params["textDocument"]["version"] = version;
    return server.request("textDocument/copilotInlineEdit", params);
  };
  const Json edits = ask(2)["result"]["edits"];
  REQUIRE(edits.size() == 1);
  CHECK(edits[0]["text"] == "fetch");
  CHECK(edits[0]["range"] == span(2, 0, 3));
  CHECK(edits[0]["textDocument"] == Json{{"uri", kUri}, {"version", 2}});
  CHECK(ask(1)["error"]["code"] == -32801);
  server.change(kUri, 3, 2, 0, 3, "fetch");
  server.change(kUri, 4, 3, 9, 12, "fetch");
  CHECK(ask(4)["result"]["edits"][0]["text"] == "from the model");  // no place is left
}

TEST_CASE("codeAction: here, and at all places, as a versioned edit with an annotation") {
  Harness server;
  const Json kinds = server.start(with_annotations())["codeActionProvider"]["codeActionKinds"];
  CHECK(std::find(kinds.begin(), kinds.end(), "refactor.rewrite") != kinds.end());
  make_an_edit(server);
  const Json all = actions(server, 2);
  REQUIRE(all.size() == 2);
  CHECK(all[0]["title"] == "Make the same change here: `get` became `fetch`");
  CHECK(all[0]["kind"] == "refactor.rewrite");
  const Json& edit = all[0]["edit"]["documentChanges"][0];
  CHECK(edit["textDocument"] == Json{{"uri", kUri}, {"version", 2}});
  REQUIRE(edit["edits"].size() == 1);
  CHECK(edit["edits"][0]["range"] == span(2, 0, 3));
  const std::string annotation = edit["edits"][0]["annotationId"];
  CHECK(all[0]["edit"]["changeAnnotations"][annotation]["needsConfirmation"] == false);
  CHECK(all[1]["title"] == "Make the same change at the other 2 places");
  CHECK(all[1]["edit"]["documentChanges"][0]["edits"].size() == 2);
  CHECK(all[1]["edit"]["changeAnnotations"][annotation]["needsConfirmation"] == true);

  CHECK(actions(server, 1).size() == 1);
  CHECK(actions(server, 2, {{"only", {"quickfix"}}}).empty());
  CHECK(actions(server, 2, {{"only", {"refactor"}}}).size() == 2);
  server.change(kUri, 3, 2, 0, 3, "fetch");
  CHECK(actions(server, 0)[0]["title"] == "Make the same change in line 4");
}

TEST_CASE("codeAction: a client without versioned edits gets plain ones") {
  Harness server;
  server.start();
  make_an_edit(server);
  CHECK(actions(server, 2)[0]["edit"]["changes"][kUri][0]["newText"] == "fetch");
}

TEST_CASE("next edit: columns are in the encoding that was agreed on") {
  Harness server;
  server.start();
  server.open(kUri, "get(1)\nprint('\xF0\x9F\x8D\x89', get(2))\n");
  server.change(kUri, 2, 0, 0, 3, "fetch");
  CHECK(next_edit(server, 0, 0)["result"]["edits"][0]["range"] == span(1, 12, 15));  // UTF-16: the melon is two
}
