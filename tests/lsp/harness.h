// SPDX-License-Identifier: Apache-2.0
// tests/lsp/harness.h: a server without threads between a test and its answers: everything happens inside send().
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "lsp/frame.h"
#include "lsp/server.h"
#include "tests/support/fake_model.h"

namespace test {

using Json = nlohmann::json;

class FakeCompleter final : public agent::Completer {
 public:
  using Call =
      std::function<base::Result<std::vector<agent::CompletionItem>>(const agent::CompleteRequest&, std::stop_token)>;
  explicit FakeCompleter(Call call) : call_(std::move(call)) {}
  base::Result<std::vector<agent::CompletionItem>> complete(const agent::CompleteRequest& request,
                                                            std::stop_token stop) override {
    return call_(request, stop);
  }

  void remember(std::vector<std::string> texts) override {
    if (remembered) *remembered = std::move(texts);
  }
  std::shared_ptr<std::vector<std::string>> remembered;

 private:
  const Call call_;
};

// Services with a model whose completions are `call`'s.
// `remembered`: where the texts go that it is to remember; may be null.
lsp::Services services_with(FakeCompleter::Call call, std::shared_ptr<std::vector<std::string>> remembered = nullptr);

class Harness {
 public:
  explicit Harness(lsp::Services services = {});

  void raw(std::string_view bytes);  // as they would come from the client
  void send(Json message);           // "jsonrpc" is added
  void notify(const std::string& method, Json params) { send({{"method", method}, {"params", std::move(params)}}); }
  // The response: an object with "result" or "error".
  Json request(const std::string& method, Json params);
  // initialize + initialized; the server's capabilities.
  Json start(Json params = {{"capabilities", Json::object()}});

  void open(const std::string& uri, const std::string& text, const std::string& language = "python");
  // One ranged change in positions of the agreed encoding.
  void change(const std::string& uri, int version, int line, int from, int to, const std::string& text);

  // Removes and returns what was sent with this method.
  std::vector<Json> take(const std::string& method);
  std::vector<Json> sent;
  lsp::Server& server() { return *server_; }

 private:
  void run_posted();
  std::deque<rpc::Job> posted_;
  lsp::FrameReader frames_;
  int next_id_ = 1;
  std::unique_ptr<lsp::Server> server_;
};

Json at(const std::string& uri, int line, int character);  // TextDocumentPositionParams

}  // namespace test
