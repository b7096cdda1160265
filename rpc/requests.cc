// SPDX-License-Identifier: Apache-2.0
#include "rpc/requests.h"

#include <atomic>
#include <vector>

namespace rpc {

struct RequestState {
  std::string id, method;
  std::weak_ptr<Requests::Table> table;
  std::atomic<bool> answered{false};
  std::stop_source stop;

  // Whoever turns `answered` may send; the table that it was open in, or nothing.
  std::shared_ptr<Requests::Table> close() {
    if (answered.exchange(true)) return nullptr;
    auto owner = table.lock();
    if (!owner) return nullptr;
    std::lock_guard lock(owner->mutex);
    owner->open.erase(id);
    return owner;
  }
  void answer(const std::function<std::string()>& text, const RpcError* error) {
    const auto owner = close();
    if (!owner) return;
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

void Reply::Other::result(const base::Json& result) const {
  const auto state = state_.lock();
  if (!state) return;
  state->answer([&] { return result_text(state->id, result); }, nullptr);
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

std::shared_ptr<RequestState> Requests::find(const std::string& id) const {
  std::lock_guard lock(table_->mutex);
  const auto found = table_->open.find(id);
  return found == table_->open.end() ? nullptr : found->second;
}

std::vector<std::string> Requests::ids() const {
  std::lock_guard lock(table_->mutex);
  std::vector<std::string> ids;
  for (const auto& [id, state] : table_->open) ids.push_back(id);
  return ids;
}

bool Requests::fail(const std::string& id, const RpcError& error) {
  const auto state = find(id);
  if (!state) return false;
  state->fail(error);
  state->stop.request_stop();
  return true;
}

void Requests::fail_all(const RpcError& error) {
  for (const auto& id : ids()) fail(id, error);
}

bool Requests::drop(const std::string& id) {
  const auto state = find(id);
  if (!state) return false;
  state->close();
  state->stop.request_stop();
  return true;
}

void Requests::drop_all() {
  for (const auto& id : ids()) drop(id);
}

size_t Requests::size() const {
  std::lock_guard lock(table_->mutex);
  return table_->open.size();
}

}  // namespace rpc
