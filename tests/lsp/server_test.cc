// SPDX-License-Identifier: Apache-2.0
#include "lsp/server.h"

#include <doctest/doctest.h>

#include "tests/lsp/harness.h"

using test::Harness, test::Json;

namespace {

const char* kUri = "file:///p/a.py";
Json with_encodings(Json encodings) {
  return {{"capabilities", {{"general", {{"positionEncodings", std::move(encodings)}}}}}};
}
Json nested_symbols() {
  return {{"capabilities", {{"textDocument", {{"documentSymbol", {{"hierarchicalDocumentSymbolSupport", true}}}}}}}};
}
Json symbols(Harness& server, const std::string& uri = kUri) {
  return server.request("textDocument/documentSymbol", {{"textDocument", {{"uri", uri}}}});
}

}  // namespace

TEST_CASE("lifecycle: before initialize, after shutdown and twice") {
  Harness server;
  CHECK(symbols(server)["error"]["code"] == -32002);
  server.open(kUri, "x = 1\n");  // ignored
  CHECK(server.request("initialize", {{"capabilities", Json::object()}}).contains("result"));
  CHECK(server.request("initialize", {{"capabilities", Json::object()}})["error"]["code"] == -32600);
  CHECK(symbols(server)["error"]["code"] == -32602);  // not open
  CHECK(server.request("no/such", Json::object())["error"]["code"] == -32601);
  CHECK(server.request("shutdown", nullptr)["result"].is_null());
  CHECK(symbols(server)["error"]["code"] == -32600);
  server.notify("exit", nullptr);
  CHECK(server.server().finished());
  CHECK(server.server().exit_code() == 0);
}

TEST_CASE("lifecycle: exit without shutdown is 1") {
  Harness server;
  server.start();
  server.notify("exit", nullptr);
  CHECK(server.server().exit_code() == 1);
}

TEST_CASE("lifecycle: broken messages are answered and the server lives") {
  Harness server;
  server.start();
  server.sent.clear();
  server.raw("Content-Length: x\r\n\r\n");
  server.raw(lsp::frame("{not json"));
  server.raw(lsp::frame("[]"));
  std::vector<int> codes;
  for (const Json& message : server.sent)
    if (message.contains("error")) codes.push_back(message["error"]["code"]);
  CHECK(codes == std::vector<int>{-32700, -32700, -32600});
  server.open(kUri, "def f(): pass\n");
  CHECK(symbols(server)["result"].size() == 1);
}

TEST_CASE("encodings: the client's first choice that we know, utf-16 by default") {
  CHECK(Harness().start()["positionEncoding"] == "utf-16");
  CHECK(Harness().start(with_encodings({"utf-8", "utf-16"}))["positionEncoding"] == "utf-8");
  CHECK(Harness().start(with_encodings({"utf-32", "utf-8"}))["positionEncoding"] == "utf-32");
  CHECK(Harness().start(with_encodings({"utf-7", "utf-16"}))["positionEncoding"] == "utf-16");
  CHECK(Harness().start(with_encodings("nonsense"))["positionEncoding"] == "utf-16");
}

TEST_CASE("encodings: an edit behind an emoji lands on the same byte, and answers count the same way") {
  // The emoji: 4 bytes, 2 UTF-16 units, 1 code point; the e acute: 2, 1, 1.
  const std::string text = "s = '\xF0\x9F\x98\x80\xC3\xA9'; aa = 1\ndef f(): pass\n";
  const std::map<std::string, int> column_of_aa = {{"utf-8", 14}, {"utf-16", 11}, {"utf-32", 10}};
  for (const auto& [encoding, column] : column_of_aa) {
    CAPTURE(encoding);
    Harness server;
    server.start(with_encodings(Json::array({encoding})));
    server.open(kUri, text);
    server.change(kUri, 2, 0, column, column + 2, "class B");  // "...; class B = 1": the text is what counts here
    server.change(kUri, 3, 0, 0, column, "");
    server.change(kUri, 4, 0, 7, 11, ": pass");
    const Json answer = symbols(server)["result"];
    REQUIRE(answer.size() == 2);
    CHECK(answer[0]["name"] == "B");
    CHECK(answer[1]["name"] == "f");
  }
}

TEST_CASE("sync: symbols follow incremental changes, several in one notification, and full replacement") {
  Harness server;
  server.start(nested_symbols());
  server.open(kUri, "class A:\n  def f(self):\n    return 1\n");
  CHECK(symbols(server)["result"][0]["children"][0]["name"] == "f");
  const auto range = [](int l0, int c0, int l1, int c1) -> Json {
    return {{"start", {{"line", l0}, {"character", c0}}}, {"end", {{"line", l1}, {"character", c1}}}};
  };
  server.notify("textDocument/didChange", {{"textDocument", {{"uri", kUri}, {"version", 2}}},
                                           {"contentChanges",
                                            {{{"range", range(0, 6, 0, 7)}, {"text", "Long"}},
                                             {{"range", range(1, 6, 1, 7)}, {"text", "gg"}},
                                             {{"range", range(3, 0, 3, 0)}, {"text", "def top(): pass\n"}}}}});
  Json answer = symbols(server)["result"];
  REQUIRE(answer.size() == 2);
  CHECK(answer[0]["name"] == "Long");
  CHECK(answer[0]["children"][0]["name"] == "gg");
  CHECK(answer[1]["name"] == "top");
  server.notify("textDocument/didChange", {{"textDocument", {{"uri", kUri}, {"version", 3}}},
                                           {"contentChanges", {{{"text", "def only(): pass\n"}}}}});
  answer = symbols(server)["result"];
  REQUIRE(answer.size() == 1);
  CHECK(answer[0]["name"] == "only");
}

TEST_CASE("sync: half of a surrogate pair and its other half arrive in two edits") {
  Harness server;
  server.start();
  server.open(kUri, "s = ''\ndef f(): pass\n");
  const auto edit = [&](int version, int column, const std::string& escaped) {
    server.raw(lsp::frame(
        R"({"jsonrpc":"2.0","method":"textDocument/didChange","params":{"textDocument":{"uri":"file:///p/a.py","version":)" +
        std::to_string(version) + R"(},"contentChanges":[{"range":{"start":{"line":0,"character":)" +
        std::to_string(column) + R"(},"end":{"line":0,"character":)" + std::to_string(column) + R"(}},"text":")" +
        escaped + R"("}]}})"));
  };
  server.take("window/logMessage");
  edit(2, 5, R"(\ud83d)");
  edit(3, 6, R"(\ude00)");
  server.change(kUri, 4, 0, 7, 8, "'; class_ = 1 #");  // behind both halves, in UTF-16 units
  CHECK(symbols(server)["result"].back()["name"] == "f");
  CHECK(server.take("window/logMessage").empty());  // no edit was refused
}

TEST_CASE("sync: broken notifications are logged and change nothing") {
  Harness server;
  server.start();
  server.open(kUri, "def f(): pass\n");
  server.take("window/logMessage");
  server.notify("textDocument/didChange", {{"textDocument", {{"uri", kUri}, {"version", 2}}},
                                           {"contentChanges", {{{"range", 3}, {"text", "x"}}}}});
  server.notify("textDocument/didChange",
                {{"textDocument", {{"uri", "file:///other"}}}, {"contentChanges", Json::array()}});
  server.notify("textDocument/didOpen", Json::array({1}));
  server.notify("textDocument/didClose", Json::object());
  server.change(kUri, 3, 900, 0, 0, "def g(): pass\n");  // past the end: appended
  CHECK(server.take("window/logMessage").size() == 4);
  CHECK(symbols(server)["result"].size() == 2);
}

TEST_CASE("structure: unknown languages and closed documents have no symbols; nesting without end is answered") {
  Harness server;
  server.start(nested_symbols());
  server.open("file:///p/a.xyz", "def f(): pass\n", "plaintext");
  CHECK(symbols(server, "file:///p/a.xyz")["result"].is_null());
  std::string deep;
  for (int i = 0; i < 3000; ++i) deep += "struct A" + std::to_string(i) + " {\n";
  server.open("file:///p/deep.cc", deep, "cpp");
  CHECK(symbols(server, "file:///p/deep.cc").contains("result"));
  server.open("file:///p/deep.json", std::string(100'000, '['), "json");
  const Json chain = server.request(
      "textDocument/selectionRange",
      {{"textDocument", {{"uri", "file:///p/deep.json"}}}, {"positions", {{{"line", 0}, {"character", 99'999}}}}});
  CHECK(chain["result"].size() == 1);
  server.notify("textDocument/didClose", {{"textDocument", {{"uri", "file:///p/deep.cc"}}}});
  CHECK(symbols(server, "file:///p/deep.cc")["error"]["code"] == -32602);
}

TEST_CASE("structure: folds and growing selections") {
  Harness server;
  server.start();
  server.open(kUri, "class A:\n  def f(self):\n    return 1\n");
  const Json folds = server.request("textDocument/foldingRange", {{"textDocument", {{"uri", kUri}}}})["result"];
  REQUIRE(folds.size() == 2);
  CHECK(folds[0]["startLine"] == 0);
  CHECK(folds[0]["endLine"] == 2);
  const Json chains =
      server.request("textDocument/selectionRange",
                     {{"textDocument", {{"uri", kUri}}}, {"positions", {{{"line", 2}, {"character", 11}}}}})["result"];
  REQUIRE(chains.size() == 1);
  int depth = 0;
  for (const Json* range = &chains[0]; range->contains("parent"); range = &(*range)["parent"]) ++depth;
  CHECK(depth >= 4);
  CHECK(server.request("textDocument/selectionRange", {{"textDocument", {{"uri", kUri}}}})["error"]["code"] == -32602);
}

TEST_CASE("sync: a document of 50 MB opens, changes and closes; it has no symbols and the server lives") {
  Harness server;
  server.start();
  std::string text;
  text.reserve(51u << 20);
  while (text.size() < (50u << 20)) text += "value = 'some text that fills the line'  # and a remark\n";
  server.open("file:///p/big.py", text);
  server.change("file:///p/big.py", 2, 500'000, 3, 4, "xyz");
  CHECK(symbols(server, "file:///p/big.py")["result"].is_null());
  server.notify("textDocument/didClose", {{"textDocument", {{"uri", "file:///p/big.py"}}}});
  server.open(kUri, "def f(): pass\n");
  CHECK(symbols(server)["result"].size() == 1);
}

TEST_CASE("settings: asked for where the client answers, per folder, and bad values are named") {
  Harness server;
  server.start({{"capabilities", {{"workspace", {{"configuration", true}}}}},
                {"workspaceFolders", {{{"uri", "file:///p"}, {"name", "p"}}}}});
  const auto asked = server.take("workspace/configuration");
  REQUIRE(asked.size() == 1);
  REQUIRE(asked[0]["params"]["items"].size() == 2);
  CHECK(asked[0]["params"]["items"][1]["scopeUri"] == "file:///p");
  server.take("window/logMessage");
  server.send({{"id", asked[0]["id"]}, {"result", {nullptr, {{"check", {{"budget", "many"}}}}}}});
  const auto log = server.take("window/logMessage");
  REQUIRE_FALSE(log.empty());
  CHECK(log[0]["params"]["message"].get<std::string>().find("graft.check.budget") != std::string::npos);
  server.notify("workspace/didChangeConfiguration", {{"settings", nullptr}});
  CHECK(server.take("workspace/configuration").size() == 1);
}

TEST_CASE("log: a failed request has one line, without the user's text") {
  Harness server;
  server.start();
  server.take("window/logMessage");
  CHECK(symbols(server, "file:///p/secret.py").contains("error"));
  const auto log = server.take("window/logMessage");
  REQUIRE(log.size() == 1);
  CHECK(log[0]["params"]["message"] == "textDocument/documentSymbol failed: The document is not open.");
}
