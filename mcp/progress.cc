// SPDX-License-Identifier: Apache-2.0
#include "mcp/progress.h"

#include <nlohmann/json.hpp>

namespace mcp {
namespace {

using namespace std::chrono_literals;

// A person or a program reads along; more often is noise.
constexpr auto kBetweenReports = 100ms;

}  // namespace

Progress::Progress(rpc::Send send, std::string token, bool with_words, std::chrono::milliseconds beat,
                   std::stop_token stop)
    : send_(std::move(send)), token_(std::move(token)), with_words_(with_words), beat_(beat), on_cancel_(stop, [this] {
        std::lock_guard lock(mutex_);
        cancelled_ = true;
      }) {
  if (token_.empty()) return;
  // Before the beater starts: from here on both are shared.
  words_ = "waiting for its turn";
  last_ = std::chrono::steady_clock::now();
  beater_ = std::jthread([this](std::stop_token ending) { keep_beating(ending); });
}

Progress::~Progress() = default;

void Progress::report(std::string words) {
  if (token_.empty()) return;
  std::lock_guard lock(mutex_);
  words_ = std::move(words);
  if (n_sent_ == 0 || std::chrono::steady_clock::now() - last_ >= kBetweenReports) send_locked();
}

void Progress::send_locked() {
  if (cancelled_) return;
  last_ = std::chrono::steady_clock::now();
  // How much is left is not known, so the value counts the notifications.
  auto token = base::parse_json(token_);
  base::Json params = {{"progressToken", token ? std::move(*token) : base::Json()}, {"progress", ++n_sent_}};
  if (with_words_ && !words_.empty()) params["message"] = words_;
  send_(rpc::notification_text("notifications/progress", params));
}

void Progress::keep_beating(std::stop_token ending) {
  std::unique_lock lock(mutex_);
  while (!ending.stop_requested()) {
    changed_.wait_until(lock, ending, last_ + beat_, [] { return false; });
    if (ending.stop_requested()) return;
    if (std::chrono::steady_clock::now() - last_ >= beat_) send_locked();
    if (cancelled_) return;
  }
}

}  // namespace mcp
