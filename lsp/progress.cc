// SPDX-License-Identifier: Apache-2.0
#include "lsp/progress.h"

#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>

namespace lsp {

using base::Json;

struct Progress::State {
  explicit State(const Client& to) : client(to) {}
  const Client& client;
  Json token, begin;
  std::mutex mutex;
  bool open = false, ended = false;  // guarded by mutex: open once the token may be used

  void send(const Json& value) const { client.notify("$/progress", {{"token", token}, {"value", value}}); }
  void start() {
    std::lock_guard lock(mutex);
    if (ended) return;  // the work was done before the client knew the token
    open = true;
    send(begin);
  }
};

Progress::Progress(Client& client, const Json& request_params, const std::string& title, const std::string& message)
    : state_(std::make_shared<State>(client)) {
  state_->begin = {{"kind", "begin"}, {"title", title}, {"message", message}, {"cancellable", true}, {"percentage", 0}};
  if (const auto token = request_params.find("workDoneToken");
      token != request_params.end() && (token->is_string() || token->is_number_integer())) {
    state_->token = *token;
    state_->start();
    return;
  }
  if (!client.capabilities.work_done_progress) return;
  static std::atomic<int> n_tokens{0};
  state_->token = "graft-progress-" + std::to_string(++n_tokens);
  client.request("window/workDoneProgress/create", {{"token", state_->token}},
                 [state = state_](const Json&, const std::optional<RpcError>& error) {
                   if (!error) state->start();
                 });
}

void Progress::report(const std::string& message, std::optional<int> percentage) const {
  Json value = {{"kind", "report"}, {"message", message}, {"cancellable", true}};
  if (percentage) value["percentage"] = *percentage;
  std::lock_guard lock(state_->mutex);
  if (state_->open && !state_->ended) state_->send(value);
}

void Progress::end(const std::string& message) const {
  std::lock_guard lock(state_->mutex);
  if (state_->open && !state_->ended) state_->send({{"kind", "end"}, {"message", message}});
  state_->ended = true;
}

bool Progress::has_token(const Json& token) const {
  return !token.is_null() && token == state_->token;
}

}  // namespace lsp
