// SPDX-License-Identifier: Apache-2.0
#include "tests/lsp/harness.h"

#include <algorithm>

namespace test {

lsp::Services services_with(FakeCompleter::Call call, std::shared_ptr<std::vector<std::string>> remembered) {
  lsp::Services services;
  services.load_model = [](const std::filesystem::path&) -> base::Result<std::shared_ptr<const engine::Engine>> {
    return fake_model();
  };
  services.make_completer =
      [call, remembered](std::shared_ptr<const engine::Engine>) -> base::Result<std::unique_ptr<agent::Completer>> {
    auto completer = std::make_unique<FakeCompleter>(call);
    completer->remembered = remembered;
    return std::unique_ptr<agent::Completer>(std::move(completer));
  };
  return services;
}

Harness::Harness(lsp::Services services)
    : server_(std::make_unique<lsp::Server>(
          services, lsp::ServeOptions{.version = "test", .n_workers = 0},
          [this](std::string body) { sent.push_back(Json::parse(body)); },
          [this](rpc::Job job) { posted_.push_back(std::move(job)); })) {}

void Harness::raw(std::string_view bytes) {
  frames_.feed(bytes);
  while (auto body = frames_.next()) {
    if (*body)
      server_->receive(rpc::parse_message(std::move(*body).value()));
    else
      server_->broken_frame(body->error().message);
    run_posted();
  }
}

void Harness::send(Json message) {
  message["jsonrpc"] = "2.0";
  raw(lsp::frame(message.dump()));
}

Json Harness::request(const std::string& method, Json params) {
  const int id = next_id_++;
  send({{"id", id}, {"method", method}, {"params", std::move(params)}});
  const auto found = std::find_if(sent.begin(), sent.end(), [&](const Json& m) {
    return m.contains("id") && m["id"] == id && !m.contains("method");
  });
  if (found == sent.end()) return {{"unanswered", method}};
  Json answer = *found;
  sent.erase(found);
  return answer;
}

Json Harness::start(Json params) {
  Json answer = request("initialize", std::move(params));
  notify("initialized", Json::object());
  return answer["result"]["capabilities"];
}

void Harness::open(const std::string& uri, const std::string& text, const std::string& language) {
  notify("textDocument/didOpen",
         {{"textDocument", {{"uri", uri}, {"languageId", language}, {"version", 1}, {"text", text}}}});
}

void Harness::change(const std::string& uri, int version, int line, int from, int to, const std::string& text) {
  const Json range = {{"start", {{"line", line}, {"character", from}}}, {"end", {{"line", line}, {"character", to}}}};
  notify("textDocument/didChange", {{"textDocument", {{"uri", uri}, {"version", version}}},
                                    {"contentChanges", Json::array({{{"range", range}, {"text", text}}})}});
}

std::vector<Json> Harness::take(const std::string& method) {
  std::vector<Json> taken;
  for (const Json& message : sent)
    if (message.value("method", "") == method) taken.push_back(message);
  std::erase_if(sent, [&](const Json& message) { return message.value("method", "") == method; });
  return taken;
}

void Harness::run_posted() {
  while (!posted_.empty()) {
    rpc::Job job = std::move(posted_.front());
    posted_.pop_front();
    job();
  }
}

Json at(const std::string& uri, int line, int character) {
  return {{"textDocument", {{"uri", uri}}}, {"position", {{"line", line}, {"character", character}}}};
}

}  // namespace test
