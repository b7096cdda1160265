// SPDX-License-Identifier: Apache-2.0
#include "rpc/message.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "rpc/requests.h"

using rpc::Message, rpc::parse_message, rpc::RpcCode;

TEST_CASE("rpc: requests, notifications and responses are told apart") {
  const Message request = parse_message(R"({"jsonrpc":"2.0","id":7,"method":"m","params":{"a":1}})");
  CHECK(request.kind == Message::Kind::kRequest);
  CHECK(request.id == "7");
  CHECK(request.method == "m");
  CHECK((*request.params)["a"] == 1);
  CHECK(parse_message(R"({"jsonrpc":"2.0","id":"x\"y","method":"m"})").id == R"("x\"y")");
  CHECK(parse_message(R"({"jsonrpc":"2.0","method":"m","params":[1]})").kind == Message::Kind::kNotification);
  CHECK(parse_message(R"({"jsonrpc":"2.0","id":null,"method":"m"})").kind == Message::Kind::kNotification);
  const Message response = parse_message(R"({"jsonrpc":"2.0","id":"g","error":{"code":-32601,"message":"no"}})");
  CHECK(response.kind == Message::Kind::kResponse);
  CHECK(response.error->code == RpcCode::kMethodNotFound);
}

TEST_CASE("rpc: what is no message says why, under its id where that can be read") {
  struct Case {
    const char* body;
    RpcCode code;
    const char* id;
  };
  for (const Case& c :
       {Case{"", RpcCode::kParseError, "null"}, Case{"{", RpcCode::kParseError, "null"},
        Case{"[]", RpcCode::kInvalidRequest, "null"},
        Case{R"([{"jsonrpc":"2.0","id":1,"method":"m"}])", RpcCode::kInvalidRequest, "null"},
        Case{"3", RpcCode::kInvalidRequest, "null"}, Case{R"({"id":1,"method":"m"})", RpcCode::kInvalidRequest, "1"},
        Case{R"({"jsonrpc":"1.0","id":1,"method":"m"})", RpcCode::kInvalidRequest, "1"},
        Case{R"({"jsonrpc":"2.0","id":1.5,"method":"m"})", RpcCode::kInvalidRequest, "null"},
        Case{R"({"jsonrpc":"2.0","id":{},"method":"m"})", RpcCode::kInvalidRequest, "null"},
        Case{R"({"jsonrpc":"2.0","id":1,"method":3})", RpcCode::kInvalidRequest, "1"},
        Case{R"({"jsonrpc":"2.0","id":1,"method":"m","params":3})", RpcCode::kInvalidRequest, "1"},
        Case{R"({"jsonrpc":"2.0","id":1})", RpcCode::kInvalidRequest, "1"}}) {
    CAPTURE(c.body);
    const Message message = parse_message(c.body);
    CHECK(message.kind == Message::Kind::kInvalid);
    REQUIRE(message.error);
    CHECK(message.error->code == c.code);
    CHECK(message.id == c.id);
  }
  CHECK(parse_message(std::string(100'000, '[')).error->code == RpcCode::kParseError);
}

TEST_CASE("rpc: half of a surrogate pair becomes one U+FFFD, a whole pair stays") {
  const auto text_of = [](const std::string& escaped) {
    return (*parse_message(R"({"jsonrpc":"2.0","method":"m","params":{"t":")" + escaped + "\"}}").params)["t"]
        .get<std::string>();
  };
  CHECK(text_of(R"(a\ud83db)") ==
        "a\xEF\xBF\xBD"
        "b");
  CHECK(text_of(R"(\uDE00)") == "\xEF\xBF\xBD");
  CHECK(text_of(R"(\ud83d\ud83d\ude00)") == "\xEF\xBF\xBD\xF0\x9F\x98\x80");
  CHECK(text_of(R"(\ud83d\ude00)") == "\xF0\x9F\x98\x80");
  CHECK(text_of(R"(\\ud83d)") == "\\ud83d");
  CHECK(text_of("\xff!") == "\xEF\xBF\xBD!");  // no UTF-8 in the body
}

TEST_CASE("rpc: what we write is JSON-RPC with the id as it came") {
  const auto result = nlohmann::json::parse(rpc::result_text("\"a\"", nullptr));
  CHECK(result == nlohmann::json{{"jsonrpc", "2.0"}, {"id", "a"}, {"result", nullptr}});
  const auto error = nlohmann::json::parse(rpc::error_text("1", {RpcCode::kRequestCancelled, "bad \xff byte"}));
  CHECK(error["error"]["code"] == -32800);
  CHECK(error["id"] == 1);
  CHECK_FALSE(error["error"].contains("data"));
  const auto data = std::make_shared<const nlohmann::json>(nlohmann::json{{"why", 3}});
  const auto without_id = nlohmann::json::parse(rpc::error_text("", {RpcCode::kInvalidParams, "no", data}));
  CHECK_FALSE(without_id.contains("id"));
  CHECK(without_id["error"]["data"]["why"] == 3);
}

TEST_CASE("requests: one answer each, whoever is first; a dropped reply is answered") {
  std::vector<std::string> sent;
  rpc::Requests requests([&](std::string text) { sent.push_back(std::move(text)); }, {});
  auto reply = requests.open("1", "m");
  REQUIRE(reply);
  CHECK_FALSE(requests.open("1", "m"));  // still in work
  const auto stop = reply->stop();
  CHECK(requests.fail("1", {RpcCode::kRequestCancelled, "x"}));
  CHECK(stop.stop_requested());
  CHECK_FALSE(requests.fail("1", {RpcCode::kRequestCancelled, "x"}));
  reply->result(3);
  reply.reset();
  CHECK(sent.size() == 1);

  CHECK(requests.open("1", "m"));  // answered, so the id is free again; dropped here
  CHECK(sent.size() == 2);
  CHECK(sent.back().find("-32603") != std::string::npos);
  CHECK(requests.size() == 0);
}

TEST_CASE("requests: one that is dropped is stopped and never answered, and its id is free again") {
  std::vector<std::string> sent;
  rpc::Requests requests([&](std::string text) { sent.push_back(std::move(text)); }, {});
  auto reply = requests.open("1", "m");
  REQUIRE(reply);
  CHECK_FALSE(requests.drop("2"));
  CHECK(requests.drop("1"));
  CHECK(reply->stop().stop_requested());
  auto next = requests.open("1", "m");
  REQUIRE(next);
  reply->result(3);
  reply.reset();
  CHECK(sent.empty());
  CHECK(requests.size() == 1);
  requests.drop_all();
  next.reset();
  CHECK(sent.empty());
}

TEST_CASE("rpc: a batch is no message, and what it holds can be read one by one") {
  const Message batch = parse_message(R"([{"jsonrpc":"2.0","id":1,"method":"m"},3])");
  CHECK(batch.kind == Message::Kind::kInvalid);
  REQUIRE(batch.params->is_array());
  CHECK(rpc::read_message((*batch.params)[0]).kind == Message::Kind::kRequest);
  CHECK(rpc::read_message((*batch.params)[1]).error->code == RpcCode::kInvalidRequest);
  CHECK(parse_message(R"({"jsonrpc":"2.0","id":null,"method":"m"})").null_id);
  CHECK_FALSE(parse_message(R"({"jsonrpc":"2.0","method":"m"})").null_id);
}
