// SPDX-License-Identifier: Apache-2.0
#include "tests/mcp/harness.h"

#include <cstdlib>

namespace test {

base::Result<agent::FixReport> quick_fix(const agent::FixRequest& request) {
  const auto tree = tools::WorkTree::open(request.root);
  if (!tree) return tree.error();
  const auto text = tree->read("a.py");
  if (!text) return text.error();
  agent::FixReport report;
  report.status = agent::FixReport::Status::kVerified;
  report.edit.files = {{.path = "a.py",
                        .new_path = {},
                        .base = tools::content_hash(*text),
                        .replacements = {{0, text->size(), "x = 2\n"}},
                        .executable = {}}};
  report.patch = "diff --git a/a.py b/a.py\n";
  report.proposer = "a test";
  report.summary = "a.py:1: `1` becomes `2`";
  report.evidence = {{"base", "exit 1", 0.1, "red"}, {"abc", "exit 0", 0.1, "green"}};
  return report;
}

mcp::Services Harness::quick_services() {
  mcp::Services services;
  services.fix = [](const agent::FixRequest& request, const std::function<void(const agent::FixProgress&)>& progress,
                    std::stop_token) {
    progress({"trying", request.check, 1, 2, 0.5});
    return quick_fix(request);
  };
  services.write_tests = [](const agent::TestRequest& request, const auto&,
                            std::stop_token) -> base::Result<agent::TestReport> {
    agent::TestReport report;
    report.note = request.file + "|" + request.symbol;
    return report;
  };
  services.make_completer = [](auto) -> base::Result<std::unique_ptr<agent::Completer>> {
    return std::unique_ptr<agent::Completer>(std::make_unique<FixedCompleter>("word"));
  };
  return services;
}

Harness::Harness(mcp::Services services) {
  ::setenv("XDG_STATE_HOME", state.path().c_str(), 1);
  files.write("a.py", "x = 1\n");
  server_ = std::make_unique<mcp::Server>(services, options(), [this](std::string body) {
    wire += rpc::line(body);
    sent.push_back(Json::parse(body));  // throws on anything that is no JSON
  });
}

mcp::ServeOptions Harness::options() const {
  mcp::ServeOptions options;
  options.version = "1.2.3";
  options.root = files.path();
  options.threaded = false;
  return options;
}

void Harness::raw(std::string_view bytes) {
  lines_.feed(bytes);
  while (auto body = lines_.next()) {
    if (*body)
      server_->receive(rpc::parse_message(std::move(*body).value()));
    else
      server_->broken_frame(body->error().message);
  }
}

void Harness::send(Json message) {
  message["jsonrpc"] = "2.0";
  raw(message.dump() + "\n");
}

Json Harness::request(const std::string& method, Json params) {
  const int id = next_id_++;
  send({{"id", id}, {"method", method}, {"params", std::move(params)}});
  for (auto it = sent.begin(); it != sent.end(); ++it) {
    if (it->value("id", Json()) != id || it->contains("method")) continue;
    Json answer = *it;
    sent.erase(it);
    return answer;
  }
  return Json();
}

Json Harness::start(const std::string& revision) {
  const Json answer = request("initialize", {{"protocolVersion", revision},
                                             {"capabilities", Json::object()},
                                             {"clientInfo", {{"name", "test"}, {"version", "0"}}}});
  send({{"method", "notifications/initialized"}});
  return answer["result"];
}

Json Harness::call(const std::string& tool, Json arguments) {
  return request("tools/call", {{"name", tool}, {"arguments", std::move(arguments)}})["result"];
}

Json Harness::stateless(const std::string& method, Json params) {
  params["_meta"] = {{"io.modelcontextprotocol/protocolVersion", "2026-07-28"},
                     {"io.modelcontextprotocol/clientCapabilities", Json::object()}};
  return request(method, std::move(params));
}

}  // namespace test
