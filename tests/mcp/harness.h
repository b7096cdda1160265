// SPDX-License-Identifier: Apache-2.0
// tests/mcp/harness.h: a server without threads on a small work tree: everything happens inside send().
#pragma once
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "mcp/server.h"
#include "rpc/lines.h"
#include "tests/support/temp_dir.h"

namespace test {

using Json = nlohmann::json;

// A repair that is found at once: the work tree's a.py becomes "x = 2\n".
base::Result<agent::FixReport> quick_fix(const agent::FixRequest& request);

// Says `words` for every place.
class FixedCompleter final : public agent::Completer {
 public:
  explicit FixedCompleter(std::string words) : words_(std::move(words)) {}
  void remember(std::vector<std::string>) override {}
  base::Result<std::vector<agent::CompletionItem>> complete(const agent::CompleteRequest& request,
                                                            std::stop_token) override {
    return std::vector<agent::CompletionItem>{{words_ + "@" + std::to_string(request.prefix.size()), -0.5, 1, -0.5}};
  }

 private:
  const std::string words_;
};

class Harness {
 public:
  explicit Harness(mcp::Services services = quick_services());
  static mcp::Services quick_services();

  void raw(std::string_view bytes);  // as they would come from the client
  void send(Json message);           // "jsonrpc" is added
  // The response: an object with "result" or "error".
  Json request(const std::string& method, Json params = Json::object());
  Json start(const std::string& revision = "2025-11-25");  // the result of initialize
  // The result of tools/call.
  Json call(const std::string& tool, Json arguments = Json::object());
  // A request of 2026-07-28.
  Json stateless(const std::string& method, Json params = Json::object());

  TempDir files, state;
  std::vector<Json> sent;  // what was not taken by request()
  std::string wire;        // every byte that was sent
  mcp::Server& server() { return *server_; }

 private:
  mcp::ServeOptions options() const;
  rpc::LineReader lines_;
  int next_id_ = 1;
  std::unique_ptr<mcp::Server> server_;
};

}  // namespace test
