// SPDX-License-Identifier: Apache-2.0
// mcp/progress.h: what a caller hears of a call that runs: notifications/progress, where it gave a token for them.
//
// Promise  Values rise with each notification. None is sent after the request was cancelled, nor after the end of this
//          object's life, which is before the call is answered.
// Threads  report() on the call's worker. A thread of its own sends the last words again where nothing was said for
//          `beat`: a check of the user may run for minutes without a word.
// Source   MCP 2026-07-28, "Progress", "Cancellation"; the same in 2025-11-25.
#pragma once
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "base/json.h"
#include "rpc/requests.h"

namespace mcp {

class Progress {
 public:
  // `token`: JSON text of the caller's token; empty: nobody wants to hear. `with_words`: the revision has a place for
  // them.
  // Made when the call arrives, so that one that waits for its turn is heard of too.
  Progress(rpc::Send send, std::string token, bool with_words, std::chrono::milliseconds beat, std::stop_token stop);
  ~Progress();

  void report(std::string words);

 private:
  void send_locked();
  void keep_beating(std::stop_token ending);

  const rpc::Send send_;
  const std::string token_;
  const bool with_words_;
  const std::chrono::milliseconds beat_;
  std::mutex mutex_;
  std::condition_variable_any changed_;           // with mutex_
  std::string words_;                             // guarded by mutex_
  int n_sent_ = 0;                                // guarded by mutex_
  bool cancelled_ = false;                        // guarded by mutex_
  std::chrono::steady_clock::time_point last_{};  // guarded by mutex_
  std::stop_callback<std::function<void()>> on_cancel_;
  std::jthread beater_;  // last: ends before what it uses
};

}  // namespace mcp
