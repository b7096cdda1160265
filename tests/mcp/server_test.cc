// SPDX-License-Identifier: Apache-2.0
// The protocol: handshakes, requests without one, errors, hostile input.
#include <doctest/doctest.h>

#include "base/log.h"
#include "tests/mcp/harness.h"

using test::Harness, test::Json;

namespace {

constexpr int kParseError = -32700, kInvalidRequest = -32600, kNoMethod = -32601, kInvalidParams = -32602;

int code_of(const Json& answer) {
  return answer.contains("error") ? answer["error"]["code"].get<int>() : 0;
}

std::vector<std::string> names_of(const Json& list) {
  std::vector<std::string> names;
  for (const Json& tool : list["tools"]) names.push_back(tool["name"]);
  return names;
}

}  // namespace

TEST_CASE("mcp: initialize is answered with the revision asked for, or with the newest that has a handshake") {
  for (const char* known : {"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"})
    CHECK(Harness().start(known)["protocolVersion"] == known);
  for (const char* other : {"2026-07-28", "1999-01-01", "", "latest"})
    CHECK(Harness().start(other)["protocolVersion"] == "2025-11-25");
  Harness harness;
  const Json result = harness.start();
  CHECK(result["capabilities"] == Json{{"tools", Json::object()}});
  CHECK(result["serverInfo"]["name"] == "graft");
  CHECK(result["serverInfo"]["version"] == "1.2.3");
  CHECK(code_of(harness.request("initialize", {{"protocolVersion", "2025-11-25"}})) == kInvalidRequest);
  CHECK(code_of(Harness().request("initialize")) == kInvalidParams);
  CHECK(code_of(Harness().request("initialize", {{"protocolVersion", 3}})) == kInvalidParams);
}

TEST_CASE("mcp: before the handshake only a ping is answered; the error says both ways in") {
  Harness harness;
  CHECK(harness.request("ping")["result"] == Json::object());
  const Json refused = harness.request("tools/list");
  CHECK(code_of(refused) == kInvalidParams);
  const std::string words = refused["error"]["message"];
  CHECK(words.find("initialize") != std::string::npos);
  CHECK(words.find("2026-07-28") != std::string::npos);
  harness.start();
  CHECK(harness.request("ping")["result"] == Json::object());
  CHECK(harness.request("tools/list").contains("result"));
  for (const char* method : {"resources/list", "prompts/list", "logging/setLevel", "no/such", ""})
    CHECK(code_of(harness.request(method)) == kNoMethod);
}

TEST_CASE("mcp: a request that names its revision needs no handshake, and its results say what that revision wants") {
  Harness harness;
  const Json found = harness.stateless("server/discover")["result"];
  CHECK(found["supportedVersions"] == Json::array({"2026-07-28"}));
  CHECK(found["resultType"] == "complete");
  CHECK(found["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "graft");
  const Json list = harness.stateless("tools/list")["result"];
  for (const Json& result : {found, list}) {
    CHECK(result["ttlMs"].get<int>() >= 0);
    CHECK(result["cacheScope"] == "public");
  }
  const Json called = harness.stateless("tools/call", {{"name", "log"}})["result"];
  CHECK(called["resultType"] == "complete");
  CHECK(called["structuredContent"]["tasks"].empty());
  CHECK_FALSE(called.contains("ttlMs"));
  CHECK(code_of(harness.stateless("ping")) == kNoMethod);           // went with the handshake
  CHECK(code_of(harness.request("tools/list")) == kInvalidParams);  // and opens no session
  harness.start();                                                  // both in one process
  CHECK(harness.request("tools/list").contains("result"));
  CHECK(harness.stateless("tools/list")["result"]["resultType"] == "complete");
  CHECK_FALSE(harness.request("tools/list")["result"].contains("resultType"));
  CHECK(code_of(harness.request("server/discover")) == kInvalidParams);
}

TEST_CASE("mcp: a revision that is not spoken is told with those that are; a member that is missing with its name") {
  Harness harness;
  const auto ask = [&](Json meta) { return harness.request("tools/list", {{"_meta", std::move(meta)}}); };
  for (const char* other : {"2025-11-25", "2027-01-01", ""}) {
    const Json answer = ask({{"io.modelcontextprotocol/protocolVersion", other},
                             {"io.modelcontextprotocol/clientCapabilities", Json::object()}});
    CHECK(code_of(answer) == -32022);
    CHECK(answer["error"]["data"] == Json{{"supported", {"2026-07-28"}}, {"requested", other}});
  }
  const Json incomplete = ask({{"io.modelcontextprotocol/protocolVersion", "2026-07-28"}});
  CHECK(code_of(incomplete) == kInvalidParams);
  CHECK(incomplete["error"]["message"].get<std::string>().find("clientCapabilities") != std::string::npos);
  CHECK(code_of(ask({{"io.modelcontextprotocol/protocolVersion", 7}})) == kInvalidParams);
  CHECK(code_of(harness.request("server/discover", {{"_meta", 3}})) == kInvalidParams);
}

TEST_CASE("mcp: the tools come in one order, with what each revision knows of") {
  const std::vector<std::string> order = {"fix", "write_tests", "apply_edit", "undo", "log", "complete", "symbols"};
  for (const char* revision : {"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"}) {
    CAPTURE(revision);
    Harness harness;
    harness.start(revision);
    const Json list = harness.request("tools/list")["result"];
    CHECK(names_of(list) == order);
    CHECK(list == harness.request("tools/list")["result"]);
    for (const Json& tool : list["tools"]) {
      CHECK(tool["inputSchema"]["type"] == "object");
      CHECK(tool["inputSchema"]["additionalProperties"] == false);
      CHECK(tool.contains("annotations") == (std::string(revision) >= "2025-03-26"));
      CHECK(tool.contains("outputSchema") == (std::string(revision) >= "2025-06-18"));
    }
    CHECK(harness.call("log").contains("structuredContent") == (std::string(revision) >= "2025-06-18"));
  }
  Harness harness;
  harness.start();
  const Json tools = harness.request("tools/list")["result"]["tools"];
  for (const Json& tool : tools) {
    const std::string name = tool["name"];
    CAPTURE(name);
    CHECK(tool["annotations"]["readOnlyHint"] == (name == "complete" || name == "symbols"));
    CHECK(tool["annotations"]["destructiveHint"] == (name == "fix" || name == "apply_edit" || name == "undo"));
    CHECK(tool["annotations"]["openWorldHint"] == false);
  }
  CHECK(code_of(harness.request("tools/list", {{"cursor", "x"}})) == kInvalidParams);
}

TEST_CASE("mcp: an unknown tool is the protocol's error, a wrong argument a result that says which and what to give") {
  Harness harness;
  harness.start();
  CHECK(code_of(harness.request("tools/call", {{"name", "rm"}})) == kInvalidParams);
  CHECK(code_of(harness.request("tools/call", {{"name", 3}})) == kInvalidParams);
  CHECK(code_of(harness.request("tools/call")) == kInvalidParams);
  struct Case {
    const char* tool;
    Json arguments;
    const char* says;
  };
  for (const Case& c :
       {Case{"fix", Json::object(), "`check` is missing"}, Case{"fix", {{"check", 3}}, "`check` is not a string"},
        Case{"fix", {{"check", " \n"}}, "`check` is empty"}, Case{"fix", {{"check", std::string("a\0b", 3)}}, "NUL"},
        Case{"fix", {{"check", "x"}, {"apply", "yes"}}, "`apply` is not true or false"},
        Case{"fix", {{"check", "x"}, {"budget", 0}}, "`budget` is not a whole number from 1 to 100000"},
        Case{"fix", {{"check", "x"}, {"budget", 1e3}}, "`budget` is not a whole number"},
        Case{"fix", {{"check", "x"}, {"budget", UINT64_MAX}}, "`budget` is not a whole number"},
        Case{"fix", {{"check", "x"}, {"paths", {1}}}, "`paths` is not a list of strings"},
        Case{"fix", {{"check", "x"}, {"paths", {"../y"}}}, "`paths`: the path leads out"},
        Case{"fix", {{"check", "x"}, {"command", "y"}}, "no argument `command`. This tool takes: check"},
        Case{"fix", Json::array(), "not an object"},
        Case{"apply_edit", {{"format", "sed"}, {"edit", ""}}, "not one of search-replace, unified"},
        Case{"symbols", {{"file", "/etc/passwd"}}, "absolute"}, Case{"symbols", {{"file", ".git/config"}}, ".git"},
        Case{"write_tests", {{"file", "a/../../b.py"}}, "leads out"},
        Case{"complete", {{"file", "a.py"}, {"line", 9}, {"column", 1}}, "line 9 is none of them"},
        Case{"complete", {{"file", "a.py"}, {"line", 1}, {"column", 9}}, "column 9 is not in 1 to 6"}}) {
    CAPTURE(c.says);
    const Json result = harness.call(c.tool, c.arguments);
    CHECK(result["isError"] == true);
    CHECK(result["content"][0]["type"] == "text");
    CHECK_MESSAGE(result["content"][0]["text"].get<std::string>().find(c.says) != std::string::npos,
                  result["content"][0]["text"]);
  }
}

TEST_CASE("mcp: what is no request gets its error, without an id where none could be read, and the server lives") {
  base::set_log_level(base::LogLevel::kOff);
  Harness harness;
  harness.start();
  struct Case {
    std::string line;
    int code;
    Json id;
  };
  const std::string deep = std::string(100'000, '[');
  for (const Case& c : {Case{"nonsense", kParseError, {}}, Case{"{\"jsonrpc\":", kParseError, {}},
                        Case{deep, kParseError, {}}, Case{"[]", kInvalidRequest, {}}, Case{"7", kInvalidRequest, {}},
                        Case{R"([{"jsonrpc":"2.0","id":1,"method":"ping"}])", kInvalidRequest, {}},
                        Case{R"({"jsonrpc":"2.0","id":null,"method":"ping"})", kInvalidRequest, {}},
                        Case{R"({"jsonrpc":"2.0","id":1.5,"method":"ping"})", kInvalidRequest, {}},
                        Case{R"({"jsonrpc":"2.0","id":{},"method":"ping"})", kInvalidRequest, {}},
                        Case{R"({"jsonrpc":"2.0","id":true,"method":"ping"})", kInvalidRequest, {}},
                        Case{R"({"jsonrpc":"1.0","id":9,"method":"ping"})", kInvalidRequest, 9},
                        Case{R"({"id":9,"method":"ping"})", kInvalidRequest, 9},
                        Case{R"({"jsonrpc":"2.0","id":9,"method":7})", kInvalidRequest, 9},
                        Case{R"({"jsonrpc":"2.0","id":9,"method":"ping","params":"x"})", kInvalidRequest, 9},
                        Case{R"({"jsonrpc":"2.0","id":9,"method":"ping","params":[1]})", kInvalidParams, 9},
                        Case{"\xff\xfe{\x80", kParseError, {}}}) {
    CAPTURE(c.line.substr(0, 80));
    harness.sent.clear();
    harness.raw(c.line + "\n");
    REQUIRE(harness.sent.size() == 1);
    CHECK(code_of(harness.sent[0]) == c.code);
    CHECK(harness.sent[0].value("id", Json()) == c.id);
    CHECK(harness.sent[0].contains("id") == !c.id.is_null());
  }
  harness.sent.clear();
  harness.raw(std::string(100, ' ') + "\n\r\n");
  harness.raw(R"({"jsonrpc":"2.0","id":3,"result":{}})"
              "\n");  // an answer to nothing
  harness.raw(R"({"jsonrpc":"2.0","method":"notifications/none"})"
              "\n");  // nobody is told
  harness.raw(R"({"jsonrpc":"2.0","method":"tools/list"})"
              "\n");
  CHECK(harness.sent.empty());
  CHECK(harness.request("ping").contains("result"));
  // Half of a surrogate pair and bytes that are no UTF-8 go through the whole way, and come back as U+FFFD.
  harness.raw("{\"jsonrpc\":\"2.0\",\"id\":\"\xff\",\"method\":\"tools/call\",\"params\":{\"name\":\"\\ud83d\"}}\n");
  REQUIRE(harness.sent.size() == 1);
  CHECK(harness.sent[0]["id"] == "\xEF\xBF\xBD");
  CHECK(harness.sent[0]["error"]["message"] == "Unknown tool: \xEF\xBF\xBD");
}

TEST_CASE("mcp: batches are taken in the one revision that has them") {
  Harness harness;
  harness.start("2025-03-26");
  harness.raw(R"([{"jsonrpc":"2.0","id":"a","method":"ping"},{"jsonrpc":"2.0","method":"x"},3,[],)"
              R"({"jsonrpc":"2.0","id":"b","method":"none"}])"
              "\n");
  REQUIRE(harness.sent.size() == 4);
  CHECK(harness.sent[0]["result"] == Json::object());
  CHECK(code_of(harness.sent[1]) == kInvalidRequest);
  CHECK(code_of(harness.sent[2]) == kInvalidRequest);
  CHECK(code_of(harness.sent[3]) == kNoMethod);
  Json many = Json::array();
  for (size_t i = 0; i <= mcp::kMaxBatch; ++i) many.push_back({{"jsonrpc", "2.0"}, {"id", i}, {"method", "ping"}});
  harness.sent.clear();
  harness.raw(many.dump() + "\n");
  REQUIRE(harness.sent.size() == 1);
  CHECK(code_of(harness.sent[0]) == kInvalidRequest);
}

TEST_CASE("mcp: a subscription is acknowledged for nothing, stays open, and ends with the server or its cancellation") {
  Harness harness;
  CHECK(code_of(harness.stateless("subscriptions/listen")) == kInvalidParams);
  CHECK(harness.stateless("subscriptions/listen", {{"notifications", {{"toolsListChanged", true}}}}).is_null());
  REQUIRE(harness.sent.size() == 1);
  CHECK(harness.sent[0]["method"] == "notifications/subscriptions/acknowledged");
  CHECK(harness.sent[0]["params"]["notifications"] == Json::object());
  const Json id = harness.sent[0]["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"];
  CHECK(harness.server().n_open_requests() == 1);
  CHECK(harness.stateless("subscriptions/listen", {{"notifications", Json::object()}}).is_null());
  const Json second = harness.sent[1]["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"];
  harness.sent.clear();
  harness.send({{"method", "notifications/cancelled"}, {"params", {{"requestId", id}}}});
  CHECK(harness.sent.empty());
  CHECK(harness.server().n_open_requests() == 1);
  harness.server().finish();
  REQUIRE(harness.sent.size() == 1);
  CHECK(harness.sent[0]["id"] == second);
  CHECK(harness.sent[0]["result"]["resultType"] == "complete");
  CHECK(harness.sent[0]["result"]["_meta"]["io.modelcontextprotocol/subscriptionId"] == second);
  CHECK(harness.server().n_open_requests() == 0);
}

TEST_CASE("mcp: every message is one line of UTF-8") {
  Harness harness;
  harness.files.write("b.py", "def f():\n    pass  # \xff\n");
  harness.start();
  harness.call("symbols", {{"file", "b.py"}});
  harness.call("apply_edit", {{"format", "whole-file"}, {"edit", "c.py\n```\ny = 1\r\n# \xE2\x80\xA8\n```\n"}});
  size_t n = 0;
  for (const char c : harness.wire) n += c == '\n';
  CHECK(n == 3);
  CHECK(harness.wire.find('\r') == std::string::npos);
}
