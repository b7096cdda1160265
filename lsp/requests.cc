// SPDX-License-Identifier: Apache-2.0
#include "lsp/requests.h"

#include <atomic>
#include <vector>

namespace lsp {

struct RequestState {
  std::string id, method;
  std::weak_ptr<Requests::Table> table;
  std::atomic<bool> answered{false};
  std::stop_source stop;

  // Whoever turns `answered` may send.
  void answer(const std::function<std::string()>& text, const RpcError* error) {
    if (answered.exchange(true)) return;
    const auto owner = table.lock();
    if (!owner) return;
    {
      std::lock_guard lock(owner->mutex);
      owner->open.erase(id);
    }
    owner->send(text());
    if (error != nullptr && owner->failed) owner->failed(method, *error);
  }
  void fail(const RpcError& error) {
    answer([&] { return error_text(id, error); }, &error);
  }
};

Reply& Reply::operator=(Reply&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

Reply::~Reply() {
  if (state_) state_->fail({RpcCode::kInternalError, "The server dropped this request; please report it."});
}

void Reply::result(const base::Json& result) {
  if (state_) state_->answer([&] { return result_text(state_->id, result); }, nullptr);
}

void Reply::fail(RpcError error) {
  if (state_) state_->fail(error);
}

std::stop_token Reply::stop() const {
  return state_ ? state_->stop.get_token() : std::stop_token();
}
bool Reply::answered() const {
  return !state_ || state_->answered;
}

Reply::Other Reply::other() const {
  Other other;
  other.state_ = state_;
  return other;
}

void Reply::Other::fail(const RpcError& error) const {
  const auto state = state_.lock();
  if (!state) return;
  state->fail(error);
  state->stop.request_stop();
}

std::optional<Reply> Requests::open(const std::string& id, std::string method) {
  auto state = std::make_shared<RequestState>();
  state->id = id;
  state->method = std::move(method);
  state->table = table_;
  std::lock_guard lock(table_->mutex);
  if (!table_->open.emplace(id, state).second) {
    state->answered = true;
    return std::nullopt;
  }
  return Reply(std::move(state));
}

bool Requests::fail(const std::string& id, const RpcError& error) {
  std::shared_ptr<RequestState> state;
  {
    std::lock_guard lock(table_->mutex);
    const auto found = table_->open.find(id);
    if (found == table_->open.end()) return false;
    state = found->second;
  }
  state->fail(error);
  state->stop.request_stop();
  return true;
}

void Requests::fail_all(const RpcError& error) {
  std::vector<std::string> ids;
  {
    std::lock_guard lock(table_->mutex);
    for (const auto& [id, state] : table_->open) ids.push_back(id);
  }
  for (const auto& id : ids) fail(id, error);
}

size_t Requests::size() const {
  std::lock_guard lock(table_->mutex);
  return table_->open.size();
}

}  // namespace lsp
